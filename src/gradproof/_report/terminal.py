"""A report on a terminal, in colour, its lines broken where the terminal ends."""

from typing import Any

from .document import Document
from .text import lines

#: What a line is, and how it looks: colour is never the only sign, as words say the same.
_STYLES = {
    "pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow", "next": "bold",
    "weak": "yellow", "small": "dim", "repeat": "dim", "table": "", "": "",
}  # fmt: skip
#: In a notebook nobody knows the ground: colours that can be read on white and on black.
_NOTEBOOK = {
    "pass": "bold #2f9e44", "fail": "bold #e8590c", "inconclusive": "bold #b58900",
    "weak": "#b58900", "small": "", "repeat": "",
}  # fmt: skip
#: Lines that are not broken: cells below their heads, and what is to be copied.
_WHOLE = ("table", "repeat")
#: How far what follows the first part of a long line is set in.
_INSET = 4


def show(shown: Document, console: Any = None) -> None:
    """
    Print all of a report; verdicts in their colours.

    Parameters
    ----------
    shown : Document
        The report.
    console : rich.console.Console, optional
        Where to; by default the terminal.
    """
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    # Of a file or a log nobody knows how wide it is shown.
    width = console.width if console.is_terminal or console.is_jupyter else None
    styles = {**_STYLES, **_NOTEBOOK} if console.is_jupyter else _STYLES
    parts = []
    for line in lines(shown, everything=True, width=width):
        text = Text(line.text)
        if styles[line.style]:
            text.stylize(styles[line.style], 0, line.head)
        if width is None or line.style in _WHOLE:
            parts.append(text)
            continue
        for i, part in enumerate(text.wrap(console, width - _INSET)):
            part.rstrip()
            parts.append(Text(" " * _INSET) + part if i else part)
    # At once: a notebook makes a block of its own of each print.
    console.print(Text("\n").join(parts), highlight=False, soft_wrap=True)
