"""How func is evaluated: the keyword arguments that every checking function takes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict

from .._vectors.validation import OF_VERIFY, refuse, unknown, whole_number

#: What applies a function to each item of an iterable and returns the results in order.
MapLike = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


class Evaluation(TypedDict, total=False):
    """
    How func is evaluated: keyword arguments of every function that checks a derivative.

    None but `wider` changes what is measured; the others change only the time that it takes.

    Attributes
    ----------
    vectorize : bool or {'auto'}
        Whether points are evaluated many at a time: by `jax.lax.map` in one compiled program, by
        `torch.func.vmap`. 'auto', the default, does so where it pays (from 32 entries of PyTorch
        on, from 4096 of JAX, for which func is compiled), and evaluates one by one where a
        function cannot be traced, which the report then says; True raises a ValueError instead,
        with the reason; False never does. But for False, a function of JAX that is many operations,
        or a loop, is called as a compiled program, once that was seen to return what plain calls
        do.
    vectorized : bool
        Whether func takes a leading batch axis: arrays of shape ``(batch, *x.shape)``, to results
        of shape ``(batch, *shape)``. It is then called so always, with a batch of one for a
        single point. By default it is not.
    batch_size : int or None
        The most points of one batch; by default 128, or fewer where these take more than 64 MB.
    workers : int, map-like callable or None
        Who evaluates points side by side. An int is a number of workers of joblib (needs
        ``pip install 'gradproof[parallel]'``), -1 for one on each core: threads where func lets
        them run side by side, else processes, and whatever ``joblib.parallel_config`` says, such
        as a cluster. A map-like callable, such as ``pool.map``, is called as ``workers(task,
        pieces)``, where a piece is a list of points or a range of entries; of an executor, or a
        client of Dask, the method `map` is called. The results are those without workers, bit by
        bit, if func computes the same there. By default there are none.
    wider : {'auto', False}
        Whether a check in half precision may evaluate func in single precision, at the same
        numbers, where the digits of half precision do not decide, or convict. 'auto', the default,
        does so where both agree to the rounding of half precision, and
        ``report.measured_in`` says so; False never does.
    progress : bool or {'auto'}
        Whether a bar shows how far a check has come. 'auto', the default, shows one for a check
        of more than a second, on a terminal or in a notebook.

    See Also
    --------
    check_grad : One of the functions that take them.

    Examples
    --------
    >>> import numpy as np
    >>> from gradproof import Evaluation, check_grad
    >>> how: Evaluation = {"vectorized": True, "batch_size": 64}
    >>> check_grad(lambda x: (x**2).sum(axis=-1), lambda x: 2 * x, np.ones(3), **how) < 1e-6
    True
    """

    vectorize: bool | Literal["auto"]
    vectorized: bool
    batch_size: int | None
    workers: int | MapLike | None
    wider: Literal["auto", False]
    progress: bool | Literal["auto"]


@dataclass(frozen=True)
class Settings:
    """
    How func is evaluated, checked.

    Attributes
    ----------
    vectorize, vectorized, batch_size, workers, wider, progress
        As of `Evaluation`.
    """

    vectorize: bool | str = "auto"
    vectorized: bool = False
    batch_size: int | None = None
    workers: int | MapLike | None = None
    wider: bool | str = "auto"
    progress: bool | str = "auto"

    def __post_init__(self) -> None:
        _one_of_three(self.vectorize, "vectorize", "evaluate many points at a time")
        if not isinstance(self.vectorized, bool):
            expected = "whether func takes a leading batch axis, True or False"
            refuse("vectorized", self.vectorized, expected)
        if self.batch_size is not None:
            expected = "the most points of one batch, 1 at least, or None"
            whole_number("batch_size", self.batch_size, 1, expected)
        workers = self.workers
        if not (workers is None or callable(workers) or callable(getattr(workers, "map", None))):
            expected = (
                "the number of workers (-1 for one on each core), a map-like callable such as "
                "`pool.map`, an executor, or None"
            )
            if whole_number("workers", workers, -1, expected) == 0:
                refuse("workers", workers, expected)
        if self.wider is not False and self.wider != "auto":
            refuse("wider", self.wider, "'auto', or False: no values in single precision")
        _one_of_three(self.progress, "progress", "show a bar")

    @classmethod
    def checked(cls, evaluation: Evaluation, hints: Mapping[str, str] = OF_VERIFY) -> "Settings":
        """
        Return the settings in keyword arguments of a public function.

        Parameters
        ----------
        evaluation : Evaluation
            As given.
        hints : mapping
            What to say of keywords that other libraries have, and the function has not.

        Raises
        ------
        TypeError
            If there is one that no checking function knows.
        ValueError
            If one is out of range.
        """
        if not evaluation:
            return _DEFAULT
        known = Evaluation.__annotations__
        for name, value in evaluation.items():
            if name not in known:
                raise TypeError(unknown(name, value, known, hints))
        settings = cls(**evaluation)
        if settings.workers is not None and (settings.vectorize is True or settings.vectorized):
            msg = (
                f"workers={settings.workers!r:.40} together with vectorize=True or vectorized=True;"
                " expected one of the ways to evaluate many points."
            )
            raise ValueError(msg)
        return replace(settings, workers=None) if settings.workers == 1 else settings


def _one_of_three(value: Any, name: str, what: str) -> None:
    if not (isinstance(value, bool) or (isinstance(value, str) and value == "auto")):
        refuse(name, value, f"whether to {what}, True or False, or 'auto'")


_DEFAULT = Settings()
#: One call after the other, whatever the library: what the drop-ins do, as their originals.
PLAIN = Settings(vectorize=False, progress=False)
