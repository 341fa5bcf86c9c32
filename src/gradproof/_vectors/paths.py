"""Leaves by their paths, in messages and in comparisons of structures."""

from typing import Any

from .._backends.pytrees import Flat


def leaves_by_path(flat: Flat) -> dict[str, Any]:
    return dict(zip(flat.paths, flat.leaves, strict=True))


def listed(leaves: dict[str, Any], most: int = 12) -> str:
    """Return the paths of leaves with their shapes."""
    items = [
        f"{path or 'array'} {tuple(leaf.shape) if hasattr(leaf, 'shape') else type(leaf).__name__}"
        for path, leaf in leaves.items()
    ]
    more = f", and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
