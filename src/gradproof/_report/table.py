"""Tables as text, for a terminal of any width."""

from collections.abc import Sequence


def aligned(
    rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,), width: int | None = None
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
        The most characters of a line: the last columns are left out where they do not fit, but
        never the first three.

    Returns
    -------
    list of str
        A line for each row.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    columns = [i for i, wide in enumerate(widths) if wide]
    while width and len(columns) > 3 and sum(widths[i] + 2 for i in columns) - 2 > width:
        columns.pop()
    return [
        "  ".join(
            row[i].ljust(widths[i]) if i in left else row[i].rjust(widths[i]) for i in columns
        ).rstrip()
        for row in rows
    ]
