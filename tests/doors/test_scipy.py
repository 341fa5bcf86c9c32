"""The contract with SciPy: its numbers to the bit on NumPy float64, its own test cases anywhere."""

import copy
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.test_interrupt import Stopped, told
from tests.examples import point

import gradproof

FINITE = st.floats(-1e6, 1e6, allow_subnormal=False) | st.sampled_from(
    [0.0, 1e-300, -1e-12, 1e12, -1e17, 1e200]
)


@st.composite
def problems(draw):
    """Return func, grad, x0 and a step, of sizes 0 to 20, scalar and vector-valued."""
    n = draw(st.integers(0, 20))
    m = draw(st.sampled_from(["number", "(1,)", 2, 5]))
    rows = 1 if isinstance(m, str) else m
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    a, b = rng.normal(size=(rows, n)), rng.normal(size=(rows, n))

    def func(x, *args):
        y = (np.sin(a * x) + b * x * x).sum(axis=1) + sum(args)
        return {"number": y[0], "(1,)": y[:1]}.get(m, y) if draw_list is None else y.tolist()

    def grad(x, *args):
        jac = a * np.cos(a * x) + 2 * b * x
        jac = jac[0] if rows == 1 and flat else jac
        return jac.tolist() if draw_list is not None and n else jac

    draw_list = draw(st.sampled_from([None, "list"])) if rows > 1 else None
    flat = draw(st.booleans())
    x0 = np.asarray(draw(st.lists(FINITE, min_size=n, max_size=n)), dtype=float)
    form = draw(st.sampled_from(["array", "list", "strided", "tuple"]))
    x0 = {
        "array": x0,
        "list": x0.tolist(),
        "strided": np.repeat(x0, 2)[::2],
        "tuple": tuple(x0.tolist()),
    }[form]
    args = draw(st.sampled_from([(), (1.0,), (1.0, 2.0, 3.0)]))
    step = draw(
        st.none()
        | st.sampled_from([1e-6, -1e-6, 1e-1, 0.0, 1e-30, 1])
        | st.lists(st.sampled_from([1e-6, -1e-3, 0.0, 1e-8]), min_size=n, max_size=n)
    )
    return func, grad, x0, args, step


