"""Rules of PyTorch that a block of code calls: what is recorded, found, and left undisturbed."""

import random

import numpy as np
import pytest
from tests.watch.sample import HERE, in_thread, rules

import gradproof

pytestmark = pytest.mark.library("torch")


def roads():
    """Return, by name, a call of each rule under transforms and modes."""
    import torch
    from torch.utils.checkpoint import checkpoint

    x = torch.linspace(-1.3, 1.6, 6, dtype=torch.float64)
    moved = x.clone().requires_grad_()
    rows = x.reshape(2, 3)

    def quiet(call):
        with torch.no_grad():
            return call()

    return {
        "Sine": {
            "backward": lambda r: r.Sine.apply(moved, 1.7).sum().backward(),
            "no_grad": lambda r: quiet(lambda: r.Sine.apply(moved, 1.7)),
            "checkpoint": lambda r: checkpoint(r.Sine.apply, moved, 1.7, use_reentrant=False),
            "thread": lambda r: in_thread(lambda: r.Sine.apply(moved, 1.7)),
        },
        "MaskedExp": {
            "grad": lambda r: torch.func.grad(lambda x: r.MaskedExp.apply(x, x > 0).sum())(x),
            "vmap": lambda r: torch.func.vmap(r.MaskedExp.apply)(rows, rows > 0),
            "vmap of grad": lambda r: torch.func.vmap(
                torch.func.grad(lambda x: r.MaskedExp.apply(x, x > 0).sum())
            )(rows),
            "plain": lambda r: r.MaskedExp.apply(x, x > 0),
        },
        "Triple": {"in place": lambda r: r.Triple.apply(moved * 1)},
        "Softmax": {
            "bfloat16": lambda r: r.Softmax.apply(rows.to(torch.bfloat16)),
            "float32": lambda r: r.Softmax.apply(rows.float()),
        },
        "cube": {
            "operator": lambda r: r.cube(x),
            "by its name": lambda r: getattr(torch.ops, r.cube._qualname.partition("::")[0]).cube(
                moved
            ),
        },
    }


NAMES = {
    "Sine": ("backward", "no_grad", "checkpoint", "thread"),
    "MaskedExp": ("grad", "vmap", "vmap of grad", "plain"),
    "Triple": ("in place",),
    "Softmax": ("bfloat16", "float32"),
    "cube": ("operator", "by its name"),
}
#: The first number of all arguments.
FIRST = -1.3
CASES = [(rule, road) for rule, those in NAMES.items() for road in those]


def test_all_roads_are_tested():
    assert {rule: tuple(those) for rule, those in roads().items()} == NAMES


@pytest.mark.parametrize(("rule", "road"), CASES)
def test_recorded(rule, road):
    """A call is recorded with its numbers, whatever the transforms that it is made under."""
    module = rules("torch", wrong=False)
    with gradproof.watch(HERE) as watched:
        roads()[rule][road](module)
    report = watched.report()
    (one,) = [one for one in report.rules if one.calls]
    assert one.name == f"{module.__name__}.{rule}"
    assert one.file.endswith("rules_of_torch.py")
    assert one.verdict is None
    (kind,) = watched.records.kinds.values()
    assert "test_watch_torch.py" in kind.caller
    # Of a batch the first row, of a loop the first step.
    (values,) = kind.taken[:1]
    assert FIRST - 1e-2 < float(values[0].reshape(-1)[0]) < FIRST + 1e-2
    assert not report.errors


@pytest.mark.parametrize("rule", NAMES)
def test_found(rule):
    """A wrong rule fails, in all kinds of its calls; the right one passes."""
    for wrong in (True, False):
        module = rules("torch", wrong=wrong)
        with gradproof.watch(HERE) as watched:
            for call in roads()[rule].values():
                call(module)
        report = watched.verify(seconds=60)
        (one,) = [one for one in report.rules if one.calls]
        assert {o.verdict for o in one.outcomes} == {"fail" if wrong else "pass"}, str(report)
        assert not any("drawn" in note for outcome in one.outcomes for note in outcome.notes)
        assert not report.errors


