"""What is said where nothing can be checked: one line, with what may have been meant."""

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """Nothing was checked, for a reason that the user can mend."""


class UserCodeError(Exception):
    """The user's own code raised; the cause is what it raised."""


def meant(given: str, known: Iterable[str]) -> str:
    """
    Return the question whether something else was meant, to follow a sentence.

    Parameters
    ----------
    given : str
        What is not known.
    known : iterable of str
        What is.

    Returns
    -------
    str
        Empty if nothing is like it.
    """
    # One that differs in case alone is what was meant, however short it is.
    names = {name.lower(): name for name in known}
    found = difflib.get_close_matches(given.lower(), names, n=2, cutoff=0.6)
    return f" Did you mean {' or '.join(names[name] for name in found)}?" if found else ""


def in_one_line(text: object) -> str:
    """Return a message without line breaks: tools and people read the first line."""
    return " ".join(str(text).split())
