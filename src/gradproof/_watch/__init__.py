"""
A door: the calls of hand-written rules in a program or a test suite, recorded and verified.

May import `_checks` and the rooms below.
"""