def test_undisturbed():
    """Results are the same, and calls of the rule's own functions, and the random stream."""
    import torch

    calls = []

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            calls.append("forward")
            ctx.save_for_backward(x)
            return x**2 + 0 * torch.rand(())

        @staticmethod
        def backward(ctx, ct):
            calls.append("backward")
            return 2 * ctx.saved_tensors[0] * ct

    kept = Rule.apply  # as users keep it
    x = torch.linspace(-1.3, 1.6, 6, requires_grad=True)

    def run():
        calls.clear()
        torch.manual_seed(3)
        y = kept(x)
        (slope,) = torch.autograd.grad(y.sum(), x)
        return y.detach().numpy().tobytes(), slope.numpy().tobytes(), list(calls)

    before = run()
    with gradproof.watch(HERE) as watched:
        during = run()
    assert watched.report().rules[0].calls == 1
    assert before == during == run()
    assert "apply" not in vars(torch.autograd.Function.__mro__[1])

    def state():
        return torch.rand(2).tolist(), random.random(), np.random.random()

    def again():
        torch.manual_seed(5)
        random.seed(5)
        np.random.seed(5)

    again()
    expected = state()
    again()
    assert watched.verify(seconds=60).rules[0].name.endswith("Rule")
    assert state() == expected


def test_written_to():
    """What a rule writes to is copied before: values are those of the call."""
    import torch

    module = rules("torch", wrong=False)
    x = torch.ones(3)
    with gradproof.watch(HERE) as watched:
        module.Triple.apply(x)
    assert x.tolist() == [3.0, 3.0, 3.0]
    (kind,) = watched.records.kinds.values()
    assert kind.taken[0][0].tolist() == [1.0, 1.0, 1.0]


def test_which_arguments():
    """Arguments that the call does not differentiate by, or that have no gradient, are named."""
    import torch

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, weight, other):
            ctx.save_for_backward(x, weight)
            return x * weight + other

        @staticmethod
        def backward(ctx, ct):
            return ct * ctx.saved_tensors[1], None, 5 * ct

    x, weight, other = torch.rand(3, 4).unbind()
    with gradproof.watch(HERE) as watched:
        Rule.apply(x.requires_grad_(), weight, other)
    (rule,) = [one for one in watched.verify(seconds=60).rules if one.calls]
    assert rule.verdict == "pass"
    assert any("weight" in note for note in rule.outcomes[0].notes)
    assert any("other" in note for note in rule.outcomes[0].notes)
    # A pass says what it is not about, where it is said.
    shown = str(watched.report())
    assert "note: not differentiated by in this call, not checked: weight" in shown
    with gradproof.watch(HERE) as watched, torch.no_grad():
        Rule.apply(x, weight, other)
    (rule,) = [one for one in watched.verify(seconds=60).rules if one.calls]
    assert rule.verdict == "fail"
    assert any("None" in note and "weight" in note for note in rule.outcomes[0].notes)
    assert "other" in rule.outcomes[0].finding


def test_results_that_are_no_tensors():
    import torch

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            values, places = x.sort()
            ctx.save_for_backward(places)
            kept = values.detach().clone()
            ctx.mark_non_differentiable(places, kept)
            return values, places, kept, None, 3

        @staticmethod
        def backward(ctx, ct, *_):
            (places,) = ctx.saved_tensors
            return torch.zeros_like(ct).scatter_(-1, places, ct)

    with gradproof.watch(HERE) as watched:
        Rule.apply(torch.rand(5))
    (rule,) = [one for one in watched.verify(seconds=60).rules if one.calls]
    assert rule.verdict == "pass"
    assert any("not differentiable: 1" in note for note in rule.outcomes[0].notes)


def test_rule_that_raises():
    import torch

    calls = []

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            calls.append(x)
            if len(calls) > 1:
                raise RuntimeError("only once")
            return x.clone()

        @staticmethod
        def backward(ctx, ct):
            return ct

    with gradproof.watch(HERE) as watched:
        Rule.apply(torch.rand(5))
    report = watched.verify(seconds=60)
    assert report.verdict == "inconclusive"
    assert "only once" in str(report)


