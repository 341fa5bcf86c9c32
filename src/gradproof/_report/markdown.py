"""A report in Markdown: for a pull request, or the summary of a CI run."""

from .document import Document, digits

#: Entries in the table.
_ROWS = 20
_MARKS = {"pass": ":white_check_mark:", "fail": ":x:", "inconclusive": ":grey_question:"}


def markdown(document: Document) -> str:
    """Return what a report says, in the Markdown that code hosts show."""
    verdict = str(document.verdict)
    text = [f"{_MARKS[verdict]} **{verdict}**: {_plain(document.finding)}", ""]
    if document.next_step:
        text += [f"next: {_plain(document.next_step)}", ""]
    if document.wrong:
        text += ["| entry | claimed | measured | \u00b1 |", "|---|---:|---:|---:|"]
        for entry in document.wrong[:_ROWS]:
            numbers = digits(entry.claimed, entry.measured, entry.uncertainty)
            text.append(f"| `{_code(entry.path)}` | {' | '.join(numbers)} |")
        if len(document.wrong) > _ROWS:
            text.append(f"\nand {len(document.wrong) - _ROWS} more entries")
        text.append("")
    text += [f"- {name}: {_plain(words)}" for name, words in document.scope]
    wrong = [check for check in document.checks if check[1] != "pass"]
    text += [f"- {verdict}: {_plain(name)}: {_plain(words)}" for name, verdict, words in wrong]
    text += [f"- {_plain(line)}" for line in document.small_print]
    return "\n".join(text) + "\n"


def _plain(text: str) -> str:
    """Return text of a user as it is to be read: no markup, no table, no HTML."""
    for mark in "\\`*_[]<>|#&":
        text = text.replace(mark, "\\" + mark)
    return text


def _code(text: str) -> str:
    return text.replace("`", "'").replace("|", "\\|") or "the entry"