def same_bits(ours, theirs) -> bool:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    return ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
class TestToTheBit:
    @given(problems())
    @settings(max_examples=400, deadline=None)
    def test_approx_fprime(self, problem):
        func, _, x0, args, step = problem
        epsilon = math.sqrt(np.finfo(float).eps) if step is None else step
        theirs = scipy.optimize.approx_fprime(x0, func, epsilon, *args)
        ours = gradproof.approx_fprime(x0, func, step, *args)
        assert ours.dtype == theirs.dtype
        assert same_bits(ours, theirs)

    @given(problems())
    @settings(max_examples=400, deadline=None)
    def test_check_grad_all(self, problem):
        func, grad, x0, args, step = problem
        keywords = {} if step is None else {"epsilon": step}
        theirs = scipy.optimize.check_grad(func, grad, x0, *args, **keywords)
        ours = gradproof.check_grad(func, grad, x0, *args, epsilon=step)
        assert same_bits(ours, theirs)

    @given(
        problems(),
        st.sampled_from(["seed", "rng"]),
        st.sampled_from(["int", "RandomState", "Generator"]),
        st.integers(0, 2**31),
    )
    @settings(max_examples=400, deadline=None)
    def test_check_grad_random(self, problem, keyword, kind, seed):
        func, grad, x0, args, step = problem
        keyword = known(keyword)
        if np.ndim(grad(np.asarray(x0), *args)) > 1:  # SciPy's 'random' is for gradients only
            func, grad = scipy.optimize.rosen, scipy.optimize.rosen_der
            x0 = np.linspace(0, 1, max(2, len(x0)))
            args = ()
        # Where no step is representable, SciPy compares with a slope of zero.
        x0 = np.clip(np.asarray(x0), -1e3, 1e3)
        step = step if isinstance(step, float) and (not step or abs(step) > 1e-9) else 1e-6
        make = {
            "int": int,
            "RandomState": np.random.RandomState,
            "Generator": np.random.default_rng,
        }
        pair = [make[kind](seed), make[kind](seed)]
        keywords = {"epsilon": step, "direction": "random"}
        theirs = scipy.optimize.check_grad(func, grad, x0, *args, **keywords, **{keyword: pair[0]})
        ours = gradproof.check_grad(func, grad, x0, *args, **keywords, **{keyword: pair[1]})
        assert same_bits(ours, theirs)
        if kind != "int":  # both were advanced alike
            assert pair[0].normal() == pair[1].normal()

    def test_global_state(self):
        x = np.linspace(0, 1, 5)
        rosen, rosen_der = scipy.optimize.rosen, scipy.optimize.rosen_der
        for keywords in ({}, {"seed": np.random}):
            np.random.seed(3)
            theirs = scipy.optimize.check_grad(rosen, rosen_der, x, direction="random", **keywords)
            np.random.seed(3)
            ours = gradproof.check_grad(rosen, rosen_der, x, direction="random", **keywords)
            assert same_bits(ours, theirs)

    @pytest.mark.parametrize("x0", [1.5, 3, np.float64(2.5), np.array(1.5), [2], [1, 2], (1.0, 2)])
    @pytest.mark.parametrize("direction", ["all", "random"])
    def test_numbers_and_integers(self, x0, direction):
        """What func and grad are called with, and the number that comes out."""
        # One difference is meant: given a number, SciPy calls func with a 0-d array at x0 and
        # with arrays of shape (1,) at all other points; here it is shape (1,) throughout.
        seen = {}

        def run(check_grad, name):
            calls = seen.setdefault(name, [])

            def func(x):
                calls.append(("func", x.dtype, np.atleast_1d(x).tolist()))
                return (x * x * x).sum()

            def grad(x):
                calls.append(("grad", x.dtype, x.shape, x.tolist()))
                return 3 * x * x

            return check_grad(func, grad, x0, direction=direction, seed=5)

        ours, theirs = run(gradproof.check_grad, "us"), run(scipy.optimize.check_grad, "scipy")
        assert same_bits(ours, theirs)
        assert seen["us"] == seen["scipy"]

    def test_no_step_is_representable(self):
        """Entries so large that sqrt(eps) does not move them; f of a shorter dtype."""
        x = np.array([1e17, -3e9, 0.0, 1.0])
        for dtype in (np.float64, np.float32):
            theirs = scipy.optimize.approx_fprime(x, lambda x: (x * x).sum().astype(dtype))
            ours = gradproof.approx_fprime(x, lambda x: (x * x).sum().astype(dtype))
            assert same_bits(ours, theirs)

    @pytest.mark.parametrize("direction", ["all", "random"])
    @pytest.mark.parametrize(
        "x0",
        [
            np.array([1.5, -2.0, 0.25]).astype(">f8"),
            np.array([1, 2, 3], dtype=">i4"),
            np.array([1.5, -2.0, 0.25], dtype=object),
            [Fraction(3, 2), -2, Fraction(1, 4)],
        ],
        ids=["swapped", "swapped ints", "objects", "fractions"],
    )
    @pytest.mark.parametrize("claim", [">f8", "longdouble"])
    def test_unusual_dtypes(self, x0, direction, claim):
        def grad(x):
            return (3 * x * x).astype(claim)

        keywords = {"direction": direction, "seed": 2, "epsilon": 1e-6}
        theirs = scipy.optimize.check_grad(lambda x: (x**3).sum(), grad, x0, **keywords)
        ours = gradproof.check_grad(lambda x: (x**3).sum(), grad, x0, **keywords)
        if claim == "longdouble":  # SciPy then takes the difference with more digits
            assert math.isclose(ours, theirs, rel_tol=1e-6)
        else:
            assert same_bits(ours, theirs)

    @pytest.mark.parametrize("direction", ["all", "random"])
    def test_flags(self, direction):
        """The derivative of a piecewise linear function may well be a mask."""
        x0 = np.array([1.5, -2.0, 0.25])
        for grad in (lambda x: x > 0, lambda x: (x < 0).tolist()):
            keywords = {"direction": direction, "seed": 2}
            theirs = scipy.optimize.check_grad(lambda x: x[x > 0].sum(), grad, x0, **keywords)
            ours = gradproof.check_grad(lambda x: x[x > 0].sum(), grad, x0, **keywords)
            assert same_bits(ours, theirs)

    @pytest.mark.parametrize(
        "func", [lambda x: Fraction(x[0]), lambda x: 10**25 + int(4 * x[1]), lambda x: int(x[2])]
    )
    @pytest.mark.parametrize("x0", [np.array([1.5, -2.0, 0.25]), [10**30, 2, 3]])
    def test_numbers_of_python(self, func, x0):
        # Not all versions of SciPy take these numbers; all take what they are worth.
        theirs = scipy.optimize.approx_fprime(x0, lambda x: float(func(x)), 0.25)
        ours = gradproof.approx_fprime(x0, func, 0.25)
        np.testing.assert_allclose(ours, theirs, atol=2.0**31)  # of 10**25 in double precision

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_not_finite(self, bad):
        x = np.array([1.0, bad, 2.0])
        func, grad = (lambda x: (x * x).sum()), (lambda x: 2 * x)
        assert (
            same_bits(gradproof.approx_fprime(x, func), scipy.optimize.approx_fprime(x, func))
            or (np.isnan(gradproof.approx_fprime(x, func)) == [True, True, True]).all()
        )
        for direction in ("all", "random"):
            keywords = {"direction": direction, "seed": 0}
            theirs = scipy.optimize.check_grad(func, grad, x, **keywords)
            assert math.isnan(theirs)
            assert same_bits(gradproof.check_grad(func, grad, x, **keywords), theirs)


