"""What a second run takes from the first."""

import time

import numpy as np
import pytest

from gradproof import Verdict
from gradproof._watch.cache import Cache
from gradproof._watch.own import Own
from gradproof._watch.watch import Watch

CALLS = [0]


def run(folder, rule, seconds):
    """Return the outcome of a run of its own, and how often it called the rule."""
    with Watch(Own(folder, ("test_cache",)), cache=Cache(folder)) as rules:
        rule()
        CALLS[0] = 0
    (found,) = [one for one in rules.verify(seconds=seconds, total=seconds).rules if one.calls]
    return found.outcomes[0], CALLS[0]


@pytest.mark.library("torch")
def test_too_slow(tmp_path):
    """What the time was too short for is looked at again when there is more of it, not before."""
    import torch

    class Slow(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            CALLS[0] += 1
            time.sleep(0.02)
            ctx.save_for_backward(x)
            return x.exp()

        @staticmethod
        def backward(ctx, ct):
            return ct * ctx.saved_tensors[0].exp()

    x = torch.tensor(np.linspace(0.5, 1.5, 12))
    found, calls = run(tmp_path, lambda: Slow.apply(x), 0.2)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.cut == 0.2
    assert calls > 0
    found, calls = run(tmp_path, lambda: Slow.apply(x), 0.2)
    assert found.cached
    assert calls == 0
    found, calls = run(tmp_path, lambda: Slow.apply(x), 60)
    assert found.verdict is Verdict.PASS
    assert calls > 0
    found, calls = run(tmp_path, lambda: Slow.apply(x), 0.2)
    assert found.verdict is Verdict.PASS
    assert calls == 0


@pytest.mark.library("torch")
def test_no_time_at_all(tmp_path):
    """A check of which the time is up before it begins ends no program."""
    import torch

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, ct):
            return ct * 2

    found, _ = run(tmp_path, lambda: Double.apply(torch.rand(3)), 1e-9)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.finding == "the time of 1e-09 s was up before the check began"


@pytest.mark.library("torch")
def test_exceptions(tmp_path):
    """An exception is not kept: it may have another cause the next time."""
    import torch

    class Moody(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            CALLS[0] += 1
            return x * 2

        @staticmethod
        def backward(ctx, ct):
            if raises:
                raise OSError("no space left")
            return ct * 2

    raises = True
    found, _ = run(tmp_path, lambda: Moody.apply(torch.rand(3)), 20)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no space left" in found.finding
    raises = False
    found, _ = run(tmp_path, lambda: Moody.apply(torch.rand(3)), 20)
    assert found.verdict is Verdict.PASS
