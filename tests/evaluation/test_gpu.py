"""
The same checks on an NVIDIA GPU.

They need one, and versions of PyTorch and JAX for it: ``nox -s gpu`` runs them with what is
installed. Without ``-m gpu`` they are deselected; with it, a machine without a GPU fails them.
"""

import pytest
from tests.libraries import imported

import gradproof

pytestmark = [pytest.mark.gpu]


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.library(name)) for name in ("torch", "jax")]
)
def on_gpu(request):
    """A function that makes an array on the first GPU, and the namespace."""
    if request.param == "torch":
        torch = imported("torch")
        assert torch.cuda.is_available(), "torch finds no GPU here"
        return torch, lambda a, dtype: torch.as_tensor(
            a, device="cuda", dtype=getattr(torch, dtype)
        )
    jax = imported("jax")
    xp = imported("jax.numpy")
    (gpu, *_) = jax.devices("gpu")
    return xp, lambda a, dtype: jax.device_put(xp.asarray(a, dtype=dtype), gpu)


def device_of(array):
    return array.device if hasattr(array, "device") else array.devices()


DTYPES = ["float32", "float16", "bfloat16"]
WAYS = [{}, {"vectorize": True}, {"vectorize": False}, {"workers": 2}]


@pytest.mark.parametrize("how", WAYS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_verdicts(on_gpu, dtype, how):
    xp, make = on_gpu
    x0 = make([0.3 + 0.1 * i for i in range(20)], dtype)

    def func(x):
        assert device_of(x) == device_of(x0)
        return xp.sum(xp.sin(x) * x)

    def grad(x):
        assert device_of(x) == device_of(x0)
        return xp.sin(x) + x * xp.cos(x)

    assert gradproof.verify_grad(func, grad, x0, seed=0, **how).ok
    for wrong in (lambda x: -grad(x), lambda x: 2 * grad(x), lambda x: xp.roll(grad(x), 3)):
        assert gradproof.verify_grad(func, wrong, x0, seed=0, **how).verdict == "fail"


@pytest.mark.parametrize("direction", ["all", "random"])
def test_check_grad(on_gpu, direction):
    xp, make = on_gpu
    x0 = make([0.3 + 0.1 * i for i in range(1000)], "float32")
    right = gradproof.check_grad(
        lambda x: xp.sum(xp.sin(x)), xp.cos, x0, direction=direction, seed=0
    )
    wrong = gradproof.check_grad(
        lambda x: xp.sum(xp.sin(x)), xp.sin, x0, direction=direction, seed=0
    )
    assert right < 0.05 * wrong


@pytest.mark.library("torch")
def test_one_wait_for_each_batch():
    """A batch runs without a look at its results: torch would raise at a hidden wait."""
    torch = imported("torch")
    assert torch.cuda.is_available(), "torch finds no GPU here"
    x0 = torch.linspace(0.3, 1.7, 512, device="cuda")

    def func(x):
        torch.cuda.set_sync_debug_mode("error")
        try:
            return torch.sin(x).sum()
        finally:
            torch.cuda.set_sync_debug_mode("default")

    assert gradproof.check_grad(func, torch.cos, x0, vectorize=True, batch_size=128) < 0.1


@pytest.mark.library("jax")
def test_no_transfers_by_implication():
    jax, xp = imported("jax"), imported("jax.numpy")
    x0 = jax.device_put(xp.linspace(0.3, 1.7, 512, dtype="float32"), jax.devices("gpu")[0])
    func, grad = jax.jit(lambda x: xp.sin(x).sum()), jax.jit(xp.cos)
    with jax.transfer_guard("disallow"):
        assert gradproof.check_grad(func, grad, x0, vectorize=True) < 0.1
        assert gradproof.check_grad(func, grad, x0, direction="random", seed=0) < 0.1
