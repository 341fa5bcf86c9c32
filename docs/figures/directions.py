"""How a direction sees an entry that is wrong."""

import matplotlib.pyplot as plt
import numpy as np
from draw import darkened, svg

N, WRONG = 60, 41


def draw() -> tuple[str, str]:
    """Return the picture in light and in dark."""
    rng = np.random.default_rng(3)
    x = np.linspace(0.5, 1.5, N)
    slope = 3 * x**2
    claimed = slope.copy()
    claimed[WRONG] *= 1.2
    weights = rng.choice([-1.0, 1.0], (3, N)) * rng.uniform(1, 2, (3, N))
    figure, axes = plt.subplots(
        3, 1, figsize=(7, 5), layout="constrained", height_ratios=(1, 1, 1.1)
    )
    at = np.arange(N)
    axes[0].plot(at, claimed, "_", color="#0072b2", ms=7, mew=2)
    axes[0].plot(WRONG, claimed[WRONG], "x", color="#d55e00", ms=8, mew=2)
    axes[0].set_title(f"the claim: {N} entries, one of them 20 % too large", loc="left")
    axes[1].bar(at, weights[0], color="#808080", width=0.6)
    axes[1].bar(WRONG, weights[0, WRONG], color="#d55e00", width=0.6)
    axes[1].set_title("a direction: every entry moves, by 1 to 2 and a random sign", loc="left")
    limit = 1e-2 * np.linalg.norm(weights * claimed, axis=1)
    off = weights @ (claimed - slope)
    for row, (size, found) in enumerate(zip(limit, off, strict=True)):
        axes[2].barh(row, 2 * size, left=-size, color="#cccccc", height=0.7)
        axes[2].plot(found, row, "x", color="#d55e00", ms=9, mew=2)
    axes[2].axvline(0, color="#000000", lw=0.8)
    axes[2].set_yticks(range(3), [f"direction {i + 1}" for i in range(3)])
    axes[2].invert_yaxis()
    axes[2].set_title(
        "along three such directions: the claim less func's slope; grey: off by less than 1 %",
        loc="left",
    )
    for ax in axes[:2]:
        ax.set_xlim(-1, N)
        ax.set_xticks([])
    text = svg(figure)
    plt.close(figure)
    return text, darkened(text)
