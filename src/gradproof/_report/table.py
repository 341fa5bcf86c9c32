"""Tables as text, for a terminal of any width."""

import unicodedata
from collections.abc import Sequence


def aligned(
    rows: Sequence[Sequence[str]],
    *,
    left: Sequence[int] = (0,),
    width: int | None = None,
    spare: Sequence[int] = (),
) -> list[str]:
    """
    Return rows as lines, in columns as wide as what is in them.

    Parameters
    ----------
    rows : sequence of sequence of str
        Cells, the heads among them; all rows are as long.
    left : sequence of int
        Columns that are set from the left; all others end at the right.
    width : int, optional
        The most characters of a line, if columns can be spared for it.
    spare : sequence of int
        Columns that are left out, one after the other, where a line would be longer.

    Returns
    -------
    list of str
        A line for each row.
    """
    widths = [max(_wide(row[i]) for row in rows) for i in range(len(rows[0]))]
    columns = [i for i, wide in enumerate(widths) if wide]
    for i in spare if width else ():
        if i in columns and sum(widths[j] + 2 for j in columns) - 2 > (width or 0):
            columns.remove(i)
    return [
        "  ".join(_filled(row[i], widths[i], at_left=i in left) for i in columns).rstrip()
        for row in rows
    ]


def _wide(text: str) -> int:
    """Return how many places a text takes: a letter of Chinese takes two, an accent none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF")
        for one in text
    )


def _filled(text: str, width: int, *, at_left: bool) -> str:
    blanks = " " * (width - _wide(text))
    return text + blanks if at_left else blanks + text
