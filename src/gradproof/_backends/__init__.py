"""What gradproof asks of an array library: arrays, calls, autodiff, random numbers.

One adapter for each library. Imports NumPy and its own library, nothing else of gradproof.
"""
