"""Warnings of libraries that are not about func, in one thread or in several."""

import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from gradproof import verify_grad
from gradproof._backends.unheard import unheard


def test_of_this_thread_alone():
    heard = []

    def other():
        try:
            warnings.warn("there it is", FutureWarning, stacklevel=1)
        except FutureWarning as err:
            heard.append(str(err))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        with unheard("there"):
            warnings.warn("there it is", FutureWarning, stacklevel=1)
            with pytest.raises(UserWarning, match="another"):
                warnings.warn("another one", UserWarning, stacklevel=1)
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            with unheard("another"):
                warnings.warn("another one", UserWarning, stacklevel=1)
            with pytest.raises(UserWarning, match="another"):
                warnings.warn("another one", UserWarning, stacklevel=1)
        assert heard == ["there it is"]
        assert list(warnings.filters) == before


def test_leaves_the_filters_as_they_were():
    before = list(warnings.filters)

    def work(i):
        with unheard(f"warning {i % 3}"):
            warnings.warn(f"warning {i % 3}", UserWarning, stacklevel=1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(400)))
    assert list(warnings.filters) == before


@pytest.mark.library("torch")
def test_concurrent_checks_leave_the_filters():
    import torch

    before = list(warnings.filters)

    def work(seed):
        x = torch.linspace(0.5, 1.5, 40, dtype=torch.float64)
        return verify_grad(lambda x: (x**3).sum(), lambda x: 3 * x**2, x, seed=seed).ok

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(24)))
    assert list(warnings.filters) == before


@pytest.mark.library("torch")
def test_no_warning_of_loading():
    """In a process of its own: what torch warns of when forward mode is loaded, it does once."""
    program = """if True:
        import warnings
        import torch
        import gradproof
        warnings.simplefilter("error")
        x = torch.linspace(0.5, 1.5, 4, dtype=torch.float64)
        report = gradproof.verify_autodiff(lambda x: x.sin() * x, x, seed=0)
        assert report.ok and not report.scope.not_checked, str(report)
        from gradproof.compat.torch.first_order import gradcheck
        options = {"check_forward_ad": True, "check_batched_forward_grad": True}
        assert gradcheck(torch.sin, x.clone().requires_grad_(), check_batched_grad=True, **options)
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
