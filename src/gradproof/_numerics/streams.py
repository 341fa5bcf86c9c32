"""Random numbers: each consumer has a stream of its own, by its name."""

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy.random is slow to import
    import numpy as np


class Streams:
    """
    Streams of random numbers.

    A draw more by one consumer changes nothing of what the others draw.

    Parameters
    ----------
    seed : int
        The seed of all of them.
    part : str
        The part of a check that they are for: each has streams of its own.
    """

    def __init__(self, seed: int, part: str = "") -> None:
        self.seed, self.part = seed, part
        self._begun: dict[str, np.random.Generator] = {}

    def new(self, consumer: str) -> "np.random.Generator":
        """Return the stream of a consumer, from its beginning."""
        from numpy.random import default_rng

        # The checksum of a name is the same on every machine, which its hash is not.
        return default_rng([self.seed, zlib.crc32(f"{self.part}/{consumer}".encode())])

    def __call__(self, consumer: str) -> "np.random.Generator":
        """Return the stream of a consumer, from where it is."""
        if consumer not in self._begun:
            self._begun[consumer] = self.new(consumer)
        return self._begun[consumer]
