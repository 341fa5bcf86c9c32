"""One case: its right claim and the wrong ones, and what each checker says of them."""

from dataclasses import dataclass, field

import numpy as np
from tests.calibration import families as families  # registers the cases
from tests.calibration.cases import EPS, Label, is_right, right_claim
from tests.calibration.mistakes import mistakes

from gradproof import verify_grad

RIGHT = "right"


@dataclass(frozen=True)
class Judged:
    """What was said of one claim."""

    label: Label
    claim: str
    verdict: str
    reason: str
    nfev: int
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
    problem = label.problem()
    if not is_right(problem, EPS[label.dtype] ** (1 / 3)):
        return []
    claims = {RIGHT: right_claim(problem), **mistakes(problem, label.dtype, label.seed)}
    scores = {}
    if peers:
        from tests.calibration.peers import scores as by_peers  # JAX is not needed otherwise

        scores = by_peers(problem, label.dtype, claims)
    found = []
    for name, claim in claims.items():
        try:
            report = verify_grad(problem.func, claim, problem.x0, seed=label.seed)
            said = str(report.verdict), report.reason, report.nfev
        except Exception as error:
            # An exception is the wrong answer to any claim.
            said = "fail" if name == RIGHT else "pass", f"{type(error).__name__}: {error}", 0
        found.append(Judged(label, name, *said, problem.x0.numel(), scores.get(name, {})))
    return found
