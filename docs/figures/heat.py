"""Where a leaf is off: claimed, measured, and the difference."""

import matplotlib.pyplot as plt
from draw import darkened, svg
from example import report


def draw() -> tuple[str, str]:
    """Return the picture in light and in dark."""
    figure, axes = plt.subplots(3, 1, figsize=(4.2, 5.6), layout="constrained")
    report().plot_leaf("['w']", axes)
    for ax in axes:
        ax.locator_params(axis="y", integer=True)
    text = svg(figure)
    plt.close(figure)
    return text, darkened(text)
