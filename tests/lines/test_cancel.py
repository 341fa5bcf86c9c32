"""Where terms cancel, what is left is rounding: no right claim fails, and no wrong one hides."""

import numpy as np
import pytest

from gradproof import (
    Verdict,
    verify_autodiff,
    verify_grad,
    verify_hess,
    verify_hvp,
    verify_jac,
    verify_jvp,
    verify_vjp,
)

SINGLE = ["float64", "float32"]
#: Logits at which a logistic regression has few digits left, and none.
SATURATED = {"float32": (14, 20, 45), "float64": (30, 37, 45)}


def softmax(x):
    y = np.exp(x - x.max())
    return y / y.sum()


def pulled(x, ct):
    y = softmax(x)
    return y * (ct - (y * ct).sum())


def logits(dtype, seed=0):
    return np.random.default_rng(seed).normal(size=7).astype(dtype)


class TestProducts:
    """Linearity, symmetry, forward against reverse: compared with the terms, not with their sum."""

    @pytest.mark.parametrize("dtype", [*SINGLE, "float16"])
    def test_sum_of_probabilities(self, dtype):
        """What is left of the terms is noise, of which one claim in ten is open in float64."""
        one, x0, passed = np.ones(7, dtype), logits(dtype), 0
        for seed in range(5):
            vjp = verify_vjp(
                lambda x: softmax(x).sum(), lambda x, ct: pulled(x, ct * one), x0, seed=seed
            )
            jvp = verify_jvp(
                lambda x: softmax(x).sum(), lambda x, t: pulled(x, t).sum(), x0, seed=seed
            )
            assert vjp.verdict is not Verdict.FAIL, str(vjp)
            assert jvp.verdict is not Verdict.FAIL, str(jvp)
            passed += vjp.ok + jvp.ok
        assert passed >= 7 or dtype != "float64"

    @pytest.mark.parametrize("dtype", SINGLE)
    def test_rules_that_are_not_linear(self, dtype):
        """A rule that is blind to a sign, or squares, or holds an offset fails where it shows."""
        x0 = logits(dtype)
        for rule in (
            lambda x, ct: pulled(x, abs(ct)),
            lambda x, ct: pulled(x, ct**2),
            lambda x, ct: pulled(x, ct) + np.asarray(1e-3, dtype),
            lambda x, ct: pulled(x, np.sign(ct)),
        ):
            report = verify_vjp(softmax, rule, x0, seed=0)
            assert report.verdict is Verdict.FAIL, str(report)
            checks = {check.name: check.verdict for check in report.checks}
            assert checks["linearity of the vjp"] is Verdict.FAIL

    def test_rule_with_noise_of_its_own(self):
        """What is another one in each call is not rounded, but random."""
        rng = np.random.default_rng(0)

        def noisy(x, ct):
            return pulled(x, ct) + 1e-3 * rng.normal(size=x.shape)

        report = verify_vjp(softmax, noisy, logits("float64"), seed=0)
        assert report.verdict is Verdict.FAIL

    @pytest.mark.parametrize("dtype", SINGLE)
    def test_fitted_least_squares(self, dtype):
        rng = np.random.default_rng(3)
        a, b = rng.normal(size=(20, 4)), rng.normal(size=20)
        x0 = np.linalg.lstsq(a, b, rcond=None)[0].astype(dtype)
        a, b = a.astype(dtype), b.astype(dtype)

        def func(x):
            return ((a @ x - b) ** 2).mean()

        def vjp(x, ct):
            return ct * (2 / np.asarray(20, dtype)) * (a.T @ (a @ x - b))

        for seed in range(3):
            report = verify_vjp(func, vjp, x0, seed=seed)
            assert report.verdict is not Verdict.FAIL, str(report)
            wrong = verify_vjp(func, lambda x, ct: -vjp(x, ct), x0 + 1, seed=seed)
            assert wrong.verdict is Verdict.FAIL

    def test_value_of_equal_things(self):
        """A divergence that is zero by one way to compute it, and 1e-17 by another."""
        z = logits("float64")
        p = softmax(z)

        def func(x):
            return (p * (np.log(p) - np.log(softmax(x)))).sum()

        def both(x, off=0.0):
            q = softmax(x)
            return -(p * (np.log(q) - np.log(p))).sum() + 3e-17 + off, q - p

        report = verify_grad(func, both, z, value_and_grad=True, seed=0)
        assert report.verdict is not Verdict.FAIL, str(report)
        wrong = verify_grad(func, lambda x: both(x, 1e-9), z, value_and_grad=True, seed=0)
        assert wrong.verdict is Verdict.FAIL

    def test_symmetry(self):
        """Entries that cancel differ by rounding across the diagonal, and by no more."""
        x0 = np.array([0.3, 0.4, 0.5])

        def hess(x, off=0.0):
            h = np.diag(2 * x)
            big = 1e8 * np.sin(x[0])
            h[0, 1] = 1e-5 + (big * x[1] - 1e8 * (np.sin(x[0]) * x[1])) + off
            h[1, 0] = 1e-5 + (big * (3 * x[1]) - 3e8 * (np.sin(x[0]) * x[1]))
            return h

        def grad(x):
            return x**2 + 1e-5 * np.array([x[1], x[0], 0])

        right = verify_hess(lambda x: (x**3).sum() / 3, hess, x0, grad=grad, seed=0)
        checks = {check.name: check.verdict for check in right.checks}
        assert checks["symmetry"] is not Verdict.FAIL, str(right)
        wrong = verify_hess(
            lambda x: (x**3).sum() / 3, lambda x: hess(x, 1e-3), x0, grad=grad, seed=0
        )
        checks = {check.name: check.verdict for check in wrong.checks}
        assert checks["symmetry"] is Verdict.FAIL

    def test_hvp_at_equal_logits(self):
        def func(x):
            return np.log(np.exp(x).sum()) - x.mean()

        def hvp(x, v):
            return pulled(x, v)

        x0 = np.full(6, 0.3)
        assert verify_hvp(func, hvp, x0, seed=0).verdict is not Verdict.FAIL
        wrong = verify_hvp(func, lambda x, v: abs(pulled(x, v)), x0, seed=0)
        assert wrong.verdict is Verdict.FAIL


