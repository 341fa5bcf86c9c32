"""What to do about a check that could neither pass nor fail, in words."""

#: Of a point at which the slope of func is a small rest of what it is beside it.
STATIONARY = (
    "the gradient is zero here up to noise, as at a fitted optimum, and a claim that is wrong by a "
    "factor would look the same: check beside it, for instance at x0 + 0.1 * (1 + abs(x0))"
)
STRAIGHT_THROUGH = (
    "at the finest steps along the claim func does not change at all: its slope is 0. If it "
    "rounds, thresholds or takes a sign, a straight-through rule is no derivative of it: check "
    "that rule as the vjp of the function that it stands for"
)
AGAIN = "run it again; budget= ends a long check where you want it to"
FINITE = "choose an x0 at which func is finite, or let func return its finite values alone"
SEED = (
    "let func and the claim return the same in each call: fix the seed, turn dropout off, use no "
    "memory that other calls write to"
)
KINK = "func has no gradient at a kink: check beside it, for instance at x0 + 0.01 * (1 + abs(x0))"
INSIDE = "let func compute in the dtype of x0 throughout, or pass x0 in the one that it computes in"
LARGE = "check at a point where func is smaller, or leave out what is added to it"
#: Of a func that computes with fewer digits than its dtype has, a part of the remark on it.
FEWER = "seems to compute in"
EACH = 'pass directions="all", which measures each entry, at two calls of func for each'
SMALLER = (
    "check a smaller problem of the same kind, or leaf by leaf (argnums=), where each entry can be "
    'measured: directions="all"'
)
INEXACT = (
    "func is less exact than its dtype: tighten what is inexact inside (a solver, a quadrature, a "
    "table), or pass a larger rtol=, such as 0.01"
)
MODES = 'pass modes=("vjp",) to check reverse mode alone, or give func a forward mode'
POINT = "check at another point, of another size or with less cancellation"
#: Words of a reason, and what to do about it; the first that are found count.
_OF_WORDS = {
    "interrupted": AGAIN,
    "stationary": STATIONARY,
    "not finite": FINITE,
    "not deterministic": SEED,
    "called there again": SEED,
    "another one in each call": SEED,
    "forward mode": MODES,
    "no sharper": INEXACT,
    "kink": KINK,
    FEWER: INSIDE,
    "is rounded by": LARGE,
}


def of_reason(reason: str) -> str:
    """Return what to do, as far as the reason of a verdict tells."""
    return next((step for words, step in _OF_WORDS.items() if words in reason), POINT)
