"""One line through x0: what func does along it, what is claimed, and whether they agree.

Imports the rooms of what is given, and below; it does not know which lines are looked at.
"""