@pytest.mark.library("torch")
class TestAutodiff:
    @pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
    @pytest.mark.parametrize("case", ["softmax", "layer norm", "cosine", "divergence"])
    def test_zero_up_to_rounding(self, case, dtype):
        import torch

        import gradproof.compat.torch as drop_in

        torch.manual_seed(0)
        x0 = torch.randn(4, 6, dtype=getattr(torch, dtype))
        p = torch.softmax(x0, -1)
        func = {
            "softmax": lambda x: torch.softmax(x, -1).sum(),
            "layer norm": lambda x: torch.nn.functional.layer_norm(x, (6,)).sum(),
            "cosine": lambda x: torch.nn.functional.cosine_similarity(x, x0, dim=-1),
            "divergence": lambda x: (p * (p.log() - torch.log_softmax(x, -1))).sum(),
        }[case]
        for seed in range(3):
            report = verify_autodiff(func, x0, seed=seed)
            assert report.verdict is not Verdict.FAIL, str(report)
        if (case, dtype) == ("softmax", "float64"):
            assert drop_in.gradcheck(func, x0.requires_grad_())

    def test_modes_that_differ(self):
        import torch

        class Rule(torch.autograd.Function):
            @staticmethod
            def forward(x):
                return torch.softmax(x, -1)

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(output)
                ctx.save_for_forward(output)

            @staticmethod
            def backward(ctx, ct):
                (y,) = ctx.saved_tensors
                return y * (ct - (y * ct).sum())

            @staticmethod
            def jvp(ctx, t):
                (y,) = ctx.saved_tensors
                return y * t  # without its projection

        report = verify_autodiff(Rule.apply, torch.randn(6, dtype=torch.float64), seed=0)
        checks = {check.name: check.verdict for check in report.checks}
        assert checks["forward against reverse"] is Verdict.FAIL


