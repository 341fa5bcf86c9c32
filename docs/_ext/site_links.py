"""
What the site does with pages that are written for a code host, and for doctest, too.

A page may link a folder of the repository, which has no page here: the words stay, without a link.
An example ends with an empty line, by which doctest knows where its output does.
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


def without_last_lines(_: Sphinx, doctree: nodes.document) -> None:
    """Take empty lines from the end of examples."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext().rstrip()
        if len(block) == 1 and isinstance(block[0], nodes.Text):
            block.rawsource = text
            block[0] = nodes.Text(text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Say to Sphinx what is here."""
    app.connect("doctree-read", words_of_folders)
    app.connect("doctree-read", without_last_lines)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
