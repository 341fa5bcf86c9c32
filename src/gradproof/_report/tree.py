"""The leaves of a report as a tree, by the keys in their paths."""

import re
from dataclasses import dataclass, field

from .document import Branch

#: A key in brackets, which may hold brackets of its own between quotes; an attribute; a name.
_STEP = re.compile(r"\[(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\]]*)\]|\.[^.\[]+|[^.\[]+")
#: From what a reader has to see to what he has not.
GRAVITY = ("fail", "inconclusive", "pass", "")


@dataclass
class Node:
    """
    A leaf, or a container of several.

    Attributes
    ----------
    name : str
        The part of its path that the containers above it do not have.
    branch : Branch or None
        Of a leaf, what was found.
    below : dict of str to Node
        What a container holds, by the next part of the path.
    """

    name: str
    branch: Branch | None = None
    below: dict[str, "Node"] = field(default_factory=dict)

    @property
    def leaves(self) -> list[Branch]:
        """The leaf itself, and all that are below."""
        own = [] if self.branch is None else [self.branch]
        return own + [leaf for node in self.below.values() for leaf in node.leaves]

    @property
    def verdict(self) -> str:
        """That of the leaf that needs a reader most."""
        return min((leaf.told[0] for leaf in self.leaves), key=GRAVITY.index)


def tree_of(branches: list[Branch]) -> list[Node]:
    """Return the nodes at the top; a container of one thing has no node of its own."""
    top = Node("")
    for branch in branches:
        node = top
        for step in _steps(branch.path):
            node = node.below.setdefault(step, Node(step))
        node.branch = branch
    return [_merged(node) for node in top.below.values()]


def _steps(path: str) -> list[str]:
    steps = _STEP.findall(path)
    return steps if "".join(steps) == path else [path]


def _merged(node: Node) -> Node:
    below = {step: _merged(child) for step, child in node.below.items()}
    if len(below) == 1 and node.branch is None:
        (child,) = below.values()
        return Node(node.name + child.name, child.branch, child.below)
    return Node(node.name, node.branch, below)
