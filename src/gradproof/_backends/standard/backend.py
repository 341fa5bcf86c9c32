"""The adapter for any array API namespace; the others replace what their library does better."""

from .directions import Directions


class StandardBackend(Directions):
    """
    Everything that gradproof asks of an array library, by the array API standard alone.

    NumPy, JAX and PyTorch have subclasses, which is the one place where the peculiarities of a
    library may be known. What the standard lacks and this class does without: random numbers
    (NumPy's are moved to the device) and compilation.
    """
