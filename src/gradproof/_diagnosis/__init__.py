"""
What kind of mistake it is: hypotheses, held against what was measured of a claim that failed.

Imports `_report`, `_vectors` and `_numerics`; it calls neither func nor the claim. Who has measured
hands over numbers (`Evidence`), and may be asked for more of them.
"""
