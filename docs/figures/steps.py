"""The error of differences against their step, for a right claim and for a wrong one."""

import matplotlib.pyplot as plt
import numpy as np
from draw import darkened, svg

from gradproof import plot_steps


def func(x):
    """Return a smooth function."""
    return np.exp(np.sin(x)).sum()


def grad(x):
    """Return its gradient."""
    return np.cos(x) * np.exp(np.sin(x))


def draw() -> tuple[str, str]:
    """Return the picture in light and in dark."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
    x0 = np.linspace(0.2, 1.2, 6)
    for ax, factor, title in ((axes[0], 1, "a right claim"), (axes[1], 1.01, "1 % too large")):
        plot_steps(func, lambda x, k=factor: k * grad(x), x0, seed=0, ax=ax)
        ax.set_title(title, loc="left")
        ax.set_ylim(1e-13, 3)
    axes[1].set_ylabel("")
    axes[1].get_legend().remove()  # it would hide the line, and says the same
    text = svg(figure)
    plt.close(figure)
    return text, darkened(text)