class TestClaims:
    """A claim of which rounding leaves few digits is not wrong, and passes for nothing either."""

    @staticmethod
    def saturated(size, dtype, seed):
        rng = np.random.default_rng(seed)
        a, w = rng.normal(size=(12, 4)), rng.normal(size=4)
        z = a @ w
        a *= (size * rng.uniform(1, 1.2, 12) / z)[:, None]
        a, one = a.astype(dtype), np.ones(1, dtype)

        def func(w):
            return np.logaddexp(0 * one, -(a @ w)).sum()

        def grad(w):
            return a.T @ (one / (one + np.exp(-a @ w)) - one)

        return func, grad, w.astype(dtype)

    @pytest.mark.parametrize(
        ("dtype", "size"),
        [(dtype, size) for dtype, sizes in SATURATED.items() for size in sizes],
    )
    @pytest.mark.parametrize("seed", range(3))
    def test_saturated_logistic(self, dtype, size, seed):
        func, grad, w = self.saturated(size, dtype, seed)
        report = verify_grad(func, grad, w, seed=seed)
        assert report.verdict is Verdict.INCONCLUSIVE, str(report)
        assert "of the claim cancel here" in str(report)
        assert "detached" not in str(report)
        jac = verify_jac(
            lambda w: np.stack([func(w), 2 * func(w)]),
            lambda w: np.stack([grad(w), 2 * grad(w)]),
            w,
            seed=seed,
        )
        assert jac.verdict is not Verdict.FAIL, str(jac)
        left_out = verify_grad(func, lambda w: 0 * grad(w), w, seed=seed)
        assert left_out.verdict is Verdict.FAIL

    @pytest.mark.parametrize("seed", range(2))
    def test_beside_terms_that_keep_their_digits(self, seed):
        """Where only some terms cancel, the finest spacing shows the others, which are smooth."""
        rng = np.random.default_rng(seed)
        a, w = rng.normal(size=(30, 3)), np.array([1.0, -2, 1.5])
        y = (a @ w > 0).astype(float)
        a *= ((35 + rng.uniform(0, 4, 30)) / np.abs(a @ w))[:, None]

        def func(w):
            return (np.logaddexp(0, a @ w) - y * (a @ w)).sum()

        report = verify_grad(func, lambda w: a.T @ (1 / (1 + np.exp(-a @ w)) - y), w, seed=seed)
        assert report.verdict is Verdict.INCONCLUSIVE, str(report)

    @pytest.mark.parametrize(("dtype", "size"), [("float32", 8), ("float64", 20), ("float64", 30)])
    @pytest.mark.parametrize("factor", [-1, 2, (1, 1, 1, 0)])
    def test_mistakes_show_while_digits_are_left(self, dtype, size, factor):
        for seed in range(3):
            func, grad, w = self.saturated(size, dtype, seed)
            wrong = verify_grad(
                func, lambda w, g=grad: g(w) * np.array(factor, dtype), w, seed=seed
            )
            assert wrong.verdict is Verdict.FAIL, str(wrong)

    @pytest.mark.parametrize("dtype", SINGLE)
    def test_a_smooth_claim_has_its_digits(self, dtype):
        """Far out in a tail the slope is small beside what it is at zero, and as sharp."""
        x0 = np.array([6.0, 5.5, 6.5], dtype)
        report = verify_grad(
            lambda x: np.exp(-x * x / 2).sum(), lambda x: x * np.exp(-x * x / 2), x0, seed=0
        )
        assert report.verdict is Verdict.FAIL

    @pytest.mark.library("torch")
    @pytest.mark.parametrize(("dtype", "size"), [("float32", 20), ("float32", 80), ("float64", 40)])
    def test_cross_entropy_of_torch(self, dtype, size):
        import torch

        z = size * torch.tensor([0.9, 1.0, 1.1], dtype=getattr(torch, dtype))
        report = verify_autodiff(
            lambda z: torch.nn.functional.binary_cross_entropy_with_logits(z, torch.ones_like(z)),
            z,
            seed=0,
        )
        assert report.verdict is not Verdict.FAIL, str(report)


