"""What people look at: HTML, Markdown, the terminal; all from one structure."""

import io
import re
from html import escape
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.report.test_report import KINDS, every_kind

from gradproof import verify_against, verify_grad
from gradproof._report.document import document, listed
from gradproof._report.rows import digits
from gradproof._report.table import aligned
from gradproof._report.text import lines
from gradproof._report.tree import tree_of

EVIL = "<script>alert(1)</script>'\"&`|"


@pytest.fixture(scope="module")
def reports():
    return every_kind()


class Page(HTMLParser):
    """Reads a page: each tag has to be closed in its order."""

    VOID = ("meta", "br", "path", "circle")

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
        for name, groups in document(report).scope:
            assert name in words
            assert listed(groups) in words
    told = document(report)
    assert told.off == sum(branch.wrong for branch in told.branches)
    if kind != "not finite":  # of which nothing was measured
        assert told.off == sum(row.off for row in told.rows)
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
    assert page.seen.count("svg") == 1 + 7 + 1  # the patches of its legend, and the steps
    # The picture has the one row in a colour of its own, in one piece.
    picture = report.to_html().partition("</summary><svg")[2].partition("</svg>")[0]
    cells = dict(re.findall(r'<path class="s(\d)" d="([^"]*)"', picture))
    wrong = [path for step, path in cells.items() if int(step) > 0 and path]
    assert wrong == ["M0 1h4v1h-4z"]
    assert cells["0"] == "M0 0h4v1h-4zM0 2h4v1h-4z"
    assert "| `x[1, 3]` (measured once) | " in report.to_markdown()


def test_steps():
    """The error falls with the step, and stays where a claim is wrong."""
    x = np.linspace(0.5, 1.5, 6)

    def drawn(factor):
        report = verify_grad(lambda x: (x**3).sum(), lambda x: 3 * factor * x**2, x, seed=0)
        text = report.to_html()
        assert "error against step, " in text
        (line,) = re.findall(r'class="error" d="M([^"]*)"', text)
        numbers = [float(one) for one in line.split()]
        (limit,) = re.findall(r'class="limit" d="M\d+ ([\d.]+)H', text)
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        assert [x for x, _ in points] == sorted((x for x, _ in points), reverse=True)
        return [y for _, y in points], float(limit)

    heights, limit = drawn(1.0)
    assert max(heights) > limit  # further down is less
    heights, limit = drawn(1.01)
    assert max(heights) < limit


def test_leaves_are_a_tree():
    """Containers with several leaves are folded where all is right, and open where one is wrong."""
    x0 = {"layers": [{"w": np.ones(2), "b[0]": np.ones(2)} for _ in range(9)], "bias": np.ones(2)}

    def func(x):
        return sum((v**3).sum() for layer in x["layers"] for v in layer.values()) + x["bias"].sum()

    def claim(x):
        layers = [{name: 3 * v**2 for name, v in layer.items()} for layer in x["layers"]]
        layers[4]["w"] = 2 * layers[4]["w"]
        return {"layers": layers, "bias": np.ones(2)}

    report = verify_grad(func, claim, x0, seed=0)
    nodes = {node.name: node for node in tree_of(document(report).branches)}
    (top,) = nodes.values()
    assert list(top.below) == ["['bias']", "['layers']"]
    layers = top.below["['layers']"].below
    assert list(layers) == [f"[{i}]" for i in range(9)]
    assert list(layers["[4]"].below) == ["['b[0]']", "['w']"]
    assert [node.verdict for node in layers.values()].count("fail") == 1
    assert layers["[4]"].verdict == "fail"
    page = Page(report.to_html())
    assert "19 leaves, 1 of them off" in page.text


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
        assert all(len(re.findall(r"(?<!\\)\|", line)) == 8 for line in table)
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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_terminal(kind, width, reports):
    """In colour on a terminal, plain elsewhere; the words are the same, and no row is cut."""
    from rich.console import Console

    report = reports[kind]
    plain, coloured = io.StringIO(), io.StringIO()
    report.show(Console(file=plain, width=width))
    terminal = Console(file=coloured, width=width, force_terminal=True, color_system="standard")
    report.show(terminal)
    code = {"pass": 32, "fail": 31, "inconclusive": 33}[str(report.verdict)]
    assert coloured.getvalue().startswith(f"\x1b[1;{code}m{report.verdict}")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", coloured.getvalue())
    # What is to be copied is in one piece.
    broken = [line for line in shown.splitlines() if not line.startswith("  repeat: ")]
    assert max(map(len, broken)) <= width
    words = set(plain.getvalue().split())
    left_out = {"limit", "ratio", "error", "measured", "once"} if width < 120 else set()
    said = set(shown.split())
    assert words - said <= {word for word in words if not word.isalpha()} | left_out
    short = [line for line in str(report).splitlines() if not line.startswith("  and ")]
    assert {word for line in short for word in line.split()} <= words  # it says more than that
    assert "repeat: verify_" in plain.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_table_without_notes_on_a_narrow_terminal(width):
    """Columns are spared of those that there are: an entry that was confirmed has no note."""
    from rich.console import Console

    x = np.linspace(0.5, 1.5, 6)
    wrong = np.where(np.arange(6) == 2, 1.1, 1.0)
    report = verify_grad(lambda x: (x**3).sum(), lambda x: 3 * x**2 * wrong, x, seed=0)
    shown = io.StringIO()
    report.show(Console(file=shown, width=width, force_terminal=True, color_system=None))
    assert "  x[2]     2.673      2.43  " in shown.getvalue()
    assert ("ratio" in shown.getvalue()) == (width > 20)


