"""Func near x0: the only place where it is called for its value, counted and in batches.

Imports `_vectors`, `_backends` and `_numerics`; it knows no claim and no verdict.
"""
