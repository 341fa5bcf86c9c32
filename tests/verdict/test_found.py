"""What writing the examples of docs/examples as a user has found."""

from dataclasses import replace

import numpy as np
import pytest

from gradproof import (
    Verdict,
    verify_grad,
    verify_hess,
    verify_hvp,
    verify_jac,
    verify_jvp,
    verify_vjp,
)


def test_report_on_an_hvp_names_the_dtype_of_the_arrays():
    x0 = np.linspace(0.5, 1.5, 4)
    report = verify_hvp(lambda x: (x**3).sum(), lambda x, v: 6 * x * v, x0, seed=0)
    assert report.dtype == "float64"
    assert "matter (float64)" in str(report)


def test_jacobian_by_a_number_has_the_shape_of_the_values():
    # The claim sees a number as it was given, and its derivative has no axis for it.
    def func(x):
        return np.stack([x**2, np.sin(x), 3 * x]).reshape(3)

    def jac(x):
        return np.stack([2 * x, np.cos(x), np.full_like(x, 3.0)])

    assert verify_jac(func, jac, np.array(0.7), seed=0).verdict is Verdict.PASS
    wrong = verify_jac(func, lambda x: jac(x) * [1, -1, 1], np.array(0.7), seed=0)
    assert wrong.verdict is Verdict.FAIL


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stairs", [np.round, np.sign, np.floor])
def test_straight_through_rule_is_told_to_be_one(stairs, dtype):
    x0 = np.array([0.2, 1.3, -0.7, 2.1], dtype)
    report = verify_vjp(stairs, lambda x, ct: ct, x0, seed=0)
    assert report.verdict is not Verdict.PASS
    assert "straight-through rule is no derivative" in str(report)
    meant = verify_vjp(lambda x: x * 1, lambda x, ct: ct, x0, seed=0)
    assert meant.verdict is Verdict.PASS


def test_no_stairs_where_func_moves():
    x0 = np.linspace(0.5, 1.5, 6)
    report = verify_grad(lambda x: (x**3).sum(), lambda x: 2 * x**2, x0, seed=0)
    assert report.verdict is Verdict.FAIL
    assert "straight-through" not in str(report)


def test_leaf_without_a_derivative_is_named():
    x0 = {"w": np.array([0.5, 1.5]), "b": np.array([1.0])}
    report = verify_grad(
        lambda p: (p["w"] ** 2).sum() * p["b"][0],
        lambda p: {"w": 2 * p["w"] * p["b"], "b": np.zeros(1)},
        x0,
        seed=0,
    )
    assert report.verdict is Verdict.FAIL
    assert "the claim is 0 in every entry of ['b']: was it detached" in str(report)
    nothing = verify_grad(lambda x: (x**2).sum(), np.zeros_like, x0["w"], seed=0)
    assert "the claim is 0 in every entry: was it detached" in str(nothing)


def test_each_check_that_fails_says_why():
    x0 = {"a": np.array([1.0, 2.0]), "b": np.array(3.0)}

    def hess(p):
        by_a = {"a": 2 * p["b"] * np.eye(2), "b": p["a"]}  # forgot the 2
        return {"a": by_a, "b": {"a": 2 * p["a"], "b": np.zeros(())}}

    text = str(verify_hess(lambda p: (p["a"] ** 2).sum() * p["b"], hess, x0, seed=0))
    assert "symmetry: the claim is not symmetric: 1 at ['a'][0] by ['b'], but 2 at" in text
    assert "Hessian: " not in text  # what the finding says is not said again


