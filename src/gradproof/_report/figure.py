"""The error against the step as a picture in a page: as SVG, without a library."""

import math
from html import escape

from .ladder import Ladder

#: Size of the picture, and of what is beside the axes, in units of its own.
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BELOW, _ABOVE = 440, 230, 58, 420, 40, 14
#: As many labels as are read at a glance.
_LABELS = 5


def steps_of(ladder: Ladder, name: str) -> str:
    """
    Return the picture of a line: what the claim is off by at each step, and what noise makes of it.

    Parameters
    ----------
    ladder : Ladder
        The line.
    name : str
        What moved along it.
    """
    errors = [(h, abs(e)) for h, e in zip(ladder.steps, ladder.errors, strict=True)]
    noise = list(zip(ladder.steps, ladder.noise, strict=True))
    curves = [[p for p in points if _shown(*p)] for points in (errors, noise)]
    if len(curves[0]) < 2:
        return ""
    heights = [y for points in curves for _, y in points] + [ladder.limit]
    frame = _Frame(_range([h for h, _ in curves[0]]), _range(heights))
    line = "M" + " ".join(f"{frame.x(h):.1f} {frame.y(e):.1f}" for h, e in curves[0])
    dots = "".join(
        f'<circle cx="{frame.x(h):.1f}" cy="{frame.y(e):.1f}" r="3"/>' for h, e in curves[0]
    )
    dotted = "M" + " ".join(f"{frame.x(h):.1f} {frame.y(e):.1f}" for h, e in curves[1])
    label = f"relative error of the claim against the step, {name}"
    return (
        f"<details><summary>error against step, {escape(name)}</summary>"
        f'<svg role="img" aria-label="{escape(label)}" class="steps" width="{_WIDTH}" '
        f'height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}">{frame.axes()}'
        f'<path class="limit" d="M{_LEFT} {frame.y(ladder.limit):.1f}H{_RIGHT}"/>'
        f'<path class="noise" d="{dotted if len(curves[1]) > 1 else ""}"/>'
        f'<path class="error" d="{line}"/><g class="dots">{dots}</g></svg>'
        '<p class="soft">line with dots: claim less difference, relative; dotted: noise of func, '
        "which grows as the step falls; dashed: what matters</p></details>"
    )


def _shown(step: float, value: float) -> bool:
    return step > 0 and value > 0 and math.isfinite(step) and math.isfinite(value)


def _range(values: list[float]) -> tuple[float, float]:
    """Return the whole powers of ten that some numbers are between."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


class _Frame:
    """The axes of a picture, both by powers of ten."""

    def __init__(self, steps: tuple[float, float], errors: tuple[float, float]) -> None:
        self._steps, self._errors = steps, errors

    def x(self, step: float) -> float:
        """Return where a step is."""
        low, high = self._steps
        share = (math.log10(step) - low) / (high - low)
        return _LEFT + share * (_RIGHT - _LEFT)

    def y(self, error: float) -> float:
        """Return where an error is."""
        low, high = self._errors
        share = (math.log10(error) - low) / (high - low)
        return _HEIGHT - _BELOW - share * (_HEIGHT - _BELOW - _ABOVE)

    def axes(self) -> str:
        """Return both axes with their labels."""
        foot = _HEIGHT - _BELOW
        parts = [f'<path class="axis" d="M{_LEFT} {_ABOVE}V{foot}H{_RIGHT}"/>']
        parts += [
            _label(self.x(10.0**power), foot + 16, "middle", f"1e{power}")
            for power in _powers(self._steps)
        ]
        parts += [
            _label(_LEFT - 6, self.y(10.0**power) + 4, "end", f"1e{power}")
            for power in _powers(self._errors)
        ]
        parts.append(_label((_LEFT + _RIGHT) / 2, _HEIGHT - 6, "middle", "step"))
        return "".join(parts)


def _powers(ends: tuple[float, float]) -> range:
    low, high = int(ends[0]), int(ends[1])
    return range(low, high + 1, max(1, -(-(high - low) // _LABELS)))


def _label(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
