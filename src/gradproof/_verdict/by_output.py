"""What each of func's results adds to the derivative by some entries, of a claim that failed."""

import numpy as np

from .._diagnosis.by_outputs import by_outputs
from .._diagnosis.evidence import Evidence
from .._diagnosis.named import Named
from .probes import Probes

#: Entries that are looked at, and how many that takes at least.
_ENTRIES, _LEAST = 9, 3


def of_outputs(
    probes: Probes, evidence: Evidence, wrong: frozenset[int], leaves: list[slice]
) -> dict[int, Named]:
    """Return names for fields that are wrong, if one of several results explains what is off."""
    scalar = probes.survey.scalar
    outputs = scalar.values.outputs.leaves
    entries = [
        (leaves[k].start + int(evidence.fields[k].where[i]), k, int(i))
        for k in sorted(wrong)
        for i in np.flatnonzero(evidence.fields[k].wrong)
    ]
    entries = entries[:: max(1, len(entries) // _ENTRIES)][:_ENTRIES]
    entries = entries[: int(max(probes.left // 2, 0))]
    if len(outputs) < 2 or len(entries) < _LEAST:
        return {}
    h, found = float(scalar.values.eps) ** (1 / 3), []
    move = np.asarray(scalar.point.magnitude, dtype=float)
    for place, _, _ in entries:
        displacement = np.zeros(scalar.x.size)
        displacement[place] = h * (move[place] or 1.0)
        (up, plus), (down, minus) = (scalar.values.at(s * displacement) for s in (1.0, -1.0))
        change = scalar.weights * (up - down) / (plus - minus)[place]
        found.append([float(change[leaf.where].sum()) for leaf in outputs])
    slopes = np.array(found)
    claimed, measured, bar = (
        np.array([getattr(evidence.fields[k], name)[i] for _, k, i in entries])
        for name in ("at", "measured", "bar")
    )
    size = np.abs(slopes).sum(axis=1)
    # What bends one result may be made up for by another: as far as the sums are off, thrice.
    blur = 3 * np.abs(slopes.sum(axis=1) - measured) + 64 * h**2 * size
    rounding = np.array([evidence.fields[k].rounding for _, k, _ in entries]) * size
    told = by_outputs(claimed, slopes, bar + blur + rounding, [leaf.path for leaf in outputs])
    return {} if told is None else dict.fromkeys(sorted(wrong), told)
