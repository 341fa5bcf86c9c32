"""A report in Markdown: for a pull request, or the summary of a CI run."""

from .document import Document, listed
from .rows import HEADS, columns_of

#: Entries in the table.
_ROWS = 20
_MARKS = {"pass": ":white_check_mark:", "fail": ":x:", "inconclusive": ":grey_question:"}


def markdown(document: Document) -> str:
    """Return what a report says, in the Markdown that code hosts show."""
    verdict = str(document.verdict)
    text = [f"{_MARKS[verdict]} **{verdict}**: {_plain(document.finding)}", ""]
    if document.next_step:
        text += [f"next: {_plain(document.next_step)}", ""]
    if document.rows:
        columns = columns_of(document.rows[:_ROWS])
        heads = (HEADS[0], *(HEADS[1 + i] for i in columns))
        text += [f"| {' | '.join(heads)} |", "|---|" + "---:|" * len(columns)]
        for row in document.rows[:_ROWS]:
            cells = " | ".join(_plain(row.cells[i]) for i in columns)
            note = f" ({_plain(row.note)})" if row.note else ""
            text.append(f"| `{_code(row.name)}`{note} | {cells} |")
        more = max(document.off, len(document.rows)) - _ROWS
        if more > 0:
            text.append(f"\nand {more} more entries")
        text.append("")
    text += [f"- {name}: {_plain(listed(groups))}" for name, groups in document.scope]
    wrong = [check for check in document.checks if check[1] != "pass"]
    text += [f"- {verdict}: {_plain(name)}: {_plain(words)}" for name, verdict, words in wrong]
    text += [f"- {_plain(line)}" for line in (*document.seen, *document.cost)]
    if document.repeat:
        text.append(f"- repeat: `{document.repeat.replace('`', chr(39))}`")
    return "\n".join(text) + "\n"


def _plain(text: str) -> str:
    """Return text of a user as it is to be read: no markup, no table, no HTML."""
    for mark in "\\`*_[]<>|#&":
        text = text.replace(mark, "\\" + mark)
    return text


def _code(text: str) -> str:
    return text.replace("`", "'").replace("|", "\\|") or "the entry"
