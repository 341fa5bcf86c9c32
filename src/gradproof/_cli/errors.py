"""What is said where nothing can be checked: one line, with what may have been meant."""

import difflib
from collections.abc import Iterable

from .._backends.foreign import escaped


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
    word = _bare(given)
    ranked = sorted(((*_likeness(word, _bare(name)), name) for name in set(known)), reverse=True)
    # As close as difflib has it; and a second one where it is nearly as close as the first.
    least = max(0.6, ranked[0][0] - 0.05) if ranked else 0.0
    found = [name for ratio, _, name in ranked[:2] if ratio >= least]
    return f" Did you mean {' or '.join(found)}?" if found else ""


def _likeness(one: str, other: str) -> tuple[float, int]:
    """Return how alike two words are, and in how many places: letters change places most."""
    ratio = difflib.SequenceMatcher(None, one, other).ratio()
    return ratio, sum(a == b for a, b in zip(one, other, strict=False))


def _bare(name: str) -> str:
    """Return a name without what makes all names of its sort alike."""
    stem, _, suffix = name.lower().lstrip("-").rpartition(".")
    return stem if suffix in ("py", "npy", "toml") else name.lower().lstrip("-")


def in_one_line(text: object) -> str:
    """Return a message without line breaks, and without what a terminal would obey."""
    return escaped(" ".join(str(text).split()))
