"""The numerical core, on functions whose slopes are known; no backend is in it."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradproof._evaluation.values import Values
from gradproof._lines.evidence import jumps
from gradproof._lines.scalarized import Scalarized
from gradproof._lines.survey import Survey
from gradproof._numerics.extrapolation import Estimate, estimate, weights_at_zero
from gradproof._numerics.hadamard import hadamard, pseudo_standard_error
from gradproof._numerics.least_squares import _distances, fitted, fitted_sides
from gradproof._numerics.noise import noise_bound, noise_level
from gradproof._numerics.one_sided import at_an_edge, one_sided
from gradproof._numerics.precision import HALF
from gradproof._numerics.rungs import Rungs
from gradproof._numerics.scales import moves, scales
from gradproof._numerics.streams import Streams
from gradproof._vectors.point import Point
from gradproof._verdict.designs import Designs

STEPS = 2.0 ** -(5.0 + 3.0 * np.arange(9))


def ladder(f, slope, steps=STEPS, noise=0.0, seed=0) -> Rungs:
    """Return the rungs of f at 0, with a claim of `slope`."""
    rng = np.random.default_rng(seed)
    f0 = f(0.0) + noise * rng.normal()
    sides = [np.array([f(s * h) for h in steps]) for s in (1, -1)]
    changes = np.array([side + noise * rng.normal(size=steps.size) - f0 for side in sides])
    claimed = np.array([slope * steps, -slope * steps])
    rounding = 0.3 * 2.0**-52 * np.fmax.reduce(np.abs(changes + f0), axis=0)
    return Rungs(steps, changes, claimed, rounding)


@given(
    st.lists(st.floats(-4, 4), min_size=1, max_size=6),
    st.sampled_from([0.0, 1e-12, 1e-8, 1e-3]),
    st.integers(0, 2**31),
)
@settings(max_examples=300, deadline=None)
def test_exact_on_polynomials_up_to_noise(coefficients, noise, seed):
    """The error lies within its bar, whatever the noise."""
    slope = coefficients[1] if len(coefficients) > 1 else 0.0
    f = np.polynomial.Polynomial(coefficients)
    rungs = ladder(f, slope + 0.25, noise=noise, seed=seed)
    sigma = max(noise, 2e-16 * max(abs(f(STEPS[0])), abs(f(0.0)), 1))
    found, _ = estimate(rungs, sigma, 1e-6)
    assert abs(found.value + 0.25) <= found.bar + 1e-15


@pytest.mark.parametrize("noise", [1e-10, 1e-7, 1e-5])
@pytest.mark.parametrize("f", [np.sin, np.exp, lambda t: np.tanh(3 * t), lambda t: 1 / (2 + t)])
def test_coverage(f, noise):
    """The true slope lies within the stated uncertainty in 99.9 % of draws at least."""
    h = 1e-5
    slope = (f(-2 * h) - 8 * f(-h) + 8 * f(h) - f(2 * h)) / (12 * h)
    missed = 0
    for seed in range(500):
        found, _ = estimate(ladder(f, slope, noise=noise, seed=seed), noise, 1e-6)
        missed += not abs(found.value) <= found.bar + 1e-10
    assert missed == 0


@pytest.mark.parametrize("noise", [1e-12, 1e-9, 1e-6])
def test_noise_is_measured(noise):
    """Within a factor of four of the truth, for smooth functions and beside a kink at x."""
    for f in (np.sin, np.exp, lambda t: abs(t) + t * t):
        for seed in range(40):
            pair = [ladder(f, 0.3, noise=noise, seed=seed + k) for k in (0, 1000)]
            assert noise / 4 < noise_level(pair, 1e-17, together=2) < 4 * noise


def test_one_sided_slopes_at_a_kink():
    right, left = one_sided(ladder(lambda t: 2 * max(t, 0) + t * t, 0.0), 1e-16)
    assert right.value == pytest.approx(2, abs=1e-9)
    assert left.value == pytest.approx(0, abs=1e-9)


def test_a_coarse_precise_window_is_contradicted():
    """A fast ripple aliases to a slope of zero at large steps; the finer rungs know better."""
    f = lambda t: np.sin(2 * np.pi * 2.0**12 * t)  # noqa: E731  # zero on all coarse rungs
    # With this noise only the coarse windows have the bar that is asked for.
    found, _ = estimate(ladder(f, 0.0), 1e-9, 1e-6)
    assert abs(found.value - 2 * np.pi * 2.0**12) <= found.bar


def test_values_that_are_missing_shorten_the_ladder():
    found, _ = estimate(ladder(lambda t: np.log(1e-3 + t) if t > -1e-3 else np.nan, 1e3), 1e-14, 1)
    assert abs(found.value) <= found.bar < 1


@given(st.integers(2, 7), st.integers(0, 2**31))
def test_weights_extrapolate_polynomials(n, seed):
    rng = np.random.default_rng(seed)
    nodes = 2.0 ** -np.arange(n)
    p = np.polynomial.Polynomial(rng.normal(size=n))
    assert weights_at_zero(nodes) @ p(nodes) == pytest.approx(p(0.0), abs=1e-9)


@pytest.mark.parametrize("least", [2, 3, 12, 13, 29, 50, 101, 200])
def test_hadamard(least):
    matrix = hadamard(least)
    order = matrix.shape[0]
    assert least <= order <= 2 * least + 2
    np.testing.assert_array_equal(matrix @ matrix.T, order * np.eye(order))


def test_lenth_leaves_real_effects_out():
    effects = np.random.default_rng(0).normal(size=200)
    clean = pseudo_standard_error(effects)
    effects[:10] = 100.0
    assert clean == pytest.approx(1, rel=0.2)
    assert pseudo_standard_error(effects) == pytest.approx(clean, rel=0.15)


@given(st.integers(-300, 300), st.integers(0, 2**31))
def test_scales_do_not_depend_on_units(exponent, seed):
    """Measuring x in other units changes nothing: a move is a share of x."""
    rng = np.random.default_rng(seed)
    x, g = rng.normal(size=7), rng.normal(size=7)
    factor = 2.0**exponent
    one = scales(g, moves(x, 2.0**-52), 0.0, 0.3, [slice(0, 7)])
    other = scales(g / factor, moves(x * factor, 2.0**-52), 0.0, 0.3, [slice(0, 7)])
    np.testing.assert_array_equal(one.claim, other.claim)
    np.testing.assert_array_equal(one.material, other.material)


#: The ladder of half precision.
SHORT = 2.0 ** -np.arange(1.0, 9.0)


@pytest.mark.parametrize("f", [np.sin, np.exp, np.tanh, lambda x: x + x**2, lambda x: 1 / (2 - x)])
@pytest.mark.parametrize("noise", [1e-4, 3e-3])
def test_fits_cover_the_slope(f, noise):
    """Bars of three deviations, and what comparisons add to them, hold."""
    slope = {np.tanh: 1.0, np.sin: 1.0, np.exp: 1.0}.get(f, float(f(1e-6) - f(-1e-6)) / 2e-6)
    found = [fitted(ladder(f, 0.0, SHORT, noise, seed), noise) for seed in range(500)]
    covered = np.mean([abs(e.value - slope) <= e.bar for e in found])
    assert covered >= 0.99  # of 500 draws; 0.999 over many functions
    # Sharper than what extrapolation has to say.
    extrapolated = [
        estimate(ladder(f, 0.0, SHORT, noise, seed), noise, 0.0)[0] for seed in range(50)
    ]
    assert np.median([e.bar for e in found]) < np.median([e.bar for e in extrapolated])


def test_fits_of_one_side():
    right, left = fitted_sides(ladder(np.abs, 0.0, SHORT), 1e-6)
    assert abs(right.value - 1) <= right.bar < 0.01
    assert abs(left.value + 1) <= left.bar < 0.01


def test_windows_of_one_side_need_the_finer_rungs():
    """The slope of a root has no limit: no window of it is good for anything."""
    for side in one_sided(ladder(lambda x: np.sqrt(abs(x)), 0.0), 1e-16):
        assert not np.isfinite(side.bar) or side.bar > abs(side.value) / 10


@pytest.mark.parametrize("power", [1.2, 1.5, 1.7, 2.0, 2.5])
@pytest.mark.parametrize("error", [0.0, 1e-3])
def test_slope_at_the_edge_of_a_domain(power, error):
    """Whatever the power of x is that rules there, its slope at zero is found."""
    f = lambda t: 3 * t + t**power + np.expm1(t) if t >= 0 else np.nan  # noqa: E731
    rungs = ladder(f, 4.0 + error, 2.0 ** -(1.0 + 2.0 * np.arange(22)))
    found = at_an_edge(rungs, 1e-16)
    assert abs(found.value + error) <= found.bar < 1e-5


def test_a_slope_without_a_limit_has_none_at_the_edge():
    steps = 2.0 ** -(1.0 + 2.0 * np.arange(22))
    found = at_an_edge(ladder(lambda t: np.sqrt(t) if t >= 0 else np.nan, 1.0, steps), 1e-16)
    assert not np.isfinite(found.bar) or found.bar > abs(found.value) / 10


def test_noise_of_a_line():
    bounds = [
        noise_bound(ladder(np.sin, 1.0, noise=1e-6, seed=seed), 0.0) / 1e-6 for seed in range(300)
    ]
    assert np.mean(np.array(bounds) > 1) > 0.9
    assert np.mean(np.array(bounds) > 1 / 16) > 0.999


@pytest.mark.parametrize("seed", [0, 3, 8])
def test_kinks_of_a_line_are_no_noise(seed):
    """Lines go on to steps that cross no kink, while what looks like noise falls with the step."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=12).astype(np.float32)
    kink = x - (10.0 ** rng.uniform(-3.5, 0, 12)).astype(np.float32)

    def func(x):
        return np.maximum(x - kink, 0).sum() + np.cos(x).sum()

    g = ((x > kink) - np.sin(x)).astype(float)
    scalar = Scalarized(Values(func, Point((x,), 0, None), None), np.ones(1))
    survey = Survey(scalar, lambda _: g, g, 2.0**-23, 5e-3, Streams(seed))
    survey.settled([survey.across() for _ in range(2)])
    assert survey.sigma < 4 * survey.floor


