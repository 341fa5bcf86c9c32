"""What differs between double, single and half precision: steps, and how much is to be seen."""

from dataclasses import dataclass

import numpy as np

#: What a pass must have been able to see, in units of rtol: two bits of room between what is
#: material and what is found in double precision, half a bit where rtol is coarse. Never more than
#: 0.3: a claim of twice the slope is off by 0.5 of itself and has to be seen in any dtype.
RESOLUTION, RESOLUTION_SHORT, COARSEST = 4.0, 1.5, 0.3


@dataclass(frozen=True)
class Steps:
    """The ladders of a dtype: as many decades as it has between truncation and rounding."""

    line: np.ndarray
    top: float
    ratio: float

    @staticmethod
    def of(eps: float) -> "Steps":
        """Return the steps for a machine epsilon."""
        if eps < 2.0**-40:
            return Steps(2.0 ** -(5.0 + 3.0 * np.arange(9)), 2.0**-5, 4.0)
        if eps < 2.0**-15:
            return Steps(2.0 ** -(1.0 + 1.5 * np.arange(9)), 0.5, 2.0)
        return Steps(2.0 ** -np.arange(1.0, 9.0), 0.5, 2.0)
