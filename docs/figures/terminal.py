"""A report on a terminal."""

import contextlib
import io
import os
from unittest import mock

from example import report
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, DIMMED_MONOKAI, TerminalTheme
from rich.text import Text

WIDTH = 84
#: What rich fills in; without the fonts that its own template takes from the network.
TEMPLATE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {terminal_height}"
 role="img" aria-label="a report on a terminal">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
 font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>{lines}</defs>
<rect x="1" y="1" rx="8" fill="GROUND"
 style="width: calc(100% - 2px); height: calc(100% - 2px)" stroke="#808080"/>
<g transform="translate({terminal_x}, 12)">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""


def shown() -> str:
    """Return what `report.show()` prints on a terminal, with its codes for colours."""
    file = io.StringIO()
    colours = {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    with mock.patch.dict(os.environ, colours), contextlib.redirect_stdout(file):
        report().show()
    return file.getvalue()


def picture(text: str, theme: TerminalTheme, ground: str, dim: str) -> str:
    """Return a picture of a terminal; `dim` is a colour that can be read, which rich's is not."""
    text = text.replace("\x1b[2m", f"\x1b[38;2;{dim}m")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), color_system="truecolor")
    console.print("[bold]>>> report.show()[/]", highlight=False)
    console.print(Text.from_ansi(text), highlight=False)
    return console.export_svg(
        theme=theme, code_format=TEMPLATE.replace("GROUND", ground), unique_id="report"
    )


def draw() -> tuple[str, str]:
    """Return the picture in light and in dark."""
    text = shown()
    return (
        picture(text, DEFAULT_TERMINAL_THEME, "#ffffff", "87;96;106"),
        picture(text, DIMMED_MONOKAI, "#14181e", "154;164;175"),
    )
