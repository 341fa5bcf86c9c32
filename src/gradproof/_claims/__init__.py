"""What the user says: a linear map at x0 and near it, whichever way it is given.

Imports `_vectors`, `_backends` and `_numerics`; it does not know how func is evaluated.
"""
