"""Text that is not gradproof's own: messages of exceptions, names of leaves, values."""


def escaped(text: str) -> str:
    """
    Return a text in which every character can be seen, and is where it seems to be.

    What a terminal would obey (colours, moves of the cursor), new lines, and marks that change the
    direction of writing are written as Python writes them: no text can pass for a line of a report.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def first_line(text: str, most: int = 200) -> str:
    """Return the first line of a text, escaped, and cut where it is longer than `most`."""
    # Of a long one no more is looked at than may be shown; an escape is up to ten characters.
    line = escaped(next(iter(text[: 16 * most].strip().splitlines()), "").rstrip())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def of_error(err: BaseException, most: int = 200) -> str:
    """Return what an exception says, in short: its type and the first line of its message."""
    try:
        text = str(err)
    except Exception:  # it may be anybody's
        text = "(its message cannot be shown)"
    return first_line(f"{type(err).__name__}: {text.strip()}", most)
