"""
The figures of the site: drawn anew by each build, with one for a dark ground beside each.

A page names ``figures/name.svg`` as plain Markdown does, so that it is seen on a code host: that is
the one of the repository. The site shows what the build has drawn in its place.
"""

import os
import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

FIGURES = Path(__file__).parents[1] / "figures"


def drawn(app: Sphinx) -> Path:
    """Return the folder of what this build has drawn."""
    return Path(app.outdir).parent / "figures"


def draw(app: Sphinx) -> None:
    """Draw all of them."""
    sys.path.insert(0, str(FIGURES))
    from draw import draw_all

    draw_all(drawn(app))


def show_drawn(app: Sphinx, doctree: nodes.document) -> None:
    """Put what was drawn in place of a figure, twice; the theme shows one of them."""
    here = Path(app.env.doc2path(app.env.docname)).parent
    folder = os.path.relpath(drawn(app), here)
    for image in list(doctree.findall(nodes.image)):
        name = Path(image["uri"])
        if not (drawn(app) / name.name).is_file():
            continue
        dark = image.deepcopy()
        for one, scheme, end in ((image, "only-light", ""), (dark, "only-dark", "-dark")):
            one["uri"] = f"{folder}/{name.stem}{end}{name.suffix}"
            one["classes"].append(scheme)
        image.replace_self([image, dark])


def setup(app: Sphinx) -> dict[str, bool]:
    """Say to Sphinx what is here."""
    app.connect("builder-inited", draw)
    # Before the collector of images, whose priority is 500, has a look at them.
    app.connect("doctree-read", show_drawn, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
