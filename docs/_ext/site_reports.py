"""
The colours of reports that notebooks show: those of the page, which a reader may have switched.

A report looks at what the system prefers; the theme of the site has a switch of its own.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

from gradproof import verify_grad


def colours() -> str:
    """Return rules for both colour schemes, with what a report itself says for them."""
    page = verify_grad(lambda x: (x * x).sum(), lambda x: 2 * x, [1.0], seed=0).to_html()
    light = re.search(r"\.gradproof\{((?:\s*--\w+:[^;]+;)+)", page)
    dark = re.search(r"scheme:dark\)\{\.gradproof\{((?:\s*--\w+:[^;}]+;?)+)\}", page)
    if not (light and dark):
        msg = "the colours of a report were not found: look at the style that it has"
        raise ValueError(msg)
    rules = (
        (f'html[data-theme="{name}"] .gradproof', found.group(1))
        for name, found in (("light", light), ("dark", dark))
    )
    return "".join(f"{place} {{{colour}}}\n" for place, colour in rules)


def write(app: Sphinx) -> None:
    """Write them where the theme takes files of style from."""
    folder = Path(app.outdir).parent / "style"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reports.css").write_text(colours())
    app.config.html_static_path.append(str(folder))


def setup(app: Sphinx) -> dict[str, bool]:
    """Say to Sphinx what is here."""
    app.connect("builder-inited", write)
    app.add_css_file("reports.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
