"""A call of a rule, as a function of the arguments that are moved."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._backends.recorded import Described, Looked, Recorder
from .._backends.registry import taken_apart
from .._vectors.callables import argument_names
from .kinds import Kind

#: Numbers that are drawn, and checks, are the same each time.
SEED = 0


@dataclass(frozen=True)
class Prepared:
    """
    A call that can be checked: a function of what is moved.

    Attributes
    ----------
    func : callable
        Of the arguments that are moved.
    primals : tuple
        Those arguments.
    names : tuple of str
        Their names.
    notes : tuple of str
        What is not checked.
    """

    func: Callable[..., Any]
    primals: tuple[Any, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...]


def prepare(kind: Kind, recorder: Recorder, values: list[Any]) -> Prepared:
    """Return the function of what is moved that a call of a rule is."""
    call = kind.call
    given = iter(values)
    leaves = [
        recorder.restored(leaf, next(given)) if isinstance(leaf, Described) else leaf
        for leaf in call.leaves
    ]
    args, kwargs = call.build(leaves)
    looked = _looked(recorder, kind, args, kwargs)
    names = argument_names(call.signature, len(args))
    moved, notes = list[int | str](), list[str]()
    named: list[tuple[int | str, str]] = [*enumerate(names), *((key, key) for key in kwargs)]
    for owner, name in named:
        at = [i for i, own in enumerate(call.owners) if own == owner]
        can = any(_moves(recorder, call.leaves[i]) for i in at)
        known = call.differentiated
        if known is not None:
            if can and any(known[i] for i in at):
                moved.append(owner)
            elif can:
                notes.append(f"not differentiated by in this call, not checked: {name}")
        elif owner in looked.ungiven and can:
            notes.append(f"the rule returns None for it, not checked: {name}")
        elif owner in looked.refused and can:
            notes.append(f"the rule raises where it is differentiated by, not checked: {name}")
        elif can:
            moved.append(owner)
    if looked.left_out:
        notes.append(f"results that the rule marks as not differentiable: {looked.left_out}")

    def func(*primals: Any) -> Any:
        again, keywords = [recorder.fresh(arg) for arg in args], {**kwargs}
        for owner, primal in zip(moved, primals, strict=True):
            if isinstance(owner, str):
                keywords[owner] = recorder.fresh(primal)
            else:
                again[owner] = recorder.fresh(primal)
        results = _leaves(call.target(*again, **keywords))
        kept = [results[i] for i in looked.results] or results
        return kept[0] if len(kept) == 1 else tuple(kept)

    said = tuple(names[owner] if isinstance(owner, int) else owner for owner in moved)
    every: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
    primals = tuple(value for owner, value in every if owner in moved)
    own: Any = func
    own.__signature__ = inspect.Signature(
        [inspect.Parameter(_identifier(name), _POSITIONAL) for name in said]
    )
    return Prepared(func, primals, said, tuple(notes))


_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD


def _identifier(name: str) -> str:
    return name if name.isidentifier() else "".join(c if c.isalnum() else "_" for c in name)


def _leaves(results: Any) -> list[Any]:
    return list(taken_apart(results)[1].leaves)


def _moves(recorder: Recorder, leaf: Any) -> bool:
    return isinstance(leaf, Described) and recorder.moves(leaf)


def _looked(recorder: Recorder, kind: Kind, args: Any, kwargs: Any) -> Looked:
    try:
        return recorder.looked(kind.call, args, kwargs)
    except Exception:  # the check says what the rule raises
        return Looked(frozenset(), ())


def drawn(kind: Kind, recorder: Recorder) -> list[Any]:
    """Return values where shapes alone are known: normal, whole numbers zero, flags True."""
    rng = np.random.default_rng(SEED)
    numbers_of = []
    for leaf in kind.call.leaves:
        if isinstance(leaf, Described):
            if recorder.moves(leaf):
                numbers = rng.standard_normal(leaf.shape)
            else:
                numbers = (
                    np.ones(leaf.shape, bool) if leaf.dtype == "bool" else np.zeros(leaf.shape)
                )
            numbers_of.append(recorder.from_host(leaf, np.asarray(numbers)))
    return numbers_of
