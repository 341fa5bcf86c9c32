"""A call of a rule, as a function of the arguments that are moved."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._backends.recorded import Call, Described, Looked, Recorder
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
    empty : bool
        Whether there is nothing to move because arrays have no entries.
    """

    func: Callable[..., Any]
    primals: tuple[Any, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...]
    empty: bool


class _Held:
    """
    Arrays in arguments of which others are moved: those that a call is not differentiated by.

    Parameters
    ----------
    call : Call
        Tells which.
    recorder : Recorder
        Tells what can be moved at all.
    leaves : list
        Those of the arguments.
    """

    def __init__(self, call: Call, recorder: Recorder, leaves: list[Any]) -> None:
        known = call.differentiated or (True,) * len(leaves)
        every = zip(leaves, call.leaves, known, strict=True)
        self._leaves = {
            id(leaf) for leaf, what, moves in every if not moves and _moves(recorder, what)
        }

    def taken_out(self, arg: Any) -> Any:
        """Return an argument with None in the place of each of them."""
        flat = taken_apart(arg)[1] if self._leaves else None
        if flat is None or not any(id(leaf) in self._leaves for leaf in flat.leaves):
            return arg
        return flat.rebuild([None if id(leaf) in self._leaves else leaf for leaf in flat.leaves])

    def put_back(self, arg: Any, moved: Any) -> Any:
        """Return what was moved, with them in their places."""
        flat = taken_apart(arg)[1] if self._leaves else None
        if flat is None or not any(id(leaf) in self._leaves for leaf in flat.leaves):
            return moved
        pairs = zip(flat.leaves, flat.up_to(moved), strict=True)
        return flat.rebuild([leaf if id(leaf) in self._leaves else one for leaf, one in pairs])


def prepare(kind: Kind, recorder: Recorder, values: list[Any]) -> Prepared:
    """Return the function of what is moved that a call of a rule is."""
    call = kind.call
    given = iter(values)
    leaves = [
        recorder.restored(leaf, next(given)) if isinstance(leaf, Described) else leaf
        for leaf in call.leaves
    ]
    args, kwargs = call.build(leaves)
    held = _Held(call, recorder, leaves)
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
                keywords[owner] = recorder.fresh(held.put_back(kwargs[owner], primal))
            else:
                again[owner] = recorder.fresh(held.put_back(args[owner], primal))
        results = _leaves(call.target(*again, **keywords))
        kept = [results[i] for i in looked.results] or results
        return kept[0] if len(kept) == 1 else tuple(kept)

    said = tuple(names[owner] if isinstance(owner, int) else owner for owner in moved)
    every: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
    primals = tuple(held.taken_out(value) for owner, value in every if owner in moved)
    own: Any = func
    own.__signature__ = inspect.Signature(
        [inspect.Parameter(_identifier(name), _POSITIONAL) for name in said]
    )
    empty = not primals and any(recorder.moves(one) for one in call.arrays if 0 in one.shape)
    return Prepared(func, primals, said, tuple(notes), empty)


_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD


def _identifier(name: str) -> str:
    return name if name.isidentifier() else "".join(c if c.isalnum() else "_" for c in name)


def _leaves(results: Any) -> list[Any]:
    return list(taken_apart(results)[1].leaves)


def _moves(recorder: Recorder, leaf: Any) -> bool:
    return isinstance(leaf, Described) and 0 not in leaf.shape and recorder.moves(leaf)


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
            if recorder.moves(replace(leaf, hidden=False)):
                numbers = rng.standard_normal(leaf.shape)
            else:
                numbers = (
                    np.ones(leaf.shape, bool) if leaf.dtype == "bool" else np.zeros(leaf.shape)
                )
            numbers_of.append(recorder.from_host(leaf, np.asarray(numbers)))
    return numbers_of