def test_sparse_claim():
    """SciPy subtracts a dense array from it; here it is refused."""
    with pytest.raises(TypeError, match="expected a dense array"):
        gradproof.check_grad(
            lambda x: x * x, lambda x: scipy.sparse.csr_array(np.diag(2 * x)), [1.0, 2.0]
        )


def known(keyword: str) -> str:
    """Return SciPy's name of the keyword: before 1.15 there was only `seed`."""
    version = tuple(int(part) for part in scipy.__version__.split(".")[:2])
    return keyword if version >= (1, 15) else "seed"


def expit(x):
    return 1 / (1 + np.e ** (-x))


def himmelblau(p):
    x, y = p[0], p[1]
    a, b = x * x + y - 11, x + y * y - 7
    return a * a + b * b


def himmelblau_grad(p):
    x, y = p[0], p[1]
    return [
        4 * x * x * x + 4 * x * y - 42 * x + 2 * y * y - 14,
        2 * x * x + 4 * x * y + 4 * y * y * y - 26 * y - 22,
    ]


def himmelblau_hess(p):
    x, y = p[0], p[1]
    return [[12 * x * x + 4 * y - 42, 4 * x + 4 * y], [4 * x + 4 * y, 4 * x + 12 * y * y - 26]]


class TestSciPysOwnCases:
    """SciPy's tests of both functions, on every kind of array, with the dtype's own tolerance."""

    @pytest.mark.parametrize("direction", ["all", "random"])
    @pytest.mark.parametrize("keyword", ["seed", "rng"])
    def test_logistic(self, arrays, direction, keyword):
        def logit(x):
            return expit(x)

        def der_logit(x):
            return expit(x) * (1 - expit(x))

        x0 = arrays([1.5])
        keywords = {"direction": direction, keyword: 1234}
        # A forward difference leaves sqrt(eps) |f''| / 2 and rounds eps |f| / sqrt(eps); the
        # random direction multiplies both by at most 4 here.
        tolerance = 8 * math.sqrt(arrays.eps)
        assert gradproof.check_grad(logit, der_logit, x0, **keywords) < tolerance
        if direction == "all" and arrays.dtype == "float64":
            assert gradproof.check_grad(logit, der_logit, x0, epsilon=1e-6) < 1e-6
            assert abs(gradproof.check_grad(logit, der_logit, x0, epsilon=1e-1)) > 1e-7

    def test_x_sin_x(self, arrays):
        xp = arrays.xp

        def func(x):
            return xp.sum(x * xp.sin(x))

        def grad(x):
            return xp.sin(x) + x * xp.cos(x)

        x0 = arrays(np.arange(0, 2, 0.25))
        error = gradproof.check_grad(func, grad, x0, direction="random", seed=1234)
        # f is 6: noise of eps * 6 / sqrt(eps); the direction has a length of about sqrt(8).
        assert error < 8 * math.sqrt(arrays.eps) * 6

    def test_himmelblau(self, arrays):
        p = [4.0, -2.0]
        size = float(np.linalg.norm(himmelblau_hess(p)))
        # f is 50 and its derivatives up to 150, hence the factor.
        tolerance = 2 * math.sqrt(arrays.eps) * size
        f, g = himmelblau, himmelblau_grad
        assert gradproof.check_grad(f, g, arrays(p)) < tolerance
        assert gradproof.check_grad(g, himmelblau_hess, arrays(p)) < tolerance
        if arrays.dtype == "float64":
            assert gradproof.check_grad(g, himmelblau_hess, arrays(p)) < 5e-7 * 10
            for value, exact in ((f, g), (g, himmelblau_hess)):
                got = arrays.numpy(gradproof.approx_fprime(arrays(p), value))
                np.testing.assert_allclose(got, exact(p), rtol=5e-6)

    @pytest.mark.filterwarnings("ignore:.*:UserWarning")
    def test_documentation_example(self, arrays):
        def func(x):
            return x[0] ** 2 - 0.5 * x[1] ** 3

        def grad(x):
            return [2 * x[0], -1.5 * x[1] ** 2]

        x0 = arrays([1.5, -1.5])
        tolerance = 16 * math.sqrt(arrays.eps)  # the second derivatives are 2 and 4.5
        assert gradproof.check_grad(func, grad, x0) < tolerance
        assert gradproof.check_grad(func, grad, x0, direction="random", seed=0) < tolerance