class TestNegligible:
    """What moves func by less than half of the digits of what others do is nothing beside them."""

    SLOPES = np.array([0.4, 1.3, 0.0, 0.0, 0.0])
    X = np.array([0.3, 0.8, -0.5, 0.9, 1.1])

    @pytest.mark.parametrize(("dtype", "size"), [("float64", 1e-9), ("float32", 2e-5)])
    def test_residuals_of_a_solver(self, dtype, size):
        slopes, x0 = self.SLOPES.astype(dtype), self.X.astype(dtype)
        left = np.array([0, 0, size, -size, 0.7 * size], dtype)

        def func(x):
            return np.sin(slopes * x).sum()

        def grad(x):
            return slopes * np.cos(slopes * x) + left

        for seed in range(3):
            gradient = verify_grad(func, grad, x0, seed=seed)
            assert gradient.ok, str(gradient)
            if dtype == "float64":
                assert "3 of 5 entries differ, and move func by so much less" in gradient.reason
            jacobian = verify_jac(
                lambda x: np.stack([func(x), 2 * func(x)]),
                lambda x: np.stack([grad(x), 2 * grad(x)]),
                x0,
                seed=seed,
            )
            assert jacobian.ok, str(jacobian)
            product = verify_vjp(func, lambda x, ct: ct * grad(x), x0, seed=seed)
            assert product.ok, str(product)

    @pytest.mark.parametrize(("dtype", "size"), [("float64", 1e-6), ("float32", 5e-3)])
    @pytest.mark.parametrize("factor", [0, -1, 2])
    @pytest.mark.parametrize("i", [2, 4])
    def test_what_is_material_still_fails(self, dtype, size, factor, i):
        slopes, x0 = (self.SLOPES + size * (self.SLOPES == 0)).astype(dtype), self.X.astype(dtype)

        def func(x):
            return np.sin(slopes * x).sum()

        def grad(x):
            found = slopes * np.cos(slopes * x)
            found[i] *= factor
            return found

        report = verify_grad(func, grad, x0, seed=0)
        assert report.verdict is Verdict.FAIL, str(report)
        jacobian = verify_jac(lambda x: func(x)[None], lambda x: grad(x)[None, :], x0, seed=0)
        assert jacobian.verdict is Verdict.FAIL, str(jacobian)

    def test_a_leaf_in_other_units(self):
        """A leaf is compared with itself: what is small beside another leaf is found."""
        x0 = {"a": np.array([0.5, 1.5]), "b": np.array([0.3, 0.7])}

        def func(x):
            return 1e9 * (x["a"] ** 2).sum() + (x["b"] ** 2).sum()

        report = verify_grad(func, lambda x: {"a": 2e9 * x["a"], "b": -2 * x["b"]}, x0, seed=0)
        assert report.verdict is Verdict.FAIL, str(report)


class TestOneSide:
    @pytest.mark.parametrize("n", [3, 5])
    @pytest.mark.parametrize("seed", range(10))
    def test_entropy_at_the_edge_in_half_precision(self, n, seed):
        """On a line x0 rounds in each entry: each value of func knows of its own alone."""
        p = np.random.default_rng(seed).uniform(0.1, 1, n).astype("float16")
        p[0] = 1
        one = np.ones(1, "float16")

        def func(p):
            if (p > 1).any():
                msg = "no probability"
                raise ValueError(msg)
            return -p * np.log(p)

        def jvp(p, t):
            return -(np.log(p) + one) * t

        assert verify_jvp(func, jvp, p, seed=seed).verdict is not Verdict.FAIL
        wrong = verify_jvp(func, lambda p, t: -jvp(p, t), p, seed=seed)
        assert wrong.verdict is Verdict.FAIL


