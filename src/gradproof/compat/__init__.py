"""Drop-ins for the checkers of other libraries: the same names, arguments and exceptions."""
