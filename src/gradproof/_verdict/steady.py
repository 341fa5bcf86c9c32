"""Whether func and the claim are functions of x alone, or depend on what was called before."""

import numpy as np

from .._lines.survey import Survey
from .._numerics.blocks import blocks
from .._numerics.rungs import NOISE

#: Two draws of one noise differ by this many of its deviations at most: NOISE of one draw, the root
#: of two for a difference, and two since the deviation is known to a factor of two.
_ANOTHER = 2 * 2**0.5 * NOISE
#: What is said of either.
_AGAIN = "is another one at x0 when it is called there again"


def depends_on_calls(remarks: tuple[str, ...]) -> bool:
    """Tell whether remarks are among those on what depends on calls."""
    return any(_AGAIN in remark for remark in remarks)


def func_depends_on_calls(survey: Survey) -> str:
    """
    Return a remark if func at x0 is another one than it was, by more than its noise; else ''.

    Asked when func was last called at the largest step of a line: a func that returns what belongs
    to its call before (memory that is used again, a cache) is then as far off as it can be. What
    noise there is, of a sum in another order or of a random func, the line has shown.
    """
    change = survey.scalar.change_at_x0()
    if change <= _ANOTHER * survey.sigma:
        return ""
    return (
        f"func {_AGAIN}, by {change / survey.sigma:.0e} "
        "times its noise: what it returns depends on its earlier calls. Does it return, or compute "
        "from, memory that another call has written to?"
    )


def claim_depends_on_calls(survey: Survey, far: float) -> str:
    """
    Return a remark if the claim at x0 is another one than it was; else ''.

    Asked when func was last called far from x0, in case the claim uses what func has kept. If it
    differs at all, it is called at step `far` as well, in case it returns what belongs to its own
    call before: that was an ulp from x0. A difference by rounding, of a sum in another order, is
    immaterial and says nothing.
    """
    change = _claim_change(survey)
    if 0 < change <= survey.rtol:
        survey.near.visit(far * survey.move)
        change = _claim_change(survey)
    if change <= survey.rtol:
        return ""
    return (
        f"the claim {_AGAIN}, by {change:.0e} of its "
        "size: it depends on earlier calls, of itself or of func, or draws random numbers. Does it "
        "use what func has kept, or a seed of its own?"
    )


def _claim_change(survey: Survey) -> float:
    """Return the largest change of the claim at x0 in a leaf, relative to the leaf."""
    change = survey.near.change_at_x0()
    if change is None:
        return 0.0
    largest, whole = 0.0, _length(survey, survey.g, slice(0, change.size))
    for leaf in survey.scalar.parts:
        apart = _length(survey, change, leaf)
        # A leaf may be nothing but rounding of the others.
        scale = _length(survey, survey.g, leaf) + 16 * survey.eps * whole
        share = np.inf if scale == 0 else apart / scale
        largest = max(largest, share if apart else 0.0)
    return largest


def _length(survey: Survey, values: np.ndarray, leaf: slice) -> float:
    """Return the 2-norm of a gradient by the moves of a leaf."""
    parts = blocks(leaf.stop, leaf.start)
    return float(np.linalg.norm([np.linalg.norm(values[p] * survey.move[p]) for p in parts]))
