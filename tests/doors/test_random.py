"""Random directions: from any generator, for any array, the same for the same seed."""

import math

import numpy as np
import pytest
from tests import examples as claims
from tests.libraries import REQUIRED

from gradproof import check_grad
from gradproof._numerics.blocks import BLOCK, dot, drawn, norm


def wrong(x):
    return [-g for g in claims.grad(x)]


def error(arrays, **source) -> float:
    """Return a number in which the direction shows: that of a wrong claim."""
    return check_grad(claims.func, wrong, arrays(claims.point()), direction="random", **source)


NUMPY_SOURCES = {
    "int": lambda: 7,
    "np.int64": lambda: np.int64(7),
    "Generator": lambda: np.random.default_rng(7),
    "RandomState": lambda: np.random.RandomState(7),
    "SeedSequence": lambda: np.random.SeedSequence(7),
    "BitGenerator": lambda: np.random.PCG64(7),
}


def torch_generator():
    import torch

    return torch.Generator().manual_seed(7)


def jax_key():
    import jax

    return jax.random.key(7)


def raw_jax_key():
    import jax

    return jax.random.PRNGKey(7)


SOURCES = dict(NUMPY_SOURCES)
if "torch" in REQUIRED:
    SOURCES["torch.Generator"] = torch_generator
if "jax" in REQUIRED:
    SOURCES["jax key"] = jax_key
    SOURCES["raw jax key"] = raw_jax_key


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("keyword", ["seed", "rng"])
def test_same_seed_same_direction(arrays, source, keyword):
    first, second = (error(arrays, **{keyword: SOURCES[source]()}) for _ in range(2))
    assert first == second
    assert first > 0


@pytest.mark.parametrize("source", [s for s in SOURCES if s.endswith(("Generator", "RandomState"))])
def test_generators_are_advanced(wide, source):
    generator = SOURCES[source]()
    assert error(wide, rng=generator) != error(wide, rng=generator)


def test_other_seeds_other_directions(wide):
    assert len({error(wide, seed=seed) for seed in range(5)}) == 5


@pytest.mark.parametrize("module", [np.random])
def test_numpy_random_itself(wide, module):
    np.random.seed(3)
    first = error(wide, seed=module)
    np.random.seed(3)
    assert error(wide, rng=module) == first


def test_no_source(wide):
    """None is the global state of NumPy or torch, fresh entropy on JAX."""
    seed = {"torch": lambda: __import__("torch").manual_seed(5)}.get(
        wide.library, lambda: np.random.seed(5)
    )
    seed()
    first = error(wide)
    second = error(wide)
    seed()
    again = error(wide)
    assert first != second
    assert (again == first) is (wide.library != "jax")


@pytest.mark.parametrize(
    ("keyword", "bad", "kind"),
    [
        ("seed", "x", ValueError),
        ("seed", 1.5, ValueError),
        ("rng", "x", TypeError),
        ("rng", math, TypeError),  # of modules, numpy.random alone is a source
    ],
)
@pytest.mark.parametrize("direction", ["all", "random"])
def test_refused(wide, keyword, bad, kind, direction):
    def never(x):
        raise AssertionError

    with pytest.raises(kind, match="cannot be used to draw .*: .*[.] Expected None, an int"):
        check_grad(never, never, wide([1.0]), direction=direction, **{keyword: bad})


@pytest.mark.parametrize("keyword", ["seed", "rng"])
def test_numbers_out_of_range(keyword):
    """An int is what was expected, so the message says what is wrong with this one."""
    with pytest.raises(ValueError, match=f"{keyword}=-1 cannot .*: .*(between 0|non-negative)"):
        check_grad(claims.func, claims.grad, np.ones(1), **{keyword: -1})


def never(x):
    raise AssertionError("called in spite of a bad seed")


@pytest.mark.library("jax")
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda jax: jax.random.split(jax.random.key(0), 3), ValueError),
        (lambda jax: jax.random.PRNGKey(0, impl="rbg"), TypeError),  # raw, it does not say so
        (lambda jax: jax.numpy.ones(2), TypeError),
    ],
)
def test_no_key(make, kind):
    import jax

    with pytest.raises(kind, match="(?s)cannot be used to draw a random direction: .* JAX key"):
        check_grad(never, never, jax.numpy.ones(2), direction="random", rng=make(jax))


@pytest.mark.library("torch")
@pytest.mark.parametrize("bad", [lambda torch: torch.tensor(3), lambda torch: torch.nn.ReLU()])
def test_no_torch_generator(bad):
    import torch

    with pytest.raises(TypeError, match="cannot be used to draw a random direction"):
        check_grad(never, never, torch.ones(2), direction="random", rng=bad(torch))


def test_both_are_refused(wide):
    with pytest.raises(TypeError, match="Specify one of `rng` or `seed`"):
        check_grad(claims.func, claims.grad, wide([1.0]), rng=1, seed=1)


def test_many_extra_arguments(wide):
    """SciPy takes four or more extra arguments with a seed for two seeds."""

    def func(x, *args):
        return claims.func(x) * sum(args)

    def grad(x, *args):
        return [sum(args) * g for g in claims.grad(x)]

    x0 = wide(claims.point())
    assert check_grad(func, grad, x0, 1, 2, 3, 4, 5, direction="random", seed=1) < 0.1


@pytest.mark.library("torch")
def test_many_entries_do_not_repeat_in_step(monkeypatch):
    """Of PyTorch's, the same numbers serve again: from another place on, told by the seed."""
    import torch

    from gradproof._backends.torch import backend as _torch

    monkeypatch.setattr(_torch, "_BLOCK", 64)
    backend, like = _torch.TorchBackend(), torch.zeros(64 * 16)
    found = [backend.tangent(torch.Generator().manual_seed(s), like)[0] for s in (1, 1, 2)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    numbers = backend.to_host([found[0]])[0]
    assert len({tuple(row) for row in numbers.reshape(16, 64).tolist()}) > 8


@pytest.mark.library("jax")
def test_all_digits_of_a_seed_count():
    import jax.numpy as jnp

    def found(seed):
        x = jnp.asarray(claims.point())
        return check_grad(claims.func, wrong, x, direction="random", seed=seed)

    assert len({found(seed) for seed in (7, 7 + 2**32, 7 + 2**40)}) == 3


def test_blocks_are_what_all_at_once_is():
    n = 2 * BLOCK + 5
    whole = np.random.default_rng(7).standard_normal(n)
    np.testing.assert_array_equal(drawn(n, np.random.default_rng(7).standard_normal), whole)
    assert norm(n, whole.__getitem__) == pytest.approx(np.linalg.norm(whole), rel=1e-14)
    half = whole / 2
    assert dot(n, whole.__getitem__, half.__getitem__) == pytest.approx(whole @ half, rel=1e-12)
