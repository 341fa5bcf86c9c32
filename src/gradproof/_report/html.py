"""A report in HTML: for a notebook, and as a file of its own, without a network or a library."""

from html import escape

from .._version import __version__
from .document import MOST, Branch, Document, listed
from .figure import steps_of
from .heat import STEPS, Heat
from .rows import HEADS, Row, columns_of
from .style import SCRIPT, STYLE
from .tree import GRAVITY, Node, tree_of

#: Leaves that are shown before something is unfolded.
_OPEN = 12
_MARKS = {"pass": "\u2713", "fail": "\u2717", "inconclusive": "?"}
_DASH = "\u2013"


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
    buttons = [("copy as text", text)]
    if document.repeat:
        buttons.append(("copy what repeats it", document.repeat))
    button = "".join(
        f'<button class="copy" data-text="{escape(what)}">{label}</button> '
        for label, what in buttons
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title></head>"
        '<body style="margin:16px">'
        f"{fragment(document, f'<p>{button}</p>')}<script>{SCRIPT}</script></body></html>"
    )


def fragment(document: Document, last: str = "") -> str:
    """Return the part of a page that a notebook shows: without a script."""
    verdict = str(document.verdict)
    parts = [
        f'<p><span class="verdict {verdict}">{_MARKS[verdict]} {verdict}</span></p>',
        f'<p class="finding">{_with_names(document.finding)}</p>',
        _paragraph(document.reason, "soft"),
        _paragraph(document.next_step and f"next: {document.next_step}"),
        _nodes(tree_of(document.branches), few=len(document.branches) <= _OPEN),
        *(_heat(branch) for branch in document.branches if branch.heat is not None),
        _table(document),
        "" if document.ladder is None else steps_of(*document.ladder),
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


def _nodes(nodes: list[Node], *, few: bool) -> str:
    """Return leaves and containers as a list; of many, containers without a mistake are folded."""
    if len(nodes) > _OPEN:  # what is wrong is not folded away
        nodes = sorted(nodes, key=lambda node: GRAVITY.index(node.verdict))
    rows = [_node(node, few=few) for node in nodes]
    if not rows:
        return ""
    shown, rest = rows[:_OPEN], rows[_OPEN:]
    more = (
        f"<li><details><summary>{len(rest)} more</summary><ul>{''.join(rest)}</ul></details></li>"
        if rest
        else ""
    )
    return f"<ul>{''.join(shown)}{more}</ul>"


def _node(node: Node, *, few: bool) -> str:
    mark = f'<span class="{node.verdict or "soft"}">{_MARKS.get(node.verdict, _DASH)}</span>'
    name = f"<code>{escape(node.name)}</code>"
    if node.branch is not None:
        branch = node.branch
        shape = f"({', '.join(map(str, branch.shape))})"
        leaf = f'<li>{mark} {name} <span class="soft">{shape}</span> {branch.told[1]}</li>'
        return leaf + "".join(_node(child, few=few) for child in node.below.values())
    wrong = sum(leaf.wrong > 0 for leaf in node.leaves)
    words = f"{len(node.leaves)} leaves" + (f", {wrong} of them off" if wrong else "")
    unfolded = " open" if wrong or few else ""
    return (
        f'<li><details{unfolded}><summary>{mark} {name} <span class="soft">{words}</span></summary>'
        f"{_nodes(list(node.below.values()), few=few)}</details></li>"
    )


def _heat(branch: Branch) -> str:
    """Return the picture of a leaf: how far its entries are off, darker or brighter by tens."""
    heat = branch.heat
    assert heat is not None
    rows, columns = heat.steps.shape
    size = max(4, min(20, 640 // columns, 320 // rows))
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


def _table(document: Document) -> str:
    if not document.rows:
        return ""
    columns = columns_of(document.rows)
    heads = (HEADS[0], *(HEADS[1 + i] for i in columns))
    head = "".join(f"<th><button>{escape(name)}</button></th>" for name in heads)
    body = "".join(_row(row, columns) for row in document.rows)
    count = len(document.rows)
    if document.off:
        said = f"{document.off} entr{'y' if document.off == 1 else 'ies'} measured to be off"
    else:
        said = f"{count} entr{'y' if count == 1 else 'ies'} not resolved"
    more = max(document.off, count) - count
    left = f'<p class="soft">and {more} more</p>' if more else ""
    if count == MOST and not document.off:
        left = f'<p class="soft">the first {MOST}</p>'
    return (
        f"<details open><summary>{said}</summary>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"</div>{left}</details>"
    )


def _row(row: Row, columns: list[int]) -> str:
    values = (row.claimed, row.measured, row.bar, row.ratio, row.error, row.allowed)
    note = f' <span class="soft">({escape(row.note)})</span>' if row.note else ""
    cells = "".join(f'<td data-v="{values[i]!r}">{escape(row.cells[i])}</td>' for i in columns)
    return f"<tr><td>{escape(row.name)}{note}</td>{cells}</tr>"


def _checks(document: Document) -> str:
    rows = "".join(
        f'<li><span class="{verdict}">{_MARKS[verdict]}</span> {escape(name)}'
        f'<span class="soft"> {escape(text)}</span></li>'
        for name, verdict, text in document.checks
    )
    return f"<details><summary>checks</summary><ul>{rows}</ul></details>" if rows else ""


def _details(document: Document) -> str:
    scope = "".join(f"<p>{name}: {escape(listed(groups))}</p>" for name, groups in document.scope)
    seen = "".join(
        _paragraph(line, "inconclusive" if document.weak else "soft") for line in document.seen
    )
    small = [*document.more, *document.cost]
    repeat = f"<p>repeat: <code>{escape(document.repeat)}</code></p>" if document.repeat else ""
    return (
        f"{scope}{seen}<details><summary>how sharp it was, and what it took</summary>"
        f"{''.join(_paragraph(line, 'soft') for line in small)}{repeat}"
        f"{''.join(map(_paragraph, document.remarks))}</details>"
    )
