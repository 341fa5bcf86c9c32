"""What came out: the table, the settings of the peers, the picture."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tests.calibration.cases import EPS
from tests.calibration.judged import RIGHT, Judged
from tests.calibration.mistakes import OF_THE_WHOLE

#: Tolerances that a peer may be given, three in a decade.
TOLERANCES = tuple(
    float(f"{digit}e{power}") for power in range(-9, 1) for digit in (1, 2, 5)
)  # fmt: skip
MARK = "<!-- {} of the calibration, written by nox -s calibration -->"


class Settings:
    """The setting of each peer with the fewest wrong verdicts, for each dtype."""

    def __init__(self, rows: Sequence[Judged]) -> None:
        self._chosen: dict[tuple[str, str], tuple[int, int, float]] = {}
        for dtype in {row.label.dtype for row in rows}:
            judged = [row for row in rows if row.label.dtype == dtype and row.peers]
            right = np.array([row.claim == RIGHT for row in judged])
            for peer in judged[0].peers if judged else ():
                scores = np.array([row.peers[peer] for row in judged])
                self._chosen[dtype, peer] = _best(scores, right)

    def accepts(self, row: Judged, peer: str) -> bool:
        """Tell whether the peer, so set, takes the claim for right."""
        step, kind, tolerance = self._chosen[row.label.dtype, peer]
        return bool(row.peers[peer][step, kind] <= tolerance)

    def words(self, dtype: str, peer: str) -> str:
        """Return the setting, to be read."""
        from tests.calibration.peers import KINDS, STEPS  # JAX is not needed without peers

        step, kind, tolerance = self._chosen[dtype, peer]
        return f"step {STEPS[dtype][step]:g}, {tolerance:g} {KINDS[peer][kind]}"


def _best(scores: np.ndarray, right: np.ndarray) -> tuple[int, int, float]:
    """Return the step, kind and tolerance with the least sum of both rates of wrong verdicts."""
    accepted = scores[..., None] <= np.array(TOLERANCES)
    wrong = np.zeros(accepted.shape[1:])
    if right.any():
        wrong += (~accepted[right]).mean(axis=0)
    if not right.all():
        wrong += accepted[~right].mean(axis=0)
    step, kind, tolerance = np.unravel_index(np.argmin(wrong), wrong.shape)
    return int(step), int(kind), TOLERANCES[tolerance]


def text(rows: Sequence[Judged]) -> str:
    """Return everything that is to be read, in markdown."""
    settings = Settings(rows)
    peers = _peers(rows)
    parts = [_summary(rows, settings, peers), _speed(rows), _families(rows, settings, peers)]
    if peers:
        parts.insert(1, _settings(rows, settings, peers))
    return "\n\n".join(parts)


def _summary(rows, settings, peers) -> str:
    lines = _head("dtype", "checker", "right claims", "false alarms", "inconclusive",
                  "wrong claims", "misses", "inconclusive")  # fmt: skip
    for dtype, those in _grouped(rows, lambda row: row.label.dtype):
        beside = [row for row in those if row.peers]
        for checker in ("gradproof", *peers):
            # Beside its peers, gradproof is counted on what they judge as well.
            right, wrong = _counted(beside or those, checker, settings)
            cells = [right.total(), _share(right, "fail"), _share(right, "inconclusive"),
                     wrong.total(), _share(wrong, "pass"), _share(wrong, "inconclusive")]  # fmt: skip
            lines.append(_line(dtype, checker, *cells))
    return "\n".join(lines)


def _settings(rows, settings, peers) -> str:
    lines = _head("dtype", *(f"best setting of {peer}" for peer in peers))
    for dtype, _ in _grouped([row for row in rows if row.peers], lambda row: row.label.dtype):
        lines.append(_line(dtype, *(settings.words(dtype, peer) for peer in peers)))
    return "\n".join(lines)


def _speed(rows) -> str:
    lines = _head("dtype", "calls for a right claim: median", "worst",
                  "mistakes of the whole found within 40 calls")  # fmt: skip
    for dtype, those in _grouped(rows, lambda row: row.label.dtype):
        costs = [row.cost for row in those if row.claim == RIGHT]
        of_all = [row for row in those if row.claim in OF_THE_WHOLE]
        soon = sum(row.verdict == "fail" and row.nfev <= 40 for row in of_all)
        found = f"{soon / len(of_all):.1%} of {len(of_all)}" if of_all else ""
        lines.append(_line(dtype, f"{np.median(costs):.2f}", f"{max(costs):.2f}", found))
    return "\n".join(lines)


def _families(rows, settings, peers) -> str:
    lines = _head("dtype", "family", "gradproof, right: pass / fail / inconclusive",
                  "wrong: fail / pass / inconclusive",
                  *(f"{peer}, {kind}" for peer in peers for kind in ("right: pass / fail", "wrong: fail / pass")),
                  "calls: median", "worst")  # fmt: skip
    for (dtype, family), those in _grouped(rows, lambda row: (row.label.dtype, row.label.heading)):
        right, wrong = _counted(those, "gradproof", settings)
        cells = [" / ".join(str(right[v]) for v in ("pass", "fail", "inconclusive")),
                 " / ".join(str(wrong[v]) for v in ("fail", "pass", "inconclusive"))]  # fmt: skip
        for peer in peers:
            right, wrong = _counted(those, peer, settings)
            cells += [f"{right['pass']} / {right['fail']}" if right else "",
                      f"{wrong['fail']} / {wrong['pass']}" if wrong else ""]  # fmt: skip
        costs = [row.cost for row in those if row.claim == RIGHT]
        lines.append(_line(dtype, family, *cells, f"{np.median(costs):.2f}", f"{max(costs):.2f}"))
    return "\n".join(lines)


def _counted(rows, checker: str, settings: Settings) -> tuple[Counter, Counter]:
    """Count the verdicts of a checker on right and on wrong claims."""
    right, wrong = Counter(), Counter()
    for row in rows:
        if checker == "gradproof":
            verdict = row.verdict
        elif not row.peers:
            continue
        else:
            verdict = "pass" if settings.accepts(row, checker) else "fail"
        (right if row.claim == RIGHT else wrong)[verdict] += 1
    return right, wrong


def _peers(rows: Sequence[Judged]) -> list[str]:
    """Return the names of the peers, which know only gradients."""
    return next((list(row.peers) for row in rows if row.peers), [])


def _grouped(rows, key) -> list:
    found = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    order = list(EPS)
    return sorted(found.items(), key=lambda item: (order.index(item[1][0].label.dtype), item[0]))


def _head(*names: str) -> list[str]:
    return [_line(*names), "|" + "---|" * len(names)]


def _line(*cells) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _share(counts: Counter, verdict: str) -> str:
    total = counts.total()
    return f"{counts[verdict]} ({counts[verdict] / total:.1%})" if total else "0"


def write(page: Path, found: str) -> None:
    """Put the tables between the marks of a page."""
    begin, end = MARK.format("begin"), MARK.format("end")
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_end:
        msg = f"{page} has to have the lines {begin!r} and {end!r}."
        raise ValueError(msg)
    page.write_text(f"{before}{begin}\n\n{found}\n\n{end}{after}", encoding="utf-8")


def draw(rows: Sequence[Judged], path: Path) -> None:
    """Draw the shares of wrong and of open verdicts, for each dtype and checker."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings = Settings(rows)
    groups = _grouped(rows, lambda row: row.label.dtype)
    rows = [row for row in rows if row.peers] or rows
    checkers = ["gradproof", *_peers(rows)]
    # The same numbers give the same file.
    with mpl.rc_context({"svg.hashsalt": "gradproof", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9, 1.1 + 0.4 * len(checkers) * len(groups)), layout="constrained")
        grid = figure.subplots(len(groups), 2, sharex=True, sharey=True, squeeze=False)
        for row, (dtype, those) in zip(grid, groups, strict=True):
            for k, checker in enumerate(checkers):
                for axis, counts, error in zip(row, _counted(those, checker, settings), ("fail", "pass"), strict=True):  # fmt: skip
                    total = max(counts.total(), 1)
                    off = 100 * counts[error] / total
                    unsure = 100 * counts["inconclusive"] / total
                    axis.barh(k, off, color="#c0392b", label="wrong verdict" if k == 0 else None)
                    axis.barh(
                        k,
                        unsure,
                        left=off,
                        color="#bbbbbb",
                        label="inconclusive" if k == 0 else None,
                    )
                    axis.text(off + unsure + 0.5, k, f"{off:.1f}", va="center", fontsize=7, color="#c0392b")  # fmt: skip
            row[0].set_yticks(range(len(checkers)), checkers)
            row[0].set_ylabel(dtype)
        grid[0, 0].set_ylim(len(checkers) - 0.5, -0.5)  # shared by all
        grid[0, 0].set_title("right claims: false alarms")
        grid[0, 1].set_title("wrong claims: misses")
        grid[0, 1].legend(loc="lower right", frameon=False)
        for axis in grid[-1]:
            axis.set_xlabel("% of claims")
        figure.savefig(path, metadata={"Date": None})
