"""Places and names of entries: x0 and func's result as flat vectors of real numbers, and back.

Imports `_backends` and `_numerics`; it knows no claim, no count of calls and no verdict.
"""