def test_wrong_leaves_of_many_come_first():
    """They are not folded away; and a leaf that was seen to be right is not called unmeasured."""
    point = {f"l{i}": np.ones(2) * (1 + i / 100) for i in range(300)}

    def cubes(p):
        return sum((leaf**3).sum() for leaf in p.values())

    def claim(p):
        wrong = {"l7": 2, "l299": 2}
        return {name: 3 * leaf**2 * wrong.get(name, 1) for name, leaf in p.items()}

    report = verify_grad(cubes, claim, point, seed=0)
    shown = document(report)
    told = {branch.path: branch.told for branch in shown.branches}
    assert told["p['l7']"] == told["p['l299']"] == ("fail", "2 off")
    assert "p['l0']" in report.right
    assert told["p['l0']"] == ("pass", "right as a whole")
    text = "\n".join(map(str, lines(shown, everything=True)))
    listed_leaves = [line.split()[0] for line in text.splitlines() if line.endswith("  2 off")]
    assert listed_leaves == ["p['l299']", "p['l7']"]
    unfolded = report.to_html().partition("288 more")[0]
    assert unfolded.count("</span> 2 off</li>") == 2


def test_a_comparison_names_what_it_was_compared_with():
    """Names are between marks, the reference is no slope of func, and what was seen no error."""
    x = np.linspace(0.5, 1.5, 6).astype(np.float32)
    report = verify_against(
        lambda a: (a * a * 1.01, -a * 1.01), lambda a: (a * a, -a), x, order=0, seed=0
    )
    assert report.finding.startswith("`value[0]`, `value[1]` is 1.01 +- ")
    assert report.finding.endswith(" times the reference in every entry")
    text = "\n".join(map(str, lines(document(report), everything=True)))
    assert "along the claim" not in text
    none = verify_against(lambda a: -0 * a, lambda a: a, x, order=0, seed=0)
    assert "-0" not in [row.cells[0] for row in document(none).rows]
    assert none.finding.startswith("value is 0 in every entry, and the reference is not")


def test_what_fails_beside_the_gradient():
    """A gradient that passes is not said to be off by what its check could have missed."""
    x = np.linspace(0.5, 1.5, 6)
    report = verify_grad(
        lambda x: (x**3).sum(),
        lambda x: (1.1 * (x**3).sum(), 3 * x**2),
        x,
        value_and_grad=True,
        seed=0,
    )
    text = "\n".join(map(str, lines(document(report), everything=True)))
    assert "not what func returns (1 number): " in text
    assert re.search(r"along the claim itself: off by \S+ of it at most\n", text)
    assert "of one entry alone" in text


def test_wide_letters_in_a_table():
    """A terminal gives two places to some letters; columns are below each other all the same."""
    rows = [("漢字", "(3)"), ("e\u0301", "(3)"), ("name", "(3)")]
    assert aligned(rows, left=(0, 1)) == ["漢字  (3)", "e\u0301     (3)", "name  (3)"]


def test_notebook(reports):
    bundle = reports["wrong"]._repr_mimebundle_()
    assert bundle["text/plain"] == str(reports["wrong"])
    assert bundle["text/html"] == reports["wrong"]._repr_html_()
    assert bundle["text/markdown"] == reports["wrong"].to_markdown()


def test_what_repeats_a_check():
    """In all forms, whatever marks are in it; tests/checks/test_repeat.py has what it is."""
    one = np.ones(3)
    report = verify_grad(lambda x: (x < 2).sum() + (x**3).sum(), lambda x: 3 * x * x, one, seed=0)
    assert "(x < 2)" in report.repeat
    assert f'data-text="{escape(report.repeat)}"' in report.to_html()
    assert f"- repeat: `{report.repeat}`" in report.to_markdown()