def test_value_beside_a_gradient_that_nobody_asked_for():
    x0 = np.array([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match=r"\[0\] \(\), \[1\] \(3,\).*value_and_grad=True"):
        verify_grad(lambda x: (x**2).sum(), lambda x: ((x**2).sum(), 2 * x), x0)


def test_one_gradient_for_two_arguments_is_told_with_its_shape():
    a, b = np.ones(3), np.full(3, 2.0)
    with pytest.raises(TypeError, match=r"one array of shape \(3,\), and no container"):
        verify_vjp(lambda a, b: a * b, lambda a, b, ct: ct * b, a, b, argnums=(0, 1))


def logistic(dtype="float32", n=60):
    """A loss far larger than its gradient, at weights of which two are tiny by chance."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((2000, n)).astype(dtype), rng.choice([-1.0, 1.0], 2000).astype(dtype)
    w = (rng.standard_normal(n) / 20).astype(dtype)
    w[[5, 11]] = 2e-5, -1.5e-5

    def func(w):
        return np.logaddexp(0, -y * (X @ w), dtype=dtype).sum(dtype=dtype)

    def grad(w):
        return X.T @ (-y / (1 + np.exp(y * (X @ w))))

    return func, grad, w


def test_tiny_entries_of_x_may_go_as_far_as_the_others():
    func, grad, w = logistic()
    assert verify_grad(func, grad, w, seed=0).verdict is Verdict.PASS

    def wrong(w):
        g = grad(w)
        g[11] *= 1.05
        return g

    report = verify_grad(func, wrong, w, seed=0)
    assert report.verdict is Verdict.FAIL
    assert report.worst(1)[0]["index"] == (11,)


@pytest.mark.parametrize("writeable", [True, False])
def test_what_a_claim_returns_is_not_written_to(writeable):
    """A claim of a linear function may return the same array every time."""
    x0, v = np.linspace(0.5, 1.5, 5), np.linspace(-1, 1, 5)
    H = np.diag(np.arange(1.0, 6.0))
    cached = {"grad": v.copy(), "jac": H.copy(), "vjp": v.copy(), "jvp": H @ v, "hvp": H @ v}
    before = {name: array.copy() for name, array in cached.items()}
    for array in cached.values():
        array.flags.writeable = writeable
    assert verify_grad(lambda x: v @ x, lambda x: cached["grad"], x0, seed=0).ok
    assert verify_jac(lambda x: H @ x, lambda x: cached["jac"], x0, seed=0).ok
    # Of one fixed cotangent or tangent they are right; of others they are not.
    for verdict in (
        verify_vjp(lambda x: x, lambda x, ct: cached["vjp"], x0, seed=0).verdict,
        verify_hvp(
            lambda x: (x * (H @ x)).sum() / 2, lambda x, t: cached["hvp"], x0, seed=0
        ).verdict,
        verify_jvp(lambda x: H @ x, lambda x, t: cached["jvp"], x0, seed=0).verdict,
    ):
        assert verdict is Verdict.FAIL
    for name, array in cached.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_a_claim_of_zero_is_found_at_once(dtype):
    """In half precision too, whose steps end far above those of the others."""
    x0 = np.linspace(0.5, 1.5, 100).astype(dtype)
    report = verify_grad(lambda x: np.sum(x**3, dtype=dtype), np.zeros_like, x0, seed=0)
    assert report.verdict is Verdict.FAIL
    assert report.nfev <= 2 * 40  # half of them for the name of the mistake


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_claim_of_zero_on_a_staircase(dtype):
    """A line crosses the steps of all entries, at any step; one entry by itself does not."""
    x0 = (np.arange(100) % 60 + 0.5).astype(dtype)
    report = verify_grad(lambda x: np.sum(np.floor(x), dtype=dtype), np.zeros_like, x0, seed=0)
    assert report.verdict is not Verdict.FAIL
    slanted = verify_grad(lambda x: np.sum(np.floor(x) + x, dtype=dtype), np.zeros_like, x0, seed=0)
    assert slanted.verdict is Verdict.FAIL


@pytest.mark.parametrize("n", [3, 8, 40])
def test_staircase_in_half_precision(n):
    """Designs move by steps as large as x: the trend and zero are slopes of different scales."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x0 = np.floor(4 * rng.normal(size=n)) / 4 + rng.uniform(0.25, 0.75, n) / 4
        x0 = x0.astype("float16")

        def func(x):
            return np.sum(np.floor(4 * x) / 4, dtype="float16")

        straight = verify_grad(func, np.ones_like, x0, seed=seed)
        assert straight.verdict is not Verdict.PASS, str(straight)
        assert verify_grad(func, np.zeros_like, x0, seed=seed).verdict is not Verdict.FAIL
        slanted = verify_grad(lambda x: func(x) + 2 * x.sum(), np.ones_like, x0, seed=seed)
        assert slanted.verdict is not Verdict.PASS


def test_staircase_with_a_budget():
    """What a budget does not let anybody look at near x0 is not passed."""
    x0 = (np.arange(8) / 4 + 0.125).astype("float16")

    def func(x):
        return np.sum(np.floor(4 * x) / 4, dtype="float16")

    whole = verify_grad(func, np.ones_like, x0, seed=0)
    assert whole.verdict is Verdict.INCONCLUSIVE
    for budget in range(40, whole.nfev):
        report = verify_grad(func, np.ones_like, x0, seed=0, budget=budget)
        assert report.verdict is not Verdict.PASS, str(report)


@pytest.mark.parametrize("result", ["float16", "float32"])
@pytest.mark.parametrize("n", [36, 300, 1000, 30000])
def test_a_mean_whose_gradient_is_left_out(n, result):
    """The slope of each of many entries is below half of func's digits, all are not."""
    x0 = np.random.default_rng(0).normal(size=n).astype("float16")

    def func(x):
        return np.mean(np.logaddexp(0, x.astype("float32"))).astype(result)

    report = verify_grad(func, np.zeros_like, x0, seed=0)
    assert report.verdict is not Verdict.PASS, str(report)
    if result == "float32":
        assert report.verdict is Verdict.FAIL
        assert report.nfev <= 2 * 40 + 18


@pytest.mark.library("torch")
@pytest.mark.parametrize("n", [300, 30000])
def test_a_mean_that_hides_its_gradient(n):
    """Rounded to two digits it stands still along random directions, and says nothing."""
    import torch

    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        x0 = torch.randn(n, generator=generator).bfloat16()
        report = verify_grad(
            lambda x: torch.nn.functional.softplus(x).mean(), torch.zeros_like, x0, seed=seed
        )
        assert report.verdict is not Verdict.PASS, str(report)


@pytest.mark.parametrize("at", [0.0, 1.0])
@pytest.mark.parametrize("n", [1, 5, 40, 250])
def test_a_claim_of_zero_that_is_right(n, at):
    x0 = (at * np.random.default_rng(0).normal(size=n)).astype("float16")

    def flat(x):
        return np.cos(x).sum(dtype="float16") if not at else np.float16(5) + 0 * x.sum()

    report = verify_grad(flat, np.zeros_like, x0, seed=0)
    # At the top of a cosine any multiple of its derivative is zero.
    assert report.ok or (not at and "the point is stationary" in report.reason), str(report)


def test_a_mean_of_many_in_single_precision():
    x0 = np.random.default_rng(0).normal(size=300_000).astype("float32")

    def func(x):
        return np.mean(np.logaddexp(np.float32(0), x))

    assert verify_grad(func, np.zeros_like, x0, seed=0).verdict is Verdict.FAIL


def test_a_side_of_a_kink_speaks_for_the_claim():
    """Chords of designs cross a kink beside x0 that one side of it knows nothing of."""
    a = np.random.default_rng(72).normal(size=(30, 8)).astype("float16")
    x0 = np.random.default_rng(1072).normal(size=8).astype("float16")

    def func(x):
        return np.maximum(a @ x, 0).sum(dtype="float16")

    def grad(x):
        return a.T @ (a @ x > 0).astype("float16")

    assert verify_grad(func, grad, x0, seed=72).verdict is not Verdict.FAIL
    assert verify_grad(func, lambda x: -grad(x), x0, seed=72).verdict is Verdict.FAIL


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_rounding_inside_is_no_staircase(seed):
    """An entry or two stand still where func rounds on the way, in half precision."""
    rng = np.random.default_rng(seed)
    b, a = rng.normal(size=(6, 8)).astype("float16"), rng.normal(size=(5, 6)).astype("float16")
    x0 = rng.normal(size=8).astype("float16")

    def func(x):
        return np.exp(a @ np.tanh(b @ x)).sum(dtype="float16")

    def grad(x):
        wide_a, wide_b = a.astype(float), b.astype(float)
        hidden = np.tanh(wide_b @ x.astype(float))
        inner = wide_a.T @ np.exp(wide_a @ hidden)
        return (wide_b.T @ ((1 - hidden**2) * inner)).astype("float16")

    assert verify_grad(func, grad, x0, seed=seed).ok


def test_a_random_func_does_not_convict_the_value_beside_a_right_claim():
    x, rng = np.linspace(0.5, 1.0, 3), np.random.default_rng(0)

    def func(x):
        return np.sin(x) * (1 + 0.01 * rng.normal())

    def vjp(x):
        return func(x), lambda cotangent: cotangent * np.cos(x)

    def jvp(x, tangent):
        return func(x), np.cos(x) * tangent

    for report in (
        verify_vjp(func, vjp, x, seed=0),
        verify_jvp(func, jvp, x, with_value=True, seed=0),
    ):
        (value,) = [check for check in report.checks if check.name == "value"]
        assert value.verdict == "inconclusive", str(report)
        assert "not deterministic" in value.text


def scattered(dtype, seed, scatter):
    """Return a func of noise, a right gradient, x0, and func's vjp as a func of several values."""
    rng = np.random.default_rng(seed)
    x, a = ((rng.choice([-1, 1], 5) * rng.integers(8, 24, 5) / 16).astype(dtype) for _ in range(2))
    return (
        lambda x: (scatter(x, rng) * np.sum(a * np.sin(x))).astype(dtype),
        lambda x: a * np.cos(x),
        x,
        lambda x: (scatter(x, rng) * a * np.sin(x)).astype(dtype),
    )


def in_each_call(x, rng):
    """Return a factor that is another one in each call."""
    return 1 + 0.1 * rng.normal()


def at_each_point(x, _):
    """Return a factor that jumps from point to point, and is the same at each of them."""
    return 1 + 0.1 * np.random.default_rng(list(x.tobytes())).normal()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scatter", [in_each_call, at_each_point])
@pytest.mark.parametrize("seed", [1, 2, 4, 6])
def test_chords_beyond_x_convict_no_right_claim_of_a_noisy_func(dtype, scatter, seed):
    func, grad, x, values = scattered(dtype, seed, scatter)
    for report in (
        verify_grad(func, grad, x, seed=seed),
        verify_jac(lambda x: func(x).reshape(1, 1), lambda x: grad(x)[None, None], x, seed=seed),
        verify_vjp(values, lambda x, ct: ct * grad(x), x, seed=seed),
        verify_jvp(values, lambda x, tangent: tangent * grad(x), x, seed=seed),
    ):
        assert report.verdict == "inconclusive", str(report)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("factor", [-1.0, 2.0])
def test_a_wrong_claim_of_a_random_func_is_found(dtype, factor):
    func, grad, x, values = scattered(dtype, 4, lambda x, rng: 1 + 1e-3 * rng.normal())
    for report in (
        verify_grad(func, lambda x: factor * grad(x), x, seed=4),
        verify_vjp(values, lambda x, ct: factor * ct * grad(x), x, seed=4),
        verify_jvp(values, lambda x, tangent: factor * tangent * grad(x), x, seed=4),
    ):
        assert report.verdict == "fail", str(report)


def test_draws_of_a_random_func_convict_a_single_entry():
    func, grad, x, _ = scattered("float32", 4, lambda x, rng: 1 + 1e-3 * rng.normal())
    wrong = np.array([1, 1, -1, 1, 1], dtype="float32")
    report = verify_grad(func, lambda x: wrong * grad(x), x, seed=4)
    assert report.verdict == "fail", str(report)


def test_a_wrong_value_beside_a_claim_of_a_func_that_is_not_random_is_found():
    x = np.linspace(0.5, 1.0, 3)
    report = verify_vjp(np.sin, lambda x: (1.001 * np.sin(x), lambda ct: ct * np.cos(x)), x, seed=0)
    assert report.verdict == "fail"


def test_a_number_that_func_returns_beside_arrays_is_one_of_its_values(wide):
    x, xp = wide([0.5, 0.75, 1.0]), wide.xp

    def func(x):
        return {"a": x * x, "b": float(xp.sum(x * x * x))}

    def vjp(x, cotangent):
        return 2 * x * cotangent["a"] + 3 * x * x * float(cotangent["b"])

    def left_out(x, cotangent):
        return 2 * x * cotangent["a"]

    def jvp(x, tangent):
        return {"a": 2 * x * tangent, "b": float(xp.sum(3 * x * x * tangent))}

    assert verify_vjp(func, vjp, x, seed=0).ok
    assert verify_jvp(func, jvp, x, seed=0).ok
    assert verify_vjp(func, left_out, x, seed=0).verdict == "fail"
    wrong = verify_jvp(func, lambda x, t: {"a": 2 * x * t, "b": 0.0}, x, seed=0)
    assert wrong.verdict == "fail"


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_second_derivatives_by_a_number_beside_arrays(wide, factor):
    x0, xp = [wide([0.5, 0.75, 1.0]), 1.25], wide.xp

    def func(p):
        return xp.sum(p[0] * p[0]) * p[1] ** 2

    def grad(p):
        return [2 * p[0] * p[1] ** 2, float(2 * p[1] * xp.sum(p[0] * p[0]))]

    def hvp(p, t):
        by_number = 2 * t[1] * xp.sum(p[0] * p[0]) + 4 * p[1] * xp.sum(p[0] * t[0])
        return [2 * t[0] * p[1] ** 2 + 4 * p[0] * p[1] * t[1], factor * float(by_number)]

    def hess(p):
        off = 4 * p[0] * p[1]
        square = 2 * p[1] ** 2 * wide(np.eye(3))
        return [[square, off], [off, factor * float(2 * xp.sum(p[0] * p[0]))]]

    wanted = "pass" if factor == 1 else "fail"
    for more in ({}, {"grad": grad}):
        assert verify_hvp(func, hvp, x0, seed=0, **more).verdict == wanted
        assert verify_hess(func, hess, x0, seed=0, **more).verdict == wanted


@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_several_numbers_and_a_claim_of_plain_numbers(wide, factor):
    # A tuple of numbers becomes an array for NumPy, and is none here.
    def func(a, b):
        return a * a * b

    def grad(a, b):
        return float(2 * a * b), factor * float(a * a)

    wanted = "pass" if factor == 1 else "fail"
    for x0 in ((wide(1.5), wide(2.5)), (1.5, 2.5), (1.5, 2)):
        assert verify_grad(func, grad, *x0, argnums=(0, 1), seed=0).verdict == wanted

    def jac(a, b):
        return [float(2 * a * b), 1.0], [factor * float(a * a), 1.0]

    def several(a, b):
        return np.stack([a * a * b, a + b]).ravel()

    assert verify_jac(several, jac, 1.5, 2.5, argnums=(0, 1), seed=0).verdict == wanted


def test_leaves_that_are_numbers_in_a_list_alone(wide):
    x0 = [wide(0.5), wide(0.75)]
    right = verify_grad(lambda x: x[0] ** 3 * x[1], lambda x: _by_each(x, 1), x0, seed=0)
    assert right.ok
    wrong = verify_grad(lambda x: x[0] ** 3 * x[1], lambda x: _by_each(x, 2), x0, seed=0)
    assert wrong.verdict == "fail"


def _by_each(x, factor):
    return [3 * x[0] ** 2 * x[1], factor * x[0] ** 3]


@pytest.mark.library("torch")
def test_the_tangent_of_a_module_is_another_module():
    import torch

    module = torch.nn.Module()
    module.a = torch.nn.Parameter(torch.linspace(0.5, 1, 3, dtype=torch.float64))

    def func(m):
        return torch.sin(m.a)

    def jvp(m, t):
        assert m is not t
        return torch.cos(m.a) * t.a

    assert verify_jvp(func, jvp, module, seed=0).ok
    assert verify_jvp(func, lambda m, t: -jvp(m, t), module, seed=0).verdict == "fail"
    hvp = {
        1: lambda m, t: {"a": -torch.sin(m.a) * t.a},
        2: lambda m, t: {"a": torch.sin(m.a) * t.a},
    }
    assert verify_hvp(lambda m: func(m).sum(), hvp[1], module, seed=0).ok
    assert verify_hvp(lambda m: func(m).sum(), hvp[2], module, seed=0).verdict == "fail"


@pytest.mark.parametrize("distance", [1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
def test_steps_that_x_is_near_the_end_of(distance):
    """Rounding functions: zero is their slope, however near the next jump is."""
    rng = np.random.default_rng(0)
    for seed in range(4):
        x = np.round(rng.uniform(-9, 9, 5)) + rng.choice([-1, 1], 5) * distance
        weights = rng.uniform(0.5, 2, 5)

        def steps(x, weights=weights):
            return (weights * np.floor(x)).sum()

        assert verify_grad(steps, np.zeros_like, x, seed=seed).ok
        trend = verify_grad(steps, lambda x: weights, x, seed=seed)
        assert trend.verdict is not Verdict.PASS
        report = verify_grad(lambda x: steps(x) + 1e-2 * x.sum(), np.zeros_like, x, seed=seed)
        assert report.verdict is Verdict.FAIL


@pytest.mark.parametrize("grain", [2.0**-9, 2.0**-14, 2.0**-20])
def test_the_grain_of_a_func_is_no_step(grain):
    """Where all plateaus are narrow, a claim of zero is not passed for standing still on one."""
    x = np.linspace(0.5, 1.5, 5) + grain / 3
    for seed in range(4):
        report = verify_grad(
            lambda x: (np.round(x**2 / grain) * grain).sum(), np.zeros_like, x, seed=seed
        )
        assert report.verdict is not Verdict.PASS


@pytest.mark.parametrize(("near", "power"), [(2.0**-1041, 1010), (2.0**-1000, 1000)])
@pytest.mark.parametrize("several", [False, True])
def test_a_jvp_is_measured_at_an_x0_of_next_to_no_size(near, power, several):
    # Tangents that were longer than x0 by many decades crossed what func does near it.
    x, y, a = near * np.array([0.75, -1.25, 1.0]), np.array([0.5, 1.0, -0.75]), np.array([1, 2, -1])
    unit = 2.0**power
    x0 = (x, y) if several else (x,)

    def func(p):
        return a * np.sin(unit * p[0]) + (np.sin(p[1]) if several else 0)

    def jvp(factor):
        def claim(p, t):
            own = factor * a * (unit * t[0]) * np.cos(unit * p[0])
            return own + (np.cos(p[1]) * t[1] if several else 0)

        return claim

    for seed in range(3):
        assert verify_jvp(func, jvp(np.ones(3)), x0, seed=seed).ok
        for wrong in ([1, 0, 1], [-1, -1, -1], [2, 2, 2]):
            report = verify_jvp(func, jvp(np.array(wrong)), x0, seed=seed)
            assert report.verdict == "fail", str(report)


@pytest.mark.parametrize("factors", [(1, 1, 1), (1, 0, 1), (-1, -1, -1)])
def test_numbers_below_the_smallest_normal_one_of_single_precision(wide, factors):
    # JAX takes them for zero: func stood still there, whatever was claimed.
    arrays = replace(wide, dtype="float32")
    xp, unit = arrays.xp, 2.0**110
    x0, a = arrays([0.75e-39, -1.25e-39, 1e-39]), arrays([1.0, 1.5, -1.0])
    wrong = arrays([float(factor) for factor in factors])

    def func(x):
        return a * xp.sin(x * unit)

    def jvp(x, tangent):
        return wrong * a * (unit * tangent) * xp.cos(x * unit)

    def vjp(x, cotangent):
        return cotangent * wrong * a * (unit * xp.cos(x * unit))

    wanted = "pass" if factors == (1, 1, 1) else "fail"
    for report in (verify_jvp(func, jvp, x0, seed=0), verify_vjp(func, vjp, x0, seed=0)):
        assert report.verdict == wanted, str(report)


def test_the_rest_is_right_only_where_that_was_seen():
    """What entries of 0 should be is not known, so that no sum of all entries shows the others."""
    x0 = np.random.default_rng(0).uniform(0.5, 1.5, 1000)

    def claim(factor):
        def grad(x):
            g = 3 * x**2
            g[7] *= factor
            return g

        return grad

    report = verify_grad(lambda x: np.sum(x**3), claim(-1.0), x0, seed=0)
    assert report.right == ("the rest of x",)
    report = verify_grad(lambda x: np.sum(x**3), claim(0.0), x0, seed=0)
    assert report.diagnosis[0].kind == "zero"
    assert report.right == ()
