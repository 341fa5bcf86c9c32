"""The public checks: options in, the rooms wired together, one report out.

Imports `_verdict` and below; it knows no terminal and no signature of another library.
"""
