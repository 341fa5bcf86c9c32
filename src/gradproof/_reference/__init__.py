"""
A function against another implementation of it, entry by entry, without a step or a tolerance.

May touch `_vectors`, `_backends`, `_numerics` and `_report`; knows nothing of lines and ladders.
"""
