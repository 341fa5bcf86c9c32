"""Points beside x0: of every kind of array, and as reports print them."""

import re
from typing import Any

import numpy as np
import pytest

import gradproof
from gradproof import Verdict, beside, verify_autodiff, verify_grad, verify_vjp


def test_every_kind_of_array(arrays):
    """Each entry moves by a tenth to a fifth of its size, and nothing else is changed."""
    values = [1.0, 1.0, -2.0, 0.0, 100.0, -0.125]
    x0 = arrays(values)
    found = beside(x0)
    assert type(found) is type(x0)
    assert (found.dtype, found.shape) == (x0.dtype, x0.shape)
    moved = arrays.numpy(found) - values
    share = moved / [1.0, 1.0, -2.0, 1.0, 100.0, -0.125]
    assert ((share >= 0.1 - 4 * arrays.eps) & (share <= 0.2 + 4 * arrays.eps)).all()
    assert len(set(share)) == len(share)
    assert (arrays.numpy(x0) == values).all()
    assert (arrays.numpy(beside(x0)) == arrays.numpy(found)).all()
    assert (arrays.numpy(beside(x0, seed=1)) != arrays.numpy(found)).any()
    if hasattr(x0, "device"):
        assert found.device == x0.device


def test_sizes(arrays):
    values = np.array([1.0, 0.0, -0.125, 64.0])
    x0 = arrays(values)
    for least in (1, 16.0):
        share = abs(arrays.numpy(beside(x0, least=least)) - values) / np.maximum(abs(values), least)
        assert ((share >= 0.1 - 4 * arrays.eps) & (share <= 0.2 + 4 * arrays.eps)).all()
    nearer = arrays.numpy(beside(x0, scale=0.125))[[0, 2, 3]] / (values[[0, 2, 3]] / 8)
    assert ((nearer >= 1.1 - 4 * arrays.eps) & (nearer <= 1.2 + 4 * arrays.eps)).all()


def test_without_axes(wide):
    x0 = wide(2.0)
    found = beside(x0)
    assert (type(found), found.dtype, found.shape) == (type(x0), x0.dtype, ())
    assert 2.2 <= float(wide.numpy(found)) <= 2.4


def test_pytrees(wide):
    """What is not floating stays, and no two entries of several leaves move alike."""
    count = 3
    x0 = {"w": wide([1.0, 1.0]), "deep": [wide([[1.0]]), (wide(1.0), count)], "name": None}
    found = beside(x0)
    assert list(found) == ["w", "deep", "name"] or set(found) == set(x0)
    assert found["deep"][1][1] == 3
    assert type(found["deep"][1][1]) is int
    assert found["name"] is None
    every = [found["w"], found["deep"][0], found["deep"][1][0]]
    assert [one.shape for one in every] == [(2,), (1, 1), ()]
    numbers = np.concatenate([wide.numpy(one).ravel() for one in every])
    assert len(set(numbers)) == 4
    assert ((numbers > 1.09) & (numbers < 1.21)).all()


def test_several_arguments(wide):
    """A tuple is several arguments, of which some may have nothing to move."""
    x, n, word, y, w = beside((wide([1.0, 1.0]), 3, "mean", wide(1.0), [1.0, 2.0]))
    assert (n, word) == (3, "mean")
    assert (x.shape, y.shape) == ((2,), ())
    assert len({*wide.numpy(x), float(wide.numpy(y))}) == 3
    assert isinstance(w, list)
    every = beside((1.0, 2.0))
    assert type(every) is tuple
    assert [type(one) for one in every] == [float, float]


@pytest.mark.parametrize("x0", [2.0, 2, -1.5, 0.0, 1 + 2j])
def test_numbers(x0):
    found = beside(x0)
    assert type(found) is (complex if isinstance(x0, complex) else float)
    assert 0.09 < abs(found - x0) / (abs(x0) or 1) < 0.3


def test_complex_and_whole_numbers():
    x0 = np.array([1 + 0j, 3j, 0])
    found = beside(x0)
    assert found.dtype == x0.dtype
    moved = (found - x0) / [1, 3, 1]
    assert ((moved.real >= 0.1) & (moved.imag >= 0.1) & (abs(moved) < 0.3)).all()
    whole = beside(np.arange(3))  # a check differentiates by them as floating numbers
    assert whole.dtype == np.float64
    assert (whole != np.arange(3)).all()


