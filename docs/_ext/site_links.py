"""
What the site does with links that mean something on a code host alone.

A page may link a folder of the repository, which has no page here: the words stay, without a link.
"""

from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx


def words_of_folders(app: Sphinx, doctree: nodes.document) -> None:
    """Put the words of a link in its place, where it leads to a folder that exists."""
    here = Path(app.env.doc2path(app.env.docname)).parent
    for link in list(doctree.findall(pending_xref)):
        if link["reftype"] == "myst" and (here / link["reftarget"]).is_dir():
            link.replace_self(link.children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Say to Sphinx what is here."""
    app.connect("doctree-read", words_of_folders)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