class TestSparse:
    """A banded Jacobian as SciPy stores it."""

    N = 60

    @staticmethod
    def func(x):
        y = x**2
        y[1:] += np.sin(x[:-1])
        y[:-1] += x[1:] ** 3
        return y

    @staticmethod
    def dense(x):
        return np.diag(2 * x) + np.diag(np.cos(x[:-1]), -1) + np.diag(3 * x[1:] ** 2, 1)

    @pytest.mark.parametrize("form", ["csr_array", "csc_array", "coo_array", "dia_array"])
    def test_scipy(self, form):
        make, x = getattr(scipy.sparse, form), np.linspace(0.5, 1.5, self.N)
        report = gradproof.verify_jac(self.func, lambda x: make(self.dense(x)), x, seed=0)
        assert report.ok, str(report)
        assert report.nfev <= 45  # three colours, whatever the size
        assert "compared in 3 colours" in str(report)

        def wrong(x):
            found = self.dense(x)
            found[40, 41] *= 1.001
            return make(found)

        report = gradproof.verify_jac(self.func, wrong, x, seed=0)
        assert report.verdict is gradproof.Verdict.FAIL
        assert report.worst(1)[0]["name"] == "[40] by [41]"
        worst = report.worst(1)[0]
        assert worst["measured"] == pytest.approx(self.dense(x)[40, 41])
        assert worst["claimed"] == pytest.approx(1.001 * self.dense(x)[40, 41])
        # Sizes, whatever the sign of a tangent.
        assert min(report.flat["noise"].min(), report.flat["truncation"].min()) >= 0

    def test_one_colour(self):
        n = np.arange(1.0, 7)
        report = gradproof.verify_jac(
            lambda x: n * x**2, lambda x: scipy.sparse.diags(2 * n * x), point(), seed=0
        )
        assert report.remarks[-1] == "a sparse claim of 6 entries, compared in 1 colour"

    @pytest.mark.parametrize("big", [100.0, -100.0])
    def test_repeated_entries(self, big):
        """Their sum counts."""
        x, k = np.linspace(0.5, 1.5, 6), np.arange(6)

        def jac(x):
            numbers, rows = np.concatenate([x + big, 3 * x**2 - x - big]), np.tile(k, 2)
            return scipy.sparse.coo_array((numbers, (rows, rows)), shape=(6, 6))

        def func(x):
            y = x**3
            y[2] += x[5]
            return y

        assert gradproof.verify_jac(lambda x: x**3, jac, x, seed=0).ok
        report = gradproof.verify_jac(func, jac, x, seed=0)
        assert report.verdict is gradproof.Verdict.FAIL
        worst = report.worst(1)[0]
        assert worst["name"] == "[2] by [5]"
        # Without what is claimed of the column of the same colour that the pattern has there.
        assert (worst["claimed"], worst["measured"]) == (0, pytest.approx(1, rel=1e-5))

    def test_another_shape(self):
        for shape in ((6, 5), (5, 6)):
            with pytest.raises(ValueError, match=r"sparse matrix of shape .*; expected \(6, 6\)"):
                gradproof.verify_jac(
                    np.sin, lambda x, s=shape: scipy.sparse.coo_array(s), np.ones(6), seed=0
                )

    def test_outside_the_pattern(self):
        def wrong(x):
            found = self.dense(x)
            found[30, 31] = 0.0
            return scipy.sparse.csr_array(found)

        x = np.linspace(0.5, 1.5, self.N)
        report = gradproof.verify_jac(self.func, wrong, x, seed=0)
        assert report.verdict is gradproof.Verdict.FAIL
        assert "[30] by [31] is not zero, and outside the pattern" in str(report)
        worst = report.worst(1)[0]
        assert worst["name"] == "[30] by [31]"
        assert worst["claimed"] == 0
        assert worst["measured"] == pytest.approx(self.dense(x)[30, 31], rel=1e-5)

    def test_interrupted(self):
        """While the entry is looked for that is not zero, too."""
        x = point(n=7)

        def jac(x):
            return scipy.sparse.diags_array(3 * x**2)

        def func(x):
            y = x**3
            y[2] += x[5]
            return y

        whole, found = gradproof.verify_jac(func, jac, x, seed=0), []
        assert "[2] by [5] is not zero" in str(whole)
        for k in range(2, whole.nfev + 1):
            report = told(gradproof.verify_jac)(Stopped(func, k), jac, x, seed=0)
            assert report.interrupted
            found.append("[2] by [5] is not zero" in str(report))
        assert found == sorted(found)  # once it is found, it stays, while a name is looked for
        assert not found[0]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda d: -d, "the Jacobian has the wrong sign in every entry"),
            (lambda d: d.T, "the Jacobian is transposed"),
            (np.tril, "the Jacobian is 0, and func's slope is not, above the diagonal"),
            (lambda d: d * np.where(np.eye(len(d)), 2, 1), "the Jacobian is 2 times"),
            (lambda d: d * np.where(np.arange(len(d)) == 40, 3, 1)[:, None], "in [40, :]"),
        ],
    )
    def test_mistakes_are_named(self, change, words):
        """As those of a dense claim; what is said is about entries, not about colours."""
        x = np.linspace(0.5, 1.5, self.N)
        report = gradproof.verify_jac(
            self.func, lambda x: scipy.sparse.csr_array(change(self.dense(x))), x, seed=0
        )
        assert words in report.finding
        assert "colour 0" not in str(report)
        assert "tangent" not in str(report)

    def test_report_is_a_value(self):
        """Its numbers are about colours, and their names about columns."""

        def wrong(x):
            factors = np.where(np.arange(6) == 4, 1.01, 1.0)
            return scipy.sparse.diags_array(3 * factors * x**2)

        report = gradproof.verify_jac(lambda x: x**3, wrong, point(), seed=0)
        other = pickle.loads(pickle.dumps(report))
        assert other == report == copy.deepcopy(report)
        names = [entry["name"] for entry in other.worst()]
        assert names == [entry["name"] for entry in report.worst()]
        assert names[0] == "[4] by [4]"

    def test_what_was_not_reached(self):
        """A sparse check that has ended says so of rows and entries, as a dense one does."""
        x = np.linspace(0.5, 1.5, self.N)
        for claim in (self.dense, lambda x: scipy.sparse.csr_array(self.dense(x))):
            report = told(gradproof.verify_jac)(Stopped(self.func, 3), claim, x, seed=0)
            assert report.interrupted
            assert report.reach is not None
            assert "ended before rows and entries" in report.reach.reason
