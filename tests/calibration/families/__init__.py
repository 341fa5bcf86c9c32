"""Functions by family; importing this registers their cases."""

# In this order: the later ones take functions of the earlier ones.
from tests.calibration.families import (
    chance,
    classics,
    conditioned,
    edge,
    inexact,
    kink,
    learning,
    length,
    likelihoods,
    scale,
)

from tests.calibration.families import (  # isort: skip
    hessians,
    jacobians,
    many,
    products,
    rules,
)

__all__ = [
    "chance",
    "classics",
    "conditioned",
    "edge",
    "hessians",
    "inexact",
    "jacobians",
    "kink",
    "learning",
    "length",
    "likelihoods",
    "many",
    "products",
    "rules",
    "scale",
]