def test_registered_formula():
    """An operator that is defined by its schema, with a formula for autograd."""
    import torch

    library = torch.library.Library("gradproof_formula", "DEF")
    library.define("twice(Tensor x, float rate) -> Tensor")
    library.impl("twice", lambda x, rate: rate * x * x, "CompositeExplicitAutograd")
    torch.library.register_autograd(
        "gradproof_formula::twice",
        lambda ctx, ct: (ct * ctx.saved_tensors[0], None),
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(inputs[0]),
    )
    x = torch.rand(4, requires_grad=True)
    with gradproof.watch(HERE) as watched:
        torch.ops.gradproof_formula.twice(x, 1.5).sum().backward()
    (rule,) = [one for one in watched.verify(seconds=60).rules if one.calls]
    assert rule.name == "torch.ops.gradproof_formula.twice"
    assert rule.verdict == "fail"
    assert "`x`" in rule.outcomes[0].finding


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler itself
def test_compiled():
    """A rule in a compiled program is named as never called, rather than passed."""
    import torch

    module = rules("torch", wrong=False)
    with gradproof.watch(HERE) as watched:
        compiled = torch.compile(lambda x: module.Softmax.apply(x), backend="eager")
        compiled(torch.rand(2, 3))
    report = watched.verify(seconds=60)
    (rule,) = [one for one in report.rules if one.name == f"{module.__name__}.Softmax"]
    assert rule.calls == 0 or rule.verdict == "pass"
    assert not report.errors


def test_repeated(tmp_path, capsys):
    """The code that repeats a check runs by itself, and says the same."""
    import torch

    module = rules("torch", wrong=True)
    with gradproof.watch(tmp_path, only=["Softmax", "Sine"]) as watched:
        module.Softmax.apply(torch.linspace(0, 4, 6).reshape(2, 3).to(torch.bfloat16))
        module.Sine.apply(torch.rand(3), 1.5)
    for rule in watched.verify(seconds=60).rules:
        if rule.calls:
            exec(compile(rule.outcomes[0].snippet, "snippet", "exec"), {})
            assert capsys.readouterr().out.startswith("fail: ")


def test_arguments_of_all_kinds():
    """Sparse and complex tensors, lists of tensors, functions; under inference and autocast."""
    import torch

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, matrix, x):
            ctx.matrix = matrix
            return matrix @ x

        @staticmethod
        def backward(ctx, ct):
            return None, ctx.matrix.t() @ ct

    class SquaredSize(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return (z * z.conj()).real

        @staticmethod
        def backward(ctx, ct):
            return 2 * ctx.saved_tensors[0] * ct

    class Sum(torch.autograd.Function):
        @staticmethod
        def forward(ctx, func, names, *every):
            ctx.save_for_backward(*every)
            return sum(func(one) for one in every)

        @staticmethod
        def backward(ctx, ct):
            return None, None, *(2 * one * ct for one in ctx.saved_tensors)

    class Cube(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, ct):
            return 3 * ctx.saved_tensors[0] ** 2 * ct

    x = torch.rand(4, requires_grad=True)
    with gradproof.watch(HERE) as watched:
        Product.apply(torch.eye(4).to_sparse(), x)
        SquaredSize.apply(torch.rand(3, dtype=torch.complex128))
        Sum.apply(torch.square, ["a", "b"], x, x)
        with torch.inference_mode():
            Cube.apply(torch.rand(3))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            Cube.apply(x)
    report = watched.verify(seconds=60)
    verdicts = {r.name.rpartition(".")[2]: r.verdict for r in report.rules if r.calls}
    names = ("Product", "SquaredSize", "Sum", "Cube")
    assert verdicts == dict.fromkeys(names, "pass"), str(report)
    assert not report.errors


def test_differentiated_by_more_later():
    """A kind that was verified is verified again, where a later call needs another gradient."""
    import torch

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.save_for_backward(x, weight)
            return x * weight

        @staticmethod
        def backward(ctx, ct):
            x, weight = ctx.saved_tensors
            return ct * weight, 2 * ct * x

    x, weight = torch.rand(4), torch.rand(4)
    with gradproof.watch(HERE) as watched:
        Rule.apply(x.clone().requires_grad_(), weight)
        watched.verify_seen(60)
        assert [r.verdict for r in watched.report().rules if r.calls] == ["pass"]
        Rule.apply(x, weight.clone().requires_grad_())
    (rule,) = [one for one in watched.verify(seconds=60).rules if one.calls]
    assert rule.verdict == "fail"
    assert not any("drawn" in note for note in rule.outcomes[0].notes)
