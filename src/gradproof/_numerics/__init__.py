"""Numbers: ladders of steps, slopes with error bars, noise, scales, designs, sparse patterns.

Imports NumPy alone: it knows no func, no claim and no array library.
"""
