"""One case: its right claim and the wrong ones, and what each checker says of them."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from tests.calibration import families as families  # registers the cases
from tests.calibration.cases import EPS, Checks, Label, Problem, is_right, right_claim
from tests.calibration.mistakes import Claim, mistakes

from gradproof import Report, verify_grad

RIGHT = "right"


@dataclass(frozen=True)
class Judged:
    """What was said of one claim."""

    label: Label
    claim: str
    verdict: str
    reason: str
    nfev: int
    ngev: int
    n: int
    peers: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        """Calls of func, in units of what a check without difficulties may need."""
        share = 3.0 if EPS[self.label.dtype] > 2.0**-15 else 2.2
        return self.nfev / (share * self.n + 40)

    @property
    def wrong(self) -> str:
        """What to say if gradproof was wrong; empty if it was not."""
        kind = {(True, "fail"): "false alarm", (False, "pass"): "miss"}
        found = kind.get((self.claim == RIGHT, self.verdict))
        return f"{found}: {self.label}: {self.claim}: {self.reason}" if found else ""


def judged(label: Label, *, peers: bool = False) -> list[Judged]:
    """Return the verdicts on all claims of a case; none where its right claim cannot be right."""
    drawn = label.drawn()
    scores: dict[str, dict[str, np.ndarray]] = {}
    if isinstance(drawn, Checks):
        checks = drawn
    else:
        claims = _claims(label, drawn)
        checks = Checks(drawn.x0.numel(), {name: partial(_verified, label, drawn, claim)
                                           for name, claim in claims.items()})  # fmt: skip
        if peers and claims:
            from tests.calibration.peers import scores as by_peers  # JAX is not needed otherwise

            scores = by_peers(drawn, label.dtype, claims)
    found = []
    for name, check in checks.of.items():
        try:
            report = check()
            said = str(report.verdict), report.reason, report.nfev, report.ngev
        except Exception as error:
            # An exception is the wrong answer to any claim.
            verdict = "fail" if name == RIGHT else "pass"
            said = verdict, f"{type(error).__name__}: {error}", 0, 0
        found.append(Judged(label, name, *said, checks.n, scores.get(name, {})))
    return found


def _claims(label: Label, problem: Problem) -> dict[str, Claim]:
    """Return the claims of a gradient, by name."""
    if not is_right(problem, EPS[label.dtype] ** (1 / 3)):
        return {}
    return {RIGHT: right_claim(problem), **mistakes(problem, label.dtype, label.seed)}


def _verified(label: Label, problem: Problem, claim: Claim) -> Report:
    """Check a claim of a gradient."""
    if not problem.repeatable:
        # Its noise starts afresh, so that what is said does not depend on the calls before.
        again = label.drawn()
        assert isinstance(again, Problem)
        problem = again
    return verify_grad(problem.func, claim, problem.x0, seed=label.seed)
