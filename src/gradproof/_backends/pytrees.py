"""Nested containers of arrays, by optree; JAX has a registry of its own."""

import dataclasses
from collections.abc import Callable
from typing import Any

from .foreign import escaped

#: Dataclasses that optree does not know are registered for gradproof alone.
_NAMESPACE = "gradproof"


@dataclasses.dataclass(frozen=True)
class Flat:
    """
    A pytree taken apart; to another process it goes as a whole, and is taken apart there.

    Attributes
    ----------
    leaves : list
        What is no container; None is a leaf.
    paths : list of str
        The path of each, as Python code: ``['layers'][1].w``.
    rebuild : callable
        Takes other leaves, and returns them in the same containers.
    up_to : callable
        Takes another tree, and returns what it has in the place of each leaf.
    made : tuple
        The function that took it apart, and the tree.
    beside : tuple of (str, object, str)
        Arrays in it that are no leaves, by path, and why: the buffers of a module.
    """

    leaves: list[Any]
    paths: list[str]
    rebuild: Callable[[list[Any]], Any]
    up_to: Callable[[Any], list[Any]]
    made: tuple[Callable[[Any], "Flat"], Any]
    beside: tuple[tuple[str, Any, str], ...] = ()

    def __post_init__(self) -> None:
        # A key may be anything that has a repr.
        object.__setattr__(self, "paths", [escaped(path) for path in self.paths])

    def __reduce__(self) -> tuple[Any, ...]:
        function, tree = self.made
        return function, (tree,)


def flattened(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Flat:
    """Return the leaves of dicts, lists, tuples, namedtuples, dataclasses and what optree knows."""
    import optree

    while True:
        accessors, leaves, treespec = optree.tree_flatten_with_accessor(
            tree, is_leaf=is_leaf, none_is_leaf=True, namespace=_NAMESPACE
        )
        records = (leaf for leaf in leaves if is_leaf is None or not is_leaf(leaf))
        unknown = {type(leaf) for leaf in records if _is_record(leaf)}
        if not unknown:
            break
        for kind in unknown:
            _register(kind)
    return Flat(
        leaves,
        [accessor.codify("") for accessor in accessors],
        lambda new: optree.tree_unflatten(treespec, new),
        treespec.flatten_up_to,
        (flattened, tree),
    )


def one(array: Any) -> Flat:
    """Return an array as a tree that has nothing else."""
    return Flat([array], [""], lambda leaves: leaves[0], lambda tree: [tree], (one, array))


def _is_record(leaf: Any) -> bool:
    return dataclasses.is_dataclass(leaf) and not isinstance(leaf, type)


def _register(kind: type) -> None:
    import optree

    names = tuple(field.name for field in dataclasses.fields(kind))

    def flatten(record: Any) -> Any:
        return [getattr(record, name) for name in names], None, names

    def unflatten(_: Any, values: Any) -> Any:
        # Without `__init__`, which may count, check or convert.
        record: Any = object.__new__(kind)
        for name, value in zip(names, values, strict=True):
            object.__setattr__(record, name, value)
        return record

    optree.register_pytree_node(
        kind, flatten, unflatten, path_entry_type=optree.GetAttrEntry, namespace=_NAMESPACE
    )
