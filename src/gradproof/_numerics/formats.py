"""What numbers of each dtype can be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """
    What a number of a dtype can be, by its machine epsilon.

    Attributes
    ----------
    name, precision : str
        What the dtype is called, and its precision; empty where no func computes in it unasked.
    least : float
        Its smallest number: no result is rounded to less.
    shortest : float
        The shortest tangents: four bits above the smallest normal number, below which products have
        fewer digits.
    lifts : bool
        Whether it is short of exponents: products of a tangent as short as x0 leave its range where
        those of a tangent of ordinary size do not.
    """

    name: str
    precision: str = ""
    least: float = 0.0
    shortest: float = 2.0**-1018
    lifts: bool = False

    @staticmethod
    def of(eps: float) -> "Format":
        """Return the format with a machine epsilon; one without a name of its own if unknown."""
        return FORMATS.get(eps) or Format(f"eps {eps:.1e}")


def lifts(*epsilons: float) -> bool:
    """Tell whether a product in one of some dtypes is taken of a longer tangent."""
    return any(Format.of(eps).lifts for eps in epsilons)


FORMATS = {
    2.0**-52: Format("float64", "", 2.0**-1074),
    2.0**-23: Format("float32", "single", 2.0**-149, 2.0**-122),
    2.0**-10: Format("float16", "half", 2.0**-24, 2.0**-10, lifts=True),
    2.0**-7: Format("bfloat16", "", 2.0**-133, 2.0**-122),
}
