"""A budget of calls that ends a check: in every kind it says so, and which budget is enough."""

import re

import numpy as np
import pytest

from gradproof import verify_grad, verify_hess, verify_hvp, verify_jac, verify_jvp, verify_vjp

A = np.random.default_rng(0).normal(size=(7, 6))
X, LONG = np.linspace(0.5, 1.5, 6), np.linspace(0.5, 1.5, 400)


def func(x):
    return (np.sin(x) * x).sum(dtype=x.dtype)


def grad(x):
    return np.cos(x) * x + np.sin(x)


def hess(x):
    return np.diag(2 * np.cos(x) - x * np.sin(x))


def several(x):
    return np.tanh(A.astype(x.dtype) @ x)


def jac(x):
    return (1 - several(x) ** 2)[:, None] * A.astype(x.dtype)


def off(claim, at):
    """Return a claim with one number that is off."""

    def wrong(x):
        found = claim(x)
        found[at] *= x.dtype.type(1.3)
        return found

    return wrong


#: Each kind of check, by what is claimed: right, or wrong in one number.
KINDS = {
    "grad": (verify_grad, func, grad, 3, lambda claim: claim, {}),
    "jac": (verify_jac, several, jac, (2, 3), lambda claim: claim, {}),
    "vjp": (verify_vjp, several, jac, (3, 3), lambda claim: lambda x, ct: ct @ claim(x), {}),
    "jvp": (verify_jvp, several, jac, (2, 3), lambda claim: lambda x, t: claim(x) @ t, {}),
    "hess": (verify_hess, func, hess, (3, 3), lambda claim: claim, {}),
    "hess with grad": (verify_hess, func, hess, (3, 3), lambda claim: claim, {"grad": grad}),
    "hvp": (verify_hvp, func, hess, (3, 3), lambda claim: lambda x, t: claim(x) @ t, {}),
    "hvp with grad": (
        verify_hvp, func, hess, (3, 3), lambda claim: lambda x, t: claim(x) @ t, {"grad": grad},
    ),
}  # fmt: skip


def check(kind, budget, x=X, *, wrong):
    verify, f, claim, at, form, more = KINDS[kind]
    given = form(off(claim, at) if wrong else claim)
    return verify(f, given, x, seed=0, budget=budget, **more)


def says_so(report):
    return any("budget of calls ended" in text for text in (report.reason, *report.remarks))


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(kind, wrong):
    """A check that is cut says so, never the opposite, and the budget that it names is enough."""
    full = check(kind, None, wrong=wrong)
    assert full.verdict == ("fail" if wrong else "pass")
    cut = 0
    for budget in sorted({5, 9, *range(5, full.nfev, max(1, full.nfev // 9)), full.nfev - 1}):
        report = check(kind, budget, wrong=wrong)
        assert report.nfev <= budget
        assert report.verdict in ("inconclusive", full.verdict)
        if report.verdict != "inconclusive":
            continue
        cut += 1
        assert says_so(report), (budget, report.reason)
        (enough,) = re.findall(r"^pass budget=(\d+) or more, or none$", report.next_step)
        assert int(enough) > budget
        assert check(kind, int(enough), wrong=wrong).verdict == full.verdict
    assert cut > 1


@pytest.mark.parametrize("wrong", [False, True])
def test_half_precision(wrong):
    """Also where the calls ended between values in half and in single precision."""
    full = check("grad", None, X.astype(np.float16), wrong=wrong)
    for budget in range(1, full.nfev):
        report = check("grad", budget, X.astype(np.float16), wrong=wrong)
        assert report.verdict in ("inconclusive", full.verdict)
        if report.verdict == "inconclusive":
            assert says_so(report)
            assert report.next_step.startswith("pass budget=")


def test_a_search():
    """A search for an entry among many that has not found it had too few calls."""
    x = LONG.astype(np.float32)
    searching = 0
    for budget in range(50, 120, 6):
        report = verify_grad(func, off(grad, 3), x, seed=0, budget=budget)
        if "the search did not find where" in report.reason:
            searching += 1
            assert says_so(report)
            assert report.next_step == "pass budget=800 or more, or none"
    assert searching
    assert verify_grad(func, off(grad, 3), x, seed=0, budget=800).verdict == "fail"


def test_how_much_is_left():
    report = verify_grad(func, grad, X, seed=0, budget=45)
    assert report.reason.endswith("(not reached: 4 of 6)")


def test_a_fail():
    """It stands, says what was not looked at, and that few calls were left to name the mistake."""
    report = verify_grad(func, lambda x: 1.3 * grad(x), X, seed=0, budget=66)
    assert report.verdict == "fail"
    full = verify_grad(func, lambda x: 1.3 * grad(x), X, seed=0)
    assert full.diagnosis
    cut = verify_jac(several, lambda x: 1.3 * jac(x), X, seed=0, budget=39)
    assert cut.verdict == "fail"
    assert not cut.diagnosis
    (said,) = [remark for remark in cut.remarks if "to name the mistake by" in remark]
    enough = int(re.findall(r"budget=(\d+)", said)[0])
    assert verify_jac(several, lambda x: 1.3 * jac(x), X, seed=0, budget=enough).diagnosis


def test_no_call_helps():
    """What is known whatever is spent is no matter of the budget."""
    with np.errstate(all="ignore"):
        report = verify_grad(lambda x: np.log(-x).sum(), lambda x: 1 / x, X, seed=0, budget=1)
    assert report.reason.startswith("func is not finite at x0")
    assert not says_so(report)
