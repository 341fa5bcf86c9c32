"""A report in HTML: for a notebook, and as a file of its own, without a network or a library."""

from html import escape

from .._version import __version__
from .diagnoses import WrongEntry
from .document import STEPS, Branch, Document, Heat, digits
from .style import SCRIPT, STYLE

#: Entries in the table, and entries and leaves that are shown before something is unfolded.
_ROWS, _OPEN = 1000, 12
_MARKS = {"pass": "\u2713", "fail": "\u2717", "inconclusive": "?"}


def page(document: Document, text: str) -> str:
    """
    Return a page of its own.

    Parameters
    ----------
    document : Document
        What the report says.
    text : str
        What a button copies: the report in plain text.
    """
    title = escape(f"{document.verdict}: {document.finding}"[:120])
    button = f'<p><button class="copy" data-text="{escape(text)}">copy as text</button></p>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title></head>"
        '<body style="margin:16px">'
        f"{fragment(document, button)}<script>{SCRIPT}</script></body></html>"
    )


def fragment(document: Document, last: str = "") -> str:
    """Return the part of a page that a notebook shows: without a script."""
    verdict = str(document.verdict)
    parts = [
        f'<p><span class="verdict {verdict}">{_MARKS[verdict]} {verdict}</span></p>',
        f'<p class="finding">{_with_names(document.finding)}</p>',
        _paragraph(document.reason, "soft"),
        _paragraph(document.next_step and f"next: {document.next_step}"),
        _tree(document.branches),
        *(_heat(branch) for branch in document.branches if branch.heat is not None),
        _table(document.wrong),
        _checks(document),
        _details(document),
        last,
        f'<p class="soft">gradproof {escape(__version__)}</p>',
    ]
    return f'<div class="gradproof"><style>{STYLE}</style>{"".join(parts)}</div>'


def _with_names(text: str) -> str:
    """Return text in which names between backticks are set as code."""
    pieces = escape(text).split("`")
    if len(pieces) % 2 == 0:  # one of them belongs to a name
        return escape(text)
    return "".join(f"<code>{one}</code>" if i % 2 else one for i, one in enumerate(pieces))


def _paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if text else ""


def _tree(branches: list[Branch]) -> str:
    rows = [_branch(branch) for branch in branches]
    if not rows:
        return ""
    shown, rest = rows[:_OPEN], rows[_OPEN:]
    more = (
        f"<li><details><summary>{len(rest)} more</summary><ul>{''.join(rest)}</ul></details></li>"
        if rest
        else ""
    )
    return f"<ul>{''.join(shown)}{more}</ul>"


def _branch(branch: Branch) -> str:
    shape = f"({', '.join(map(str, branch.shape))})"
    if branch.wrong:
        kind, words = "fail", f"{branch.wrong} off"
    elif branch.unresolved:
        kind, words = "inconclusive", f"{branch.unresolved} not measured or not resolved"
    elif branch.right:
        kind, words = "pass", f"{branch.right} agree"
    else:
        kind, words = "soft", "held fixed"
    mark = _MARKS.get(kind, "\u2013")
    return (
        f'<li><span class="{kind}">{mark}</span> <code>{escape(branch.path)}</code> '
        f'<span class="soft">{shape}</span> {words}</li>'
    )


def _heat(branch: Branch) -> str:
    """Return the picture of a leaf: how far its entries are off, darker or brighter by tens."""
    heat = branch.heat
    assert heat is not None
    rows, columns = heat.steps.shape
    size = max(4, min(14, 640 // columns, 320 // rows))
    paths = "".join(
        f'<path class="s{step}" d="{_cells(heat, step)}"/>' for step in range(len(STEPS) + 1)
    )
    several = (
        f"; a cell is {heat.block[0]} x {heat.block[1]} entries" if max(heat.block) > 1 else ""
    )
    label = f"{branch.path}: |claimed - measured| in units of its limit, by powers of ten{several}"
    return (
        f"<details open><summary>where {escape(branch.path)} is off</summary>"
        f'<svg role="img" aria-label="{escape(label)}" width="{columns * size}" '
        f'height="{rows * size}" viewBox="0 0 {columns} {rows}" shape-rendering="crispEdges" '
        f'style="background:var(--none)">{paths}</svg>'
        f'<p class="soft">{_legend()}</p><p class="soft">{escape(label)}</p></details>'
    )


def _legend() -> str:
    """Return what the colours mean."""
    words = ["within", *(f"{step:g} times" for step in STEPS)]
    words[1] = "beyond"
    patches = [(f"s{i}", word) for i, word in enumerate(words)]
    every = [*patches, ("none", "not measured")]
    return " ".join(
        f'<svg class="patch" width="12" height="12" viewBox="0 0 1 1" aria-hidden="true">'
        f'<path class="{kind}" d="M0 0h1v1h-1z"/></svg> {word}'
        for kind, word in every
    )


def _cells(heat: Heat, step: int) -> str:
    """Return the outline of all cells of one colour, neighbours in a row in one piece."""
    pieces = []
    for i, row in enumerate(heat.steps):
        j = 0
        while j < row.size:
            stop = j
            while stop < row.size and row[stop] == step:
                stop += 1
            if stop > j:
                pieces.append(f"M{j} {i}h{stop - j}v1h{j - stop}z")
            j = stop + 1
    return "".join(pieces)


def _table(wrong: list[WrongEntry]) -> str:
    if not wrong:
        return ""
    heads = ("entry", "claimed", "measured", "&plusmn;", "ratio", "error")
    head = "".join(f"<th><button>{name}</button></th>" for name in heads)
    body = "".join(map(_row, wrong[:_ROWS]))
    more = f'<p class="soft">and {len(wrong) - _ROWS} more</p>' if len(wrong) > _ROWS else ""
    count = f"{len(wrong)} entr{'y' if len(wrong) == 1 else 'ies'} measured to be off"
    return (
        f"<details open><summary>{count}</summary>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"</div>{more}</details>"
    )


def _row(entry: WrongEntry) -> str:
    numbers = entry.claimed, entry.measured, entry.uncertainty
    shown = [*digits(*numbers)]
    ratio = entry.claimed / entry.measured + 0.0 if entry.measured else float("inf")  # no -0
    error = abs(ratio - 1)
    values = (*numbers, ratio, error)
    shown += [f"{ratio:.4g}" if entry.measured else "", f"{error:.1e}" if entry.measured else ""]
    name = entry.path or "the entry"
    once = "" if entry.confirmed else ' <span class="soft">(once)</span>'
    cells = "".join(
        f'<td data-v="{value!r}">{text}</td>' for value, text in zip(values, shown, strict=True)
    )
    return f"<tr><td>{escape(name)}{once}</td>{cells}</tr>"


def _checks(document: Document) -> str:
    rows = "".join(
        f'<li><span class="{verdict}">{_MARKS[verdict]}</span> {escape(name)}'
        f'<span class="soft"> {escape(text)}</span></li>'
        for name, verdict, text in document.checks
    )
    return f"<details><summary>checks</summary><ul>{rows}</ul></details>" if rows else ""


def _details(document: Document) -> str:
    scope = "".join(f"<p>{name}: {escape(text)}</p>" for name, text in document.scope)
    small = "".join(_paragraph(line, "soft") for line in document.small_print)
    remarks = "".join(_paragraph(remark) for remark in document.remarks)
    return (
        f"{scope}<details><summary>how sharp it was, and what it took</summary>"
        f"{small}{remarks}</details>"
    )
