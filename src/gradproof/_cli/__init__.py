"""The command line: ``python -m gradproof``, or ``gradproof``.

Imports `_checks` and below.
"""
