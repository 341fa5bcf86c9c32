"""A report on a terminal, in colour."""

from typing import Any


def show(report: Any, console: Any = None) -> None:
    """
    Print a report; the verdict, and the names of what fails, in the colour of the verdict.

    Parameters
    ----------
    report : Report
        Anything whose text begins with its verdict.
    console : rich.console.Console, optional
        Where to; by default the terminal.
    """
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    text = Text(str(report))
    styles = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}
    text.stylize(styles[str(report.verdict)], 0, len(str(report.verdict)))
    for word, style in styles.items():
        text.highlight_regex(rf"(?m)^ +{word}(?=:)", style.removeprefix("bold "))
    text.highlight_regex(r"(?m)^ +next(?=:)", "bold")
    console.print(text, highlight=False, soft_wrap=True)
