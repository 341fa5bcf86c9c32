"""A ladder of steps, extrapolated: what truncation leaves, and what noise takes."""

import matplotlib.pyplot as plt
import numpy as np
from draw import darkened, svg

#: Each step is this part of the one before.
RATIO = 0.5
COLOURS = ("#000000", "#0072b2", "#009e73")


def columns(func, slope, x, steps):
    """Yield |error| of central differences, then of their extrapolations (Ridders 1982)."""
    values = np.array([(func(x + h) - func(x - h)) / (2 * h) for h in steps])
    for order in (2, 4, 6):
        yield order, np.abs(values / slope - 1)
        values = (values[1:] - RATIO**order * values[:-1]) / (1 - RATIO**order)


def draw() -> tuple[str, str]:
    """Return the picture in light and in dark."""
    figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
    steps = 0.8 * RATIO ** np.arange(0, 34)
    x = 0.7
    slope = np.cos(x) * np.exp(np.sin(x))
    for colour, (order, error) in zip(
        COLOURS, columns(lambda x: np.exp(np.sin(x)), slope, x, steps), strict=True
    ):
        at = steps[len(steps) - len(error) :]
        ax.loglog(at, np.maximum(error, 1e-16), ".-", color=colour, lw=0.8, ms=5)
        best = int(np.argmin(error[:20]))
        ax.plot(at[best], error[best], "o", ms=11, mfc="none", color=colour)
        ax.annotate(
            f"error ~ step$^{order}$",
            (at[0], error[0]),
            (6, 0),
            textcoords="offset points",
            color=colour,
            va="center",
        )
    ax.loglog(steps, 2.0**-52 / steps, "--", color="#d55e00", lw=1)
    ax.annotate(
        "noise / step",
        (steps[24], 2.0**-52 / steps[24]),
        (8, 8),
        textcoords="offset points",
        color="#d55e00",
    )
    ax.set_xlim(1e-10, 30)
    ax.set_ylim(1e-16, 3)
    ax.set_xlabel("step")
    ax.set_ylabel("relative error of the slope")
    text = svg(figure)
    plt.close(figure)
    return text, darkened(text)
