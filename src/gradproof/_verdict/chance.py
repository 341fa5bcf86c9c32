"""A func that is another one in each call: what it is said of, and what it cannot convict."""

from dataclasses import dataclass

import numpy as np

from .._claims.near import NearClaim
from .._lines.findings import OPEN, Findings
from .._lines.survey import Survey
from .rows import EachValue

#: Differences of a random func that are drawn before it convicts an entry, and the chance at most
#: that they convict a right one of all that are looked at: what ladders say is not reckoned with.
_DRAWS, _CHANCE = 16, 1e-6
_RANDOM = "func is another one in each call, by more than what an entry seems to be off"


@dataclass
class Chance:
    """
    Whether func is random, and what then is beyond doubt.

    Attributes
    ----------
    survey : Survey
        The problem.
    findings : Findings
        What the check found.
    each : EachValue, optional
        Looks at each value of a func of several.
    """

    survey: Survey
    findings: Findings
    each: EachValue | None

    @property
    def _noisy(self) -> bool:
        """Whether func has more noise than the rounding of its result."""
        return self.survey.sigma > 64 * self.survey.rounding

    @property
    def there(self) -> bool:
        """Whether func returns something else each time, by more than a rounding."""
        return self._noisy and bool(self.survey.scalar.values.change_at_x0().any())

    def say(self) -> None:
        values = self.survey.scalar.values
        with np.errstate(all="ignore"):
            share = np.linalg.norm(values.change_at_x0()) / np.linalg.norm(values.at_x0)
        self.findings.remarks.append(
            f"func is not deterministic: called again at x0, it changed by {share:.0e} of "
            "itself. Fix its seed, or turn dropout off, for a sharper check"
        )

    def leave_open(self) -> str:
        """Leave open what a func that is another one in each call does not convict beyond doubt."""
        survey, found, values = self.survey, self.findings, self.survey.scalar.values
        for i in found.wrong:
            d = np.zeros_like(survey.move)
            d[i] = found.step[i] * survey.move[i]
            if values.left() < 2 * _DRAWS * values.cost or not self._drawn_off(i, d):
                found.state[i] = OPEN
        return "" if found.failed else _RANDOM

    def _drawn_off(self, i: int, d: np.ndarray) -> bool:
        """
        Tell whether fresh differences of a random func convict an entry.

        By Student's t, whose tail beyond t >= 1 is less than ``(1 + t**2 / k)**(-(k - 1) / 2)``
        for k degrees of freedom, at a chance that is shared by all entries of all values. A chord
        is no slope: what the claim strays by on the way is no error of it.
        """
        survey, values = self.survey, self.survey.scalar.values
        moves = (sign * d for _ in range(_DRAWS) for sign in (1.0, -1.0))
        draws = [value for value, _ in values.many(moves, fresh=True)]
        ends, looks = list(zip(draws[::2], draws[1::2], strict=True)), survey.g.size
        if self.each is None:
            unit = float(np.ldexp(1.0, survey.exponent))
            claimed, strays = survey.g[i] * unit, survey.near.strays(i, d) * unit
            changes = np.array([(up - down) @ survey.scalar.weights for up, down in ends])
        else:
            claimed, k = float(self.findings.claimed[i]), int(self.findings.row[i])
            near = NearClaim(self.each.columns.row_near(k), self.each.columns.row(k), 0)
            strays, looks = near.strays(i, d), looks * values.at_x0.size
            changes = np.array([up[k] - down[k] for up, down in ends])
        left = changes / (2 * d[i]) - claimed
        mean, degrees = abs(float(left.mean())), _DRAWS - 1
        t = np.sqrt(degrees * ((looks / _CHANCE) ** (2 / (degrees - 1)) - 1))
        return bool(mean > 2 * strays and mean > t * np.std(left, ddof=1) / np.sqrt(_DRAWS))
