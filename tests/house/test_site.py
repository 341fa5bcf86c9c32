"""
The pages: that links lead somewhere, that every public name is in the reference, what is found.

What is about the site as built needs `sphinx` in GRADPROOF_BACKENDS, as the session `docs` sets it
after it has built it.
"""

import html
import importlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "site"
PAGES = [*(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG"))]
PAGES += sorted((ROOT / "docs").rglob("*.md"))

PUBLIC = ("gradproof", *(f"gradproof.{name}" for name in ("testing", "compat.torch", "compat.jax")))


def prose(page: Path) -> str:
    """Return the text of a page without its code."""
    text = re.sub(r"^(`{3,}|:{3,}).*?^\1", "", page.read_text(), flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", "code", text)


def links(page: Path) -> list[str]:
    """Return where the links and pictures of a page lead, but for addresses elsewhere."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    found += re.findall(r'\b(?:src|srcset|href)="([^"]+)"', prose(page))
    return [one for one in found if not re.match(r"[a-z]+:", one)]


def anchors(page: Path) -> set[str]:
    """Return the anchors that a code host and the site both make of the headings of a page."""
    headings = re.findall(
        r"^#+ +(.+?) *$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M), re.M
    )
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page):
    wrong = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


def test_a_wrong_link_is_seen(tmp_path):
    """The tests above would see one."""
    page = tmp_path / "page.md"
    page.write_text(
        "# A `name`, twice\n[here](there.md) `[no](link.md)`\n```\n[no](code.md)\n```\n"
    )
    assert links(page) == ["there.md"]
    assert anchors(page) == {"a-name-twice"}


def test_pages_named_in_code_exist():
    """Messages and docstrings send people to pages."""
    for source in (ROOT / "src").rglob("*.py"):
        for name in re.findall(r"docs/[\w/-]+\.md", source.read_text()):
            assert (ROOT / name).is_file(), f"{source} names {name}"


def test_calls_of_the_table_are_run():
    """Each call of gradproof in the table of old and new calls is in an example below it."""
    page = (ROOT / "docs" / "migrate.md").read_text()
    run = "\n".join(re.findall(r"^(?:>>>|\.\.\.) (.*)$", page, re.M)).replace("**options", "")
    rows = re.findall(r"^\|.*?\|(.*?)\|.*\|$", page, re.M)
    calls = {call for cell in rows for call in re.findall(r"`([^`]+\(.+\)[^`]*)`", cell)}
    assert len(calls) > 20
    assert {call for call in calls if call not in run} == set()


@pytest.fixture(scope="module")
def site():
    if not (SITE / "index.html").is_file():
        pytest.fail("the site is not built: `nox -s docs`, or `sphinx-build -W docs build/site`")
    return SITE


@pytest.mark.library("sphinx")
def test_every_public_name_is_in_the_reference(site):
    from sphinx.util.inventory import InventoryFile

    with (site / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda _, name: name)
    known = {name for kind, names in inventory.items() if kind.startswith("py:") for name in names}
    wanted = set()
    for module in map(importlib.import_module, PUBLIC):
        # PyTorch's own exception is described there; a version has no docstring.
        names = set(module.__all__) - {"__version__", "GradcheckError"}
        wanted |= {f"{module.__name__}.{name}" for name in names}
    assert wanted - known == set()


def stem(word: str) -> str:
    from sphinx.search.en import SearchEnglish

    return SearchEnglish({}).stem(word)


#: What people look for: a page with the word in a title, which is found first, and one that has it.
SOUGHT = {
    "pytest": ("how-to/ci", "watch"),
    "bfloat16": ("how-to/kernel", "kernels"),
    "inconclusive": ("inconclusive", "report"),
}


@pytest.mark.library("sphinx")
@pytest.mark.parametrize("word", SOUGHT)
def test_search_finds(word, site):
    text = (site / "searchindex.js").read_text()
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    for part, page in zip(("titleterms", "terms"), SOUGHT[word], strict=True):
        found = index[part].get(stem(word), [])
        hits = found if isinstance(found, list) else [found]
        assert page in {index["docnames"][hit] for hit in hits}


def said_by(picture: Path) -> str:
    """Return the text of a picture, in one line, without what stands for itself in HTML."""
    lines = re.findall(r"<text[^>]*>([^<]*)</text>", picture.read_text())
    return " ".join(html.unescape("".join(lines)).split())


@pytest.mark.library("sphinx")
def test_the_report_in_the_repository_is_of_today(site):
    """The figure that README shows; `python docs/figures/draw.py` draws all of them anew."""
    ours, today = (
        said_by(folder / "terminal.svg").partition(" entry ")[0]
        for folder in (ROOT / "docs" / "figures", SITE.parent / "figures")
    )
    assert ours == today
    assert "fail: the gradient by `params['w']` is 0" in ours
