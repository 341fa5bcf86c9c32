"""
Draws the figures of the pages, each in light and in dark; a build of the site does it too.

``python docs/figures/draw.py`` draws anew what is shown on a code host, ``docs/figures/*.svg``: in
light, and in dark what README shows, which can choose between the two.
"""

import io
import runpy
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

HERE = Path(__file__).parent
NAMES = ("terminal", "heat", "steps", "ladder", "directions")

#: Colours on a light ground that have others on a dark one: ink, ground, and the three of plots
#: (Okabe and Ito 2008, of which these pairs are told apart by people with any sight).
DARK = {
    "#000000": "#e6edf3",
    "#ffffff": "#14181e",
    "#0072b2": "#56b4e9",
    "#d55e00": "#f0a35c",
    "#009e73": "#4fd1a5",
    "#808080": "#9aa4af",
    "#cccccc": "#3d444d",
}
STYLE = {
    "svg.fonttype": "none",  # text stays text: small, and as sharp as the page
    "svg.hashsalt": "gradproof",  # the same drawing is the same file
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def svg(figure: Figure) -> str:
    """Return a figure of matplotlib as text."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def darkened(text: str) -> str:
    """Return a picture for a dark ground: its colours changed, and the ink that SVG implies."""
    for light, dark in DARK.items():
        text = text.replace(light, dark)
    return text.replace("<svg ", f'<svg fill="{DARK["#000000"]}" ', 1)


def draw_all(folder: Path, dark: tuple[str, ...] = NAMES) -> None:
    """Draw each figure as ``name.svg``, and those of `dark` as ``name-dark.svg``, too."""
    mpl.use("agg")
    folder.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(HERE))
    for name in NAMES:
        with mpl.rc_context(STYLE):
            texts = runpy.run_path(str(HERE / f"{name}.py"))["draw"]()
        for end, text in zip(("", "-dark"), texts, strict=True):
            if not end or name in dark:
                (folder / f"{name}{end}.svg").write_text(text)


if __name__ == "__main__":
    draw_all(HERE, dark=("terminal", "heat"))