class TestTermsThatStandStill:
    """Logistic losses of saturated logits: at fine steps, half of the terms are rounded away."""

    @staticmethod
    def loss(seed):
        rng = np.random.default_rng(seed)
        features, w = rng.normal(size=(30, 3)), np.array([1.0, -2.0, 1.5])
        label = (features @ w > 0).astype(float)
        size = np.abs(features @ w)
        features = features / size[:, None] * (26 + rng.uniform(0, 4, 30))[:, None]

        def func(w):
            return (np.logaddexp(0, features @ w) - label * (features @ w)).sum()

        def grad(w):
            return features.T @ (1 / (1 + np.exp(-features @ w)) - label)

        return func, grad, w

    def test_right(self):
        """
        Two ladders say so only together: between them, their steps are half as far apart.

        Of 100 such losses 15 still fail, whose claims are as small as what is rounded away; without
        a look at both ladders it is a third.
        """
        failed = 0
        for seed in range(20):
            func, grad, w = self.loss(seed)
            failed += verify_grad(func, grad, w, seed=seed).verdict == "fail"
        assert failed <= 4

    @pytest.mark.parametrize("factor", [-1.0, 2.0, 0.0])
    @pytest.mark.parametrize("seed", range(10))
    def test_wrong(self, factor, seed):
        func, grad, w = self.loss(seed)
        assert verify_grad(func, lambda w: factor * grad(w), w, seed=seed).verdict == "fail"


#: Logits of a class that is certain: rounding of one hides what is left of other exponentials.
CERTAIN = {"float64": (40, 60, 90), "float32": (20, 45, 90), "float16": (12, 15)}


