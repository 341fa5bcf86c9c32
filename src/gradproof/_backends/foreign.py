"""What is not gradproof's own: text of exceptions, names of leaves, the forward code of rules."""

from typing import Any


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


def forward_of(func: Any) -> tuple[Any, int]:
    """
    Return the function that has names for a rule's arguments, and how many of them are its own.

    The ``apply`` of a `torch.autograd.Function` takes anything, and hands it to ``forward``, after
    a context where there is no ``setup_context``.
    """
    owner = getattr(func, "__self__", None)
    if not isinstance(owner, type) or getattr(func, "__name__", "") != "apply":
        return func, 0
    own = [vars(base) for base in owner.__mro__ if not base.__module__.startswith("torch.")]
    forward = next((names["forward"] for names in own if "forward" in names), None)
    if forward is None:
        return func, 0
    skipped = 0 if any("setup_context" in names for names in own) else 1
    # Of a class method the first name is the class.
    skipped += isinstance(forward, classmethod)
    return getattr(forward, "__func__", forward), skipped
