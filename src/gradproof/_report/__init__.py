"""What was found, in words and as values.

Imports `_vectors` and what is below it; it does not know how anything was measured.
"""
