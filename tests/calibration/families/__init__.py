"""Families of functions; importing this registers their cases."""

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

__all__ = [
    "chance",
    "classics",
    "conditioned",
    "edge",
    "inexact",
    "kink",
    "learning",
    "length",
    "likelihoods",
    "scale",
]
