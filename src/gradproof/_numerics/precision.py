"""
What differs between double, single and half precision, in one table.

Half precision has two or three digits and few steps between truncation and rounding. So it measures
all entries together, fits lines to more rungs than they need, and cannot look nearer to x0. No line
of code elsewhere asks which dtype it has, but a row of this table how it is to act.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .extrapolation import Estimate, Windows, estimate
from .least_squares import fitted, fitted_sides
from .one_sided import at_an_edge, one_sided
from .rungs import NOISE, Rungs

#: A pass has seen 0.3 of the claim at least, whatever rtol is: a claim of twice the slope is off by
#: 0.5 of itself and has to be seen in any dtype.
COARSEST = 0.3
#: A claim's error along a line, and the windows that were looked at, if any.
Found = tuple[Estimate, Windows]


def _fitted(rungs: Rungs, sigma: float, fine: float) -> Found:  # noqa: ARG001 (all that it has)
    return fitted(rungs, sigma), Windows.none(0)


def _edge_fitted(rungs: Rungs, sigma: float) -> Estimate:
    return min(fitted_sides(rungs, sigma), key=lambda side: side.bar)


@dataclass(frozen=True)
class Steps:
    """The ladders of a dtype: as many decades as it has between truncation and rounding."""

    line: np.ndarray
    top: float
    ratio: float


@dataclass(frozen=True)
class Beside:
    """
    How a side of a tie is looked for, in moves as at x0.

    Attributes
    ----------
    far, reach : float
        How far beside x0, and the length of moves there: the largest step of a line has to stay on
        the side, among entries some eighths of the first number apart. Half precision has room for
        no more.
    closer : float
        The share of that distance at which the claim has to be the same as well; 0 for none. Half
        precision has no closer point than some ulps off, where slopes may be others.
    jump : float
        From which share of its largest entry on a claim is another one that close: a sixteenth. In
        half precision, some ulps beside x0, what is no jump changes by less than that in float16,
        by less than half of the entry in bfloat16.
    """

    far: float
    reach: float
    closer: float
    jump: float


@dataclass(frozen=True)
class Precision:
    """
    How checks act in a dtype.

    Attributes
    ----------
    steps : Steps
        The ladders.
    estimate, sides, edge : callable
        Slopes from rungs: central ones, one-sided ones, and where x0 can move to one side only. By
        extrapolation, which pays in noise for each term; by least squares where noise rules.
    doubt : float
        A fail needs an error of so many bars: twice what a pass forgives. Bars of least squares
        count twice already what other fits say.
    pooled : int
        Rungs on which noise is measured together. On one, truncation is in it least often; on two
        it is known better, which is needed where it rules.
    resolution : float
        What a pass must have been able to see, in units of rtol: two bits of room between what is
        material and what is found in double precision, half a bit where rtol is coarse.
    widest : bool
        Whether there is no wider dtype to check in, but narrower ones to compute in.
    least_move, own_scale : float
        Entries move by this share of the typical size in their leaf at least: a short dtype has no
        decades to spare. Those that are smaller than the second share of it are on a scale of their
        own: ten bits, which half precision does not have.
    least_normal : float
        The smallest normal number of arithmetic: half precision is computed in single where it is
        short of exponents.
    zero : float
        A claim that moves func by up to so many units in the last place of its result may be
        rounding of it, four bits. In half precision one of a hundred ordinary entries is no more
        than that: only what is zero is claimed to be.
    hidden : float
        Up to so many units an entry next to zero moves func by too little to show. Half precision
        has no bits to spare.
    moving : float
        So many deviations of rounding are a change that func would make if it moved: six bits; in
        half precision what rounding does not reach.
    claim_margin : float
        Two samples miss the tail of what rounding does to a claim: so many times that. Twice in
        half precision, where it is large enough to hide mistakes; more where there is room.
    rounding_in_full : bool
        Whether all rounding of a claim is allowed for, whatever hides behind it: x0 may have no
        digits to compute it from. Else no more than half of what has to be resolved.
    leaves_negligible : bool
        Whether an entry that moves func by less than half of the digits of what others do is
        nothing beside them (residuals of a solver, duals of constraints that do not bind).
    designs : bool
        Whether noise is sure to rule. Then all entries are moved together, in weighing designs,
        which see the less of each the more there are, like a root; whole rows along lines of their
        own, with the claim integrated; and what cancels in a random direction is lost in noise.
    near : bool
        Whether first steps are far below x0, and others nearer still: slopes tell where a kink, a
        jump or the other order of a tie is, and a func that oscillates from a noisy one; and larger
        steps may tell more.
    exact : bool
        Whether there are digits enough to see what a solver or a quadrature leaves of func.
    widens : bool
        Whether slopes may be taken of the same function in single precision: a derivative of half
        precision has seldom enough digits to be differentiated once more.
    first_ulps, first_eps : float
        The finest step of a first ladder of an entry, in ulps of x0 and of the coarsest dtype.
    least_ulps : float
        The finest step of an entry, in ulps of x0: below four of them steps are hardly what is
        asked for. Half precision takes what it has.
    narrow : float
        Steps far above the digits of x0 and below those of a staircase; 0 where there are none:
        there the two finest of a ladder stand for them.
    stair : float
        Single entries are not asked whether func is a staircase at steps beyond this: none is as
        wide, a share of 1/128 of x0. In half precision most steps are as large.
    plateau : float
        Coarser steps may leave the plateau on which a claim of zero is right for good, one of 1/128
        of x. Single precision has two rungs up to there that show a bend, and three are needed: of
        a func that bends as much as it is large, ``h**2 / 2`` is 16 deviations of 0.3 eps from
        2**-9.9 on, and its rungs are 2**-8.5, 2**-7, 2**-5.5; 2**-4 leaves one for a func that
        bends less. Half precision has none to leave out.
    give_up : int
        After so many entries in a row that nothing resolves, the others are not tried: the verdict
        is inconclusive already, and what drowns one entry drowns its neighbours.
    beside : Beside
        How a side of a tie is looked for.
    """

    steps: Steps
    estimate: Callable[[Rungs, float, float], Found]
    sides: Callable[[Rungs, float], tuple[Estimate, Estimate]]
    edge: Callable[[Rungs, float], Estimate]
    doubt: float
    pooled: int
    resolution: float
    widest: bool
    least_move: float
    own_scale: float
    least_normal: float
    zero: float
    hidden: float
    moving: float
    claim_margin: float
    rounding_in_full: bool
    leaves_negligible: bool
    designs: bool
    near: bool
    exact: bool
    widens: bool
    first_ulps: float
    first_eps: float
    least_ulps: float
    narrow: float
    stair: float
    plateau: float
    give_up: int
    beside: Beside

    @staticmethod
    def of(eps: float) -> "Precision":
        """Return the row for a machine epsilon."""
        return DOUBLE if eps < 2.0**-40 else SINGLE if eps < 2.0**-15 else HALF


DOUBLE = Precision(
    steps=Steps(2.0 ** -(5.0 + 3.0 * np.arange(9)), 2.0**-5, 4.0),
    estimate=estimate,
    sides=one_sided,
    edge=at_an_edge,
    doubt=2.0,
    pooled=1,
    resolution=4.0,
    widest=True,
    least_move=0.0,
    own_scale=2.0**-10,
    least_normal=2.0**-1022,
    zero=16.0,
    hidden=16.0,
    moving=64.0,
    claim_margin=4.0,
    rounding_in_full=False,
    leaves_negligible=True,
    designs=False,
    near=True,
    exact=True,
    widens=False,
    first_ulps=0.0,
    first_eps=16.0,
    least_ulps=4.0,
    narrow=2.0**-11,
    stair=2.0**-7,
    plateau=2.0**-7,
    give_up=8,
    beside=Beside(far=2.0**-12, reach=2.0**-9, closer=2.0**-12, jump=1 / 16),
)
SINGLE = replace(
    DOUBLE,
    steps=Steps(2.0 ** -(1.0 + 1.5 * np.arange(9)), 0.5, 2.0),
    resolution=1.5,
    widest=False,
    least_move=0.1,
    least_normal=2.0**-126,
    plateau=2.0**-4,
    beside=Beside(far=2.0**-5, reach=2.0**-6, closer=2.0**-8, jump=1 / 16),
)
HALF = replace(
    SINGLE,
    steps=Steps(2.0 ** -np.arange(1.0, 9.0), 0.5, 2.0),
    estimate=_fitted,
    sides=fitted_sides,
    edge=_edge_fitted,
    doubt=1.0,
    pooled=2,
    least_move=1.0,
    own_scale=0.0,
    zero=0.0,
    hidden=1.0,
    moving=NOISE,
    claim_margin=2.0,
    rounding_in_full=True,
    leaves_negligible=False,
    designs=True,
    near=False,
    exact=False,
    widens=True,
    first_ulps=2.0,
    first_eps=0.0,
    least_ulps=1.0,
    narrow=0.0,
    stair=np.inf,
    plateau=np.inf,
    give_up=3,
    beside=Beside(far=2.0**-2, reach=2.0**-2, closer=0.0, jump=1.0),
)
