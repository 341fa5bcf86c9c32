"""Why a check could neither pass nor fail a claim, and the one step that helps."""

from dataclasses import dataclass

#: What is printed in the place of the point, until a report knows how its reader calls it.
POINT = "x0"
#: Points beside x0: as far as each entry is large, since their units may differ; or, where one may
#: be next to zero, farther off; or nearer to zero.
BESIDE = f"gradproof.beside({POINT})"
FARTHER = f"gradproof.beside({POINT}, least=1)"
NEARER = f"gradproof.beside({POINT}, scale=0.1)"


@dataclass(frozen=True)
class Cause:
    """
    A cause of an inconclusive check; docs/inconclusive.md has a section on each.

    Attributes
    ----------
    name : str
        What the docs call it.
    step : str
        What to do: taken literally, it leads to a verdict, and a wrong claim to a fail.
    words : tuple of str
        Of a reason or a remark, by which it is told; empty where that takes what was measured.
    """

    name: str
    step: str
    words: tuple[str, ...] = ()


AGAIN = Cause("interrupted", "run it again, to its end", ("interrupted",))
BUDGET = Cause("budget", "pass a larger budget=, or none", ("budget of calls ended",))
NOT_FINITE = Cause(
    "not finite", "choose an x0 at which func is finite", ("func is not finite at x0",)
)
FINITE_ALONE = Cause(
    "results that are not finite",
    "choose inputs at which all results of func are finite",
    ("no slope where func is not finite",),
)
NUMBERS = Cause("no number", "choose an x0 of finite numbers", ("no entry can be moved",))
RANDOM = Cause(
    "random func",
    "let func draw the same numbers in each call: seed its generator inside of it, turn dropout "
    "off",
    ("not deterministic", "another one in each call"),
)
MEMORY = Cause(
    "memory",
    "let func and the claim compute from their arguments alone, and return arrays of their own, "
    "to which no other call writes",
    ("called there again",),
)
#: Of a point at which the slope of func is a small rest of what it is beside it.
STATIONARY = Cause(
    "stationary point",
    "at a stationary point, as a fitted optimum is, any multiple of the claim looks the same: "
    f"check beside it, for instance at {BESIDE}",
    ("stationary",),
)
NEAR_ZERO = Cause("near zero", f"check farther off, for instance at {FARTHER}", ("farther off",))
MODES = Cause("no forward mode", 'pass modes=("vjp",): reverse mode alone', ("forward mode",))
DETACHED = Cause(
    "detached forward code",
    "pass a reference in plain operations, a function, in the place of 'forward'",
    ("not differentiate all of func's forward code",),
)
NO_REFERENCE = Cause(
    "reference that is not finite",
    "choose arguments at which the reference is finite, as well as beside them",
    ("finite in none of its entries", "what rounding does to it is not finite"),
)
SLOPPY = Cause(
    "loss of accuracy",
    "let func compute in a wider dtype inside, and round its result once",
    ("would not be seen beside it",),
)
GRADIENT = Cause(
    "slopes of slopes",
    "pass grad=, the gradient of func: its differences reach less far",
    ("slopes by a finer step",),
)
TIME = Cause("time of a watch", "give it more time, seconds=60", ("s was up",))
NOT_ALONE = Cause(
    "rule inside of a program",
    "check what calls it: verify_autodiff(function, *arguments)",
    ("could not be called by itself",),
)
NO_FLOATS = Cause("no floating argument", "call it with floating arrays", ("nothing to move",))
FLAGS = Cause(
    "rule with flags",
    "name the arguments that are no arrays in nondiff_argnums= of the rule",
    ("right as it was called",),
)
ONLY_ROUNDING = Cause(
    "results of rounding",
    "call it with arguments of which its results are more than a rounding",
    ("no larger than the rounding of its arguments",),
)
ONE_TRIANGLE = Cause(
    "symmetric matrix",
    "let the rule return (g + g.mT) / 2 for that argument, of which both triangles move",
    ("is symmetric, as it is here",),
)
#: Of steps, a table or a solver inside of func, as long as it is not its rounding that rules.
INEXACT = Cause(
    "inexact func",
    "tighten what is inexact inside of func: the tolerance of a solver or a quadrature, the "
    "spacing of a table, a shorter dtype",
    ("no sharper", "another slope at another scale"),
)
KINK = Cause(
    "kink",
    f"func has no derivative at a kink or a jump: check beside it, for instance at {FARTHER}",
    ("kink",),
)
FEWER = Cause(
    "fewer digits inside",
    "let func compute in the dtype of x0 throughout, without a cast or a rounding inside",
    ("seems to compute in",),
)
BELOW_ROUNDING = Cause(
    "offset",
    "leave out of func what is so much larger than what depends on x0",
    ("is rounded by",),
)
CANCELS = Cause(
    "cancelling terms",
    f"check where the terms do not cancel, for instance at {NEARER}",
    ("of the claim cancel", "terms that cancel"),
)
STRAIGHT_THROUGH = Cause(
    "staircase",
    "func stands still at the finest steps: its slope is 0. If it rounds, thresholds or takes a "
    "sign, a straight-through rule is no derivative of it: check func without that",
    ("is a staircase",),
)
DOUBLE = Cause("short dtype", "pass x0 in float64")
SINGLE = Cause("half precision", "let func return its result in float32, not rounded")
NOISE = Cause("noise", "pass rtol={rtol}, if errors of that size do not matter")
#: Of what is none of them.
ELSEWHERE = Cause("", f"check at another point, such as at {BESIDE}")

#: All that are known; of those with words, the first of which some are found counts.
CAUSES = (
    AGAIN, BUDGET, NOT_FINITE, FINITE_ALONE, NUMBERS, RANDOM, MEMORY, STATIONARY, NEAR_ZERO, MODES,
    DETACHED, NO_REFERENCE, SLOPPY, GRADIENT, TIME, NOT_ALONE, NO_FLOATS, FLAGS, ONLY_ROUNDING,
    ONE_TRIANGLE, INEXACT, KINK, FEWER, BELOW_ROUNDING, CANCELS, STRAIGHT_THROUGH, DOUBLE, SINGLE,
    NOISE,
)  # fmt: skip


def cause_of(text: str) -> Cause:
    """Return the cause that a reason, or a reason and remarks, tell."""
    for cause in CAUSES:
        if any(words in text for words in cause.words):
            return cause
    return ELSEWHERE


def of_reason(reason: str) -> str:
    """Return what to do, as far as the reason of a verdict tells."""
    return cause_of(reason).step


def at(step: str, point: str) -> str:
    """Return a step with the words by which its reader calls the point."""
    return step.replace(f"beside({POINT}", f"beside({point}")