class TestSaturated:
    """A value that stands still may have lost what is claimed, where its terms are far larger."""

    @staticmethod
    def entropy(z):
        e = np.exp(z - z.max())
        return np.log(e.sum()) + z.max() - z[0]

    @staticmethod
    def grad(z):
        return softmax(z) - np.eye(1, z.size, dtype=z.dtype)[0]

    @staticmethod
    def hess(z):
        p = softmax(z)
        return np.diag(p) - np.outer(p, p)

    @pytest.mark.parametrize(
        ("dtype", "top"), [(d, t) for d, tops in CERTAIN.items() for t in tops]
    )
    def test_right_claims(self, dtype, top):
        z, one = np.array([top, 1, 2], dtype), np.ones(1, dtype)
        grad, hess = self.grad, self.hess
        reports = (
            verify_grad(self.entropy, grad, z, seed=0),
            verify_grad(
                lambda z: np.log(one + np.exp(-z)).sum(),
                lambda z: -np.exp(-z) / (one + np.exp(-z)),
                np.array([top, top + 1], dtype),
                seed=0,
            ),
            verify_jac(lambda z: one * self.entropy(z), lambda z: grad(z)[None], z, seed=0),
            verify_vjp(lambda z: one * self.entropy(z), lambda z, ct: ct * grad(z), z, seed=0),
            verify_jvp(lambda z: one * self.entropy(z), lambda z, t: one * (t @ grad(z)), z),
            verify_hess(self.entropy, hess, z, grad=grad, seed=0),
            verify_hvp(self.entropy, lambda z, t: hess(z) @ t, z, grad=grad, seed=0),
        )
        for report in reports:
            assert report.verdict is not Verdict.FAIL, str(report)
        if dtype == "float64":  # in the others noise of wide steps hides some of it before
            assert "of func or of the claim cancel here" in str(reports[0])
        if reports[0].verdict is Verdict.INCONCLUSIVE:  # in float16 the claim may be 0 as well
            assert "gradproof.beside(z, scale=0.1)" in reports[0].advice

    @pytest.mark.parametrize("seed", range(8))
    def test_a_claim_of_some_roundings(self, seed):
        """It would move func by a rounding or two of its terms."""
        z = np.array([36, -7.66699509, 1.25429654, -1.70330882, -1.35794788])
        for report in (
            verify_grad(self.entropy, self.grad, z, seed=seed),
            verify_hess(self.entropy, self.hess, z, grad=self.grad, seed=seed),
        ):
            assert report.verdict is not Verdict.FAIL, str(report)

    @pytest.mark.parametrize(("dtype", "top"), [("float64", 40), ("float32", 20), ("float16", 12)])
    @pytest.mark.parametrize(("rows", "directions"), [(4, "all"), (200, "auto")])
    def test_many_rows(self, rows, directions, dtype, top):
        """In which a class is certain, all at once; along random directions, too."""
        z = np.random.default_rng(0).uniform(0, 3, (rows, 3)).astype(dtype)
        z[:, 0] = top

        def entropy(z):
            top = z.max(-1)
            return (np.log(np.exp(z - top[:, None]).sum(-1)) + top - z[:, 0]).sum()

        def grad(z):
            e = np.exp(z - z.max(-1)[:, None])
            return e / e.sum(-1)[:, None] - np.eye(1, 3, dtype=z.dtype)

        report = verify_grad(entropy, grad, z, directions=directions, seed=0)
        assert report.verdict is Verdict.INCONCLUSIVE, str(report)

    @pytest.mark.parametrize("dtype", [*SINGLE, "float16"])
    def test_wrong_claims(self, dtype):
        """A func that stands still for another reason has lost nothing of what is claimed."""
        x = np.array([-3, -5, -2.5], dtype)
        for func, claim in (
            (lambda x: np.maximum(x, 0).sum(), np.ones_like),
            (lambda x: (0 * x).sum(), lambda x: x / 1000),
        ):
            report = verify_grad(func, claim, x, seed=0)
            assert report.verdict is Verdict.FAIL, str(report)

    @pytest.mark.parametrize("factor", [-1, 2])
    def test_beside_a_value_that_stands_still(self, factor):
        """What is small because it is small is seen to the last digit."""
        x = np.linspace(5.5, 6.5, 4)
        dead = np.full(4, 7.0)

        def func(x):
            return np.concatenate([np.exp(-(x**2)), np.maximum(x - dead, 0)])

        def pulled_back(x, ct):
            return -2 * x * np.exp(-(x**2)) * ct[:4] * factor

        assert verify_vjp(func, pulled_back, x, seed=0).verdict is Verdict.FAIL


class TestConfident:
    """A softmax that is sure: what is left of its products is rounding of terms that cancel."""

    TOP = (("float32", 15), ("float32", 40), ("float64", 30), ("float64", 100), ("float16", 10))

    @pytest.mark.parametrize(("dtype", "top"), TOP)
    @pytest.mark.parametrize("seed", range(3))
    def test_right_products(self, dtype, top, seed):
        x = np.array([top, 1, 2], dtype)
        vjp = verify_vjp(softmax, pulled, x, seed=seed)
        jvp = verify_jvp(softmax, pulled, x, seed=seed)
        for report in (vjp, jvp):
            assert report.verdict is not Verdict.FAIL, str(report)

    @pytest.mark.parametrize("seed", range(3))
    def test_a_rule_that_is_not_linear(self, seed):
        """Where digits are left, it fails as before."""
        report = verify_vjp(
            softmax, lambda x, ct: pulled(x, abs(ct)), np.array([5.0, 1, 2]), seed=seed
        )
        assert report.verdict is Verdict.FAIL
        assert "not linear" in str(report)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.library("torch")
    def test_cross_entropy_of_torch(self, dtype):
        import torch

        def entropy(x):
            return torch.nn.functional.cross_entropy(x, torch.tensor([0]))

        for top in (15.0, 30.0, 40.0, 100.0):
            x = torch.tensor([[top, 1, 2]], dtype=getattr(torch, dtype))
            for func in (entropy, lambda x: torch.softmax(x, -1)):
                report = verify_autodiff(func, x, seed=0)
                assert report.verdict is not Verdict.FAIL, str(report)
