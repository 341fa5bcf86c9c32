"""How Sphinx builds the site: `nox -s docs`, or `sphinx-build -W docs build/site`."""

import sys
from pathlib import Path

import gradproof

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "gradproof"
author = "The gradproof developers"
copyright = author  # noqa: A001 - the name that Sphinx asks for
version = release = gradproof.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "site_figures",
    "site_links",
]
exclude_patterns = ["examples/**"]
nitpicky = True

# Pages are read on a code host too, and their examples are run by pytest: plain Markdown, but for
# the home page, the reference and the gallery.
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

# Cells of the gallery: each page has a kernel of its own, which is most of the time of a build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

autodoc_typehints = "none"  # the docstrings say it in words
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "gradproof"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_search_scorer = str(HERE / "_ext" / "scorer.js")
html_show_sourcelink = False
html_copy_source = False
# Pages that stand alone have no list of pages beside them.
html_sidebars = {page: [] for page in ("index", "tutorial", "changes", "contributing")}
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