def test_entries_that_cannot_be_moved_far():
    x0 = np.array([np.nan, np.inf, 65504.0, -1.0], np.float16)
    found = beside(x0)
    assert np.isnan(found[0])
    assert np.isinf(found[1])
    assert 50_000 < found[2] < 60_000  # there is no larger number
    assert -1.21 < found[3] < -1.09
    tiny = np.array([5e-324, 6e-8], np.float64)
    assert (beside(tiny) != tiny).all()
    short = np.full(3, 6e-8, np.float16)  # the least one of all
    assert (beside(short) != short).all()


def test_few_equal_entries_of_half_precision():
    """Which has a dozen numbers from 1.1 to 1.2."""
    for seed in range(20):
        assert len(set(beside(np.ones(8, np.float16), seed=seed))) == 8


@pytest.mark.library("torch")
def test_torch():
    import torch

    x0 = torch.ones(3, requires_grad=True)
    found = beside(x0)
    assert found.requires_grad
    assert found.is_leaf
    half = beside(torch.ones(6, dtype=torch.bfloat16))
    assert len(set(half.tolist())) == 6
    net = torch.nn.Linear(2, 1)
    there = beside(net)
    assert isinstance(there, torch.nn.Linear)
    assert not torch.equal(there.weight, net.weight)
    assert not torch.equal(beside(net.state_dict())["weight"], net.weight)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": 0}, "scale=0; expected a number that is finite and not zero"),
        ({"scale": np.inf}, "scale=inf; expected"),
        ({"least": -1}, "least=-1; expected a number that is finite and not negative"),
        ({"seed": -1}, "seed=-1; expected an int"),
        ({"seed": 0.5}, "seed=0.5; expected an int"),
    ],
)
def test_options_out_of_range(options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        beside(np.ones(3), **options)


def test_nothing_to_move():
    with pytest.raises(TypeError, match="without a floating leaf"):
        beside({"n": 3})
    with pytest.raises(TypeError, match="without a floating leaf"):
        beside("text")
    assert beside(np.zeros(0)).shape == (0,)


def taken(report: Any, variables: dict[str, Any]) -> Any:
    """Return the point that an inconclusive report names, which needs gradproof and no other."""
    assert report.verdict is Verdict.INCONCLUSIVE, str(report)
    found = re.search(r"(gradproof\.beside\(.*\))$", report.next_step)
    assert found is not None, report.next_step
    assert f"next: {report.next_step}" in " ".join(str(report).split())
    return eval(found[1], {"gradproof": gradproof, **variables})


def judge(check: Any, point: Any) -> None:
    """See that a right claim passes there, and that wrong ones fail."""
    assert check(1.0, point).verdict is Verdict.PASS, str(check(1.0, point))
    for factor in (1.5, -1.0, 0.0):
        assert check(factor, point).verdict is Verdict.FAIL, factor


def sharp(arrays: Any) -> bool:
    return arrays.dtype in ("float32", "float64")


class TestPrinted:
    """The point of a report, taken literally."""

    def test_an_array(self, arrays):
        start, xp = arrays([1.0, 1.0, 1.0, 1.0]), arrays.xp

        def check(factor, start):
            return verify_grad(
                lambda x: xp.sum((x - 1) ** 2), lambda x: factor * 2 * (x - 1), start, seed=0
            )

        point = taken(check(3.0, start), {"start": start})
        assert point.dtype == start.dtype
        if sharp(arrays):
            judge(check, point)

    def test_a_tie(self, arrays):
        start = arrays([1.0, 1.0, 0.5])
        xp = arrays.xp

        def check(factor, start):
            return verify_grad(
                lambda x: xp.max(x),
                lambda x: factor * xp.astype(x == xp.max(x), x.dtype),
                start,
                seed=0,
            )

        report = check(1.0, start)
        if sharp(arrays) or report.verdict is Verdict.INCONCLUSIVE:
            point = taken(report, {"start": start})
            assert point.dtype == start.dtype
        if sharp(arrays):
            judge(check, point)

    def test_without_axes(self, wide):
        number = wide(1.0)

        def check(factor, number):
            return verify_grad(
                lambda x: (x - 1) ** 2, lambda x: factor * 2 * (x - 1), number, seed=0
            )

        judge(check, taken(check(3.0, number), {"number": number}))
        judge(check, taken(check(3.0, 1.0), {"number": 1.0}))

    def test_a_pytree(self, wide):
        params, xp = {"w": wide([1.0, 1.0, 1.0]), "deep": [wide(2.0), 3]}, wide.xp

        def func(p):
            return xp.sum((p["w"] - 1) ** 2) + (p["deep"][0] - 2) ** 2 * p["deep"][1]

        def check(factor, params):
            def claim(p):
                b, n = p["deep"]
                return {"w": factor * 2 * (p["w"] - 1), "deep": [factor * 2 * n * (b - 2), None]}

            return verify_grad(func, claim, params, seed=0)

        judge(check, taken(check(3.0, params), {"params": params}))

    def test_several_arguments(self, wide):
        one, more, xp = wide([1.0, 1.0]), wide([[1.0], [1.0]]), wide.xp

        def func(x, y):
            return xp.sum((x - 1) ** 2) + xp.sum((y - 1) ** 2)

        def check(factor, point):
            one, more = point
            return verify_vjp(
                func,
                lambda x, y, ct: (ct * factor * 2 * (x - 1), ct * factor * 2 * (y - 1)),
                one,
                more,
                argnums=(0, 1),
                seed=0,
            )

        report = check(3.0, (one, more))
        assert "gradproof.beside((one, more))" in report.next_step
        judge(check, taken(report, {"one": one, "more": more}))

    def test_one_of_several_arguments(self, wide):
        data, w, xp = wide([1.0, 2.0]), wide([1.0, 1.0]), wide.xp

        def check(factor, w):
            return verify_grad(
                lambda d, w: xp.sum((d * (w - 1)) ** 2),
                lambda d, w: factor * 2 * d * d * (w - 1),
                data,
                w,
                argnums=1,
                seed=0,
            )

        report = check(3.0, w)
        assert report.next_step.endswith("gradproof.beside(w)")
        judge(check, taken(report, {"w": w}))

    @pytest.mark.library("torch")
    def test_a_rule_of_torch(self):
        import torch

        def rule(factor):
            class Rule(torch.autograd.Function):
                @staticmethod
                def forward(ctx, x, y):
                    ctx.save_for_backward(x, y)
                    return ((x - 1) ** 2).sum() + ((y - 1) ** 2).sum()

                @staticmethod
                def backward(ctx, ct):
                    return tuple(ct * factor * 2 * (part - 1) for part in ctx.saved_tensors)

            return Rule.apply

        x, y = torch.ones(2), torch.ones(3, 1)

        def check(factor, point):
            x, y = point
            return verify_autodiff(rule(factor), x, y, seed=0)

        report = check(3.0, (x, y))
        assert "gradproof.beside((x, y))" in report.next_step
        judge(check, taken(report, {"x": x, "y": y}))

    @pytest.mark.library("torch")
    def test_the_inputs_of_gradcheck(self):
        import torch

        from gradproof.compat.torch import gradcheck

        x = torch.full((3,), 1e-200, dtype=torch.float64, requires_grad=True)

        def check(inputs):
            return gradcheck(lambda x: torch.cos(x).sum(), inputs, check_batched_grad=False)

        with pytest.raises(gradproof.Inconclusive) as caught:
            check(x)
        found = re.search(r"next: .*(gradproof\.beside\(.*\))", str(caught.value))
        assert found is not None
        for inputs in (x, (x,)):
            assert check(eval(found[1], {"gradproof": gradproof, "inputs": inputs}))

    @pytest.mark.library("jax")
    def test_a_rule_of_jax(self):
        import jax
        import jax.numpy as jnp

        def rule(factor):
            @jax.custom_vjp
            def least(params):
                return ((params["w"] - 1) ** 2).sum()

            least.defvjp(
                lambda p: (least(p), p), lambda p, ct: ({"w": ct * factor * 2 * (p["w"] - 1)},)
            )
            return least

        params = {"w": jnp.ones(3)}

        def check(factor, params):
            return verify_autodiff(rule(factor), params, seed=0)

        judge(check, taken(check(3.0, params), {"params": params}))

    def test_a_point_without_a_name(self):
        """It is called as func calls it then."""
        rng = np.random.default_rng(0)
        report = verify_grad(
            lambda w: ((w - w.mean()) ** 2).sum(),
            lambda w: 3 * (w - w.mean()),
            0 * rng.normal(size=3) + 1,
            seed=0,
        )
        assert "<w: float64 array" in report.repeat
        assert report.next_step.endswith("gradproof.beside(w)")