def test_rungs_that_x_cannot_tell_apart_count_once():
    rungs = ladder(np.sin, 1.0, np.array([0.5, 0.25, 0.24, 0.125]))
    assert list(rungs.distinct().h) == [0.5, 0.25, 0.125]


class TestJumps:
    """A jump is left unexplained at a step of zero; an error of the slope is not."""

    @pytest.mark.parametrize("f", [lambda x: x + (x > 1e-3), lambda x: x + 3 * max(x - 1e-3, 0)])
    def test_beside_x0(self, f):
        rungs = ladder(f, 1.0, SHORT)
        e = fitted(rungs, 1e-6)
        assert jumps(SimpleNamespace(sigma=1e-6), rungs, Estimate(e.value, 0.0, 0.0, SHORT[-1]))

    @pytest.mark.parametrize("f", [np.sin, np.exp, lambda x: 1 / (2 - x), abs])
    def test_errors_of_the_slope(self, f):
        rungs = ladder(f, 3.0, SHORT)
        assert not jumps(SimpleNamespace(sigma=1e-6), rungs, fitted(rungs, 1e-6))


def test_a_design_measures_every_entry():
    """Of a linear func each effect is the error of that entry, in any block."""
    n = 50
    rng = np.random.default_rng(0)
    g, error = rng.normal(size=(2, n))
    scalar = SimpleNamespace(at=lambda d: (float((g + error) @ d), d), left=lambda: np.inf)
    move = rng.uniform(1, 2, n)
    survey = SimpleNamespace(
        g=g, move=move, rng=Streams(0), scalar=scalar, sigma=0.0, eps=2.0**-7, rtol=0.2, res=0.3,
        claim_rounding=0 * g,
        scales=SimpleNamespace(material=move, resolved=move), steps=HALF.steps,
        signs=lambda consumer: rng.choice([-1.0, 1.0], n),
        near=SimpleNamespace(explained=lambda up, down, integrate: float(g @ (up - down))),
    )  # fmt: skip
    for which in (np.arange(n), np.array([3, 7])):
        error[np.setdiff1d(np.arange(n), which)] = 0.0
        effects, idle, still = Designs(survey, None)._design(0.1, which, 60, integrate=False)
        np.testing.assert_allclose(effects, (error * move)[which])
        np.testing.assert_allclose(idle, 0, atol=1e-12)
        assert not still


def test_a_step_too_small_for_x_is_no_rung():
    x = np.array([1024.0, 1.0], dtype=np.float16)  # its neighbours are 1 away
    values = Values(lambda x: float(x.sum()), Point((x,), 0, None), None)
    scalar = Scalarized(values, np.ones(1))
    rungs = scalar.ladder(np.ones(2), np.array([1024.0, 0.0]), 2.0 ** -np.arange(8.0, 14.0))
    there = np.isfinite(rungs.changes).all(axis=0)
    assert list(rungs.h[there]) == [2.0**-8, 2.0**-9, 2.0**-10]
    np.testing.assert_allclose(rungs.error[there], 0.0)


def test_the_larger_of_two_entries_excuses_nothing():
    g = np.array([1e-3, 1.0])
    np.testing.assert_array_equal(scales(g, np.ones(2), 0.0, 1e-4, [slice(0, 2)]).material, g)


def test_distances_between_rows():
    rows = np.random.default_rng(0).normal(size=(40, 9))
    apart = np.linalg.norm(rows[:, None] - rows, axis=2)
    np.testing.assert_allclose(_distances(rows), apart, atol=1e-7 * apart.max())
