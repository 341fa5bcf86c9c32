"""Where reports are printed: a terminal in colour, anything else without."""

import os
from typing import Any

# Wide enough for the demo's table in single lines. Where neither a terminal nor COLUMNS says how
# wide it is, rich would assume 80 columns.
_WIDTH = 110


def console() -> Any:
    """Return rich's console; NO_COLOR and COLUMNS are heeded by it."""
    from rich.console import Console
    from rich.theme import Theme

    # A verdict is printed in the style of its own name.
    styles = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}
    made = Console(theme=Theme(styles))
    if not made.is_terminal and not os.environ.get("COLUMNS", "").isdecimal():
        made = Console(theme=Theme(styles), width=_WIDTH)
    return made
