"""What people look at: HTML, Markdown, the terminal; all from one structure."""

import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.report.test_report import KINDS, every_kind

from gradproof import verify_against, verify_grad
from gradproof._report.document import digits
from gradproof._report.text import document

EVIL = "<script>alert(1)</script>'\"&`|"


@pytest.fixture(scope="module")
def reports():
    return every_kind()


class Page(HTMLParser):
    """Reads a page: each tag has to be closed in its order."""

    VOID = ("meta", "br", "path")

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.seen, self.attributes = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("kind", KINDS)
def test_all_say_the_same(kind, reports):
    report = reports[kind]
    page, part = Page(report.to_html()), Page(report._repr_html_())
    for shown in (page, part):
        words = " ".join(shown.text)
        assert report.finding.replace("`", "") in "".join(shown.text)
        assert str(report.verdict) in words
        for name, text in document(report).scope:
            assert name in words
            assert text in words
    assert "script" not in part.seen  # a notebook that does not trust it would drop all
    assert not any(name in ("src", "href") for name, _ in page.attributes)
    unescaped = re.sub(r"\\(.)", r"\1", report.to_markdown())
    assert report.finding in unescaped
    assert str(report.verdict) in unescaped


def test_entries():
    x = np.linspace(0.5, 1.5, 12).reshape(3, 4)

    def claim(x):
        g = 3 * x**2
        g[1] *= 1.1
        return g

    report = verify_grad(lambda x: (x**3).sum(), claim, x, seed=0)
    page = Page(report.to_html())
    words = " ".join(page.text)
    for j in range(4):
        assert f"x[1, {j}]" in words
    assert "4 off" in words
    assert page.seen.count("svg") == 1 + 7  # and the patches of its legend
    # The picture has the one row in a colour of its own, in one piece.
    picture = report.to_html().partition("</summary><svg")[2].partition("</svg>")[0]
    cells = dict(re.findall(r'<path class="s(\d)" d="([^"]*)"', picture))
    wrong = [path for step, path in cells.items() if int(step) > 0 and path]
    assert wrong == ["M0 1h4v1h-4z"]
    assert cells["0"] == "M0 0h4v1h-4zM0 2h4v1h-4z"
    assert "| `x[1, 3]` |" in report.to_markdown()


def test_words_of_users_are_text():
    """What comes from names, keys and exceptions cannot be markup."""

    def func(params):
        if params[EVIL][0] != 1.0:
            raise ValueError(EVIL)
        return (params[EVIL] ** 2).sum()

    for report in (
        verify_grad(func, lambda p: {EVIL: p[EVIL]}, {EVIL: np.ones(3)}, seed=0),
        verify_grad(
            lambda p: (p[EVIL] ** 2).sum(), lambda p: {EVIL: p[EVIL]}, {EVIL: np.ones(3)}, seed=0
        ),
    ):
        page = Page(report.to_html())
        assert page.seen.count("script") == 1
        assert "<script>alert" not in report.to_html()
        assert "<script>alert" not in report._repr_html_()
        table = [line for line in report.to_markdown().splitlines() if line.startswith("| `")]
        assert all(len(re.findall(r"(?<!\\)\|", line)) == 5 for line in table)
        others = [line for line in report.to_markdown().splitlines() if line not in table]
        assert not any(re.search(r"(?<!\\)<script", line) for line in others)


def test_a_long_report_is_a_small_file(tmp_path):
    x = np.linspace(0.5, 1.5, 10_000).reshape(100, 100)
    wrong = np.random.default_rng(0).random(x.shape) < 0.3
    report = verify_against(
        lambda x: np.where(wrong, 2.0, 1.0) * x**3, lambda x: x**3, x, order=0, seed=0
    )
    path = tmp_path / "report.html"
    report.to_html(path)
    assert 50_000 < path.stat().st_size < 1_000_000
    assert path.read_text(encoding="utf-8") == report.to_html()
    assert len(report.wrong_entries) > 1000
    page = Page(report.to_html())
    assert f"and {len(report.wrong_entries) - 1000} more" in page.text
    assert page.seen.count("tr") == 1001


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ((1.0, 2.0, 1e-9), ("1", "2", "1e-09")),
        ((1.0, 1.2345678901, 1e-3), ("1", "1.2346", "0.001")),
        ((1.0, 1.00000001, 1e-12), ("1", "1.00000001", "1e-12")),
        ((0.0, 1e-12, 1e-6), ("0", "0", "1e-06")),
        ((2.5, 0.0, 0.0), ("2.5", "0", "0")),
    ],
)
def test_digits(numbers, shown):
    """As many digits as the bar leaves, and as many as tell a claim from what was measured."""
    assert digits(*numbers) == shown


def test_terminal(reports):
    """In colour on a terminal, plain elsewhere; the words are those of the text."""
    from rich.console import Console

    from gradproof._report.terminal import show

    report = reports["wrong"]
    plain, coloured = io.StringIO(), io.StringIO()
    show(report, Console(file=plain, width=80))
    show(report, Console(file=coloured, width=80, force_terminal=True, color_system="standard"))
    assert plain.getvalue() == f"{report}\n"
    assert "\x1b[1;31mfail" in coloured.getvalue()
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured.getvalue()) == f"{report}\n"
