"""A factor that is missing, or one too many: a function of x, or of func's values, by entries."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._report.diagnoses import Kind
from .evidence import Case
from .named import Named

Elementwise = Callable[[Any], Any]


def _sigmoid(v: Any) -> Any:
    return 0.5 * (1 + np.tanh(v / 2))


#: With `{}` for the name of what it is a function of. The simplest come first: what explains all
#: that was measured is said, and of two that do the first.
_FUNCTIONS: tuple[tuple[str, Elementwise], ...] = (
    ("{}", lambda v: v),
    ("{}**2", np.square),
    ("sign({})", np.sign),
    ("({} > 0)", lambda v: np.where(v > 0, 1.0, 0.0)),
    ("({} < 0)", lambda v: np.where(v < 0, 1.0, 0.0)),
    ("(1 - {})", lambda v: 1 - v),
    ("{0} (1 - {0})", lambda v: v * (1 - v)),
    ("(1 - {}**2)", lambda v: 1 - v * v),
    ("(1 + {}**2)", lambda v: 1 + v * v),
    ("(1 + {})", lambda v: 1 + v),
    ("exp({})", np.exp),
    ("exp(-{})", lambda v: np.exp(-v)),
    ("sigmoid({})", _sigmoid),
    ("sigmoid'({})", lambda v: _sigmoid(v) * (1 - _sigmoid(v))),
    ("(1 - tanh({})**2)", lambda v: 1 - np.tanh(v) ** 2),
    ("tanh({})", np.tanh),
    ("cos({})", np.cos),
    ("sin({})", np.sin),
    ("sqrt({})", np.sqrt),
    ("|{}|", np.abs),
    ("log({})", np.log),
    ("2 {}", lambda v: 2 * v),
    ("{}**3", lambda v: v**3),
)


def missing(case: Case) -> Iterator[Named]:
    """Yield names: func's slope is the claim times, or divided by, a known function."""
    own = case.own
    for beside in own.beside:
        here = own.taken(beside.values)
        if not np.isfinite(here).all() or np.ptp(here, axis=None) == 0:
            continue
        for words, function in _FUNCTIONS:
            called = words.format(beside.name)
            with np.errstate(all="ignore"):
                value = function(here)
                if own.fits(own.at * value):
                    full = own.claimed * function(np.broadcast_to(beside.values, own.shape))
                    text = f"lacks a factor: func's slope is {called} times that"
                    yield Named(Kind.MISSING_FACTOR, text, full)
                elif own.fits(own.at / value):
                    full = own.claimed / function(np.broadcast_to(beside.values, own.shape))
                    text = f"has a factor too many, or lacks its inverse: {called}"
                    yield Named(Kind.MISSING_FACTOR, text, full)
