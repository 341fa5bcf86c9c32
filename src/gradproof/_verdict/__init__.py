"""Which lines are looked at, and what follows from them: pass, fail or inconclusive.

Imports `_lines` and below; it does not know in which form a claim came.
"""
