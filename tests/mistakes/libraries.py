"""Functions, and their right derivatives, in a library and a dtype."""

import functools
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from tests.mistakes.functions import Function

jax.config.update("jax_enable_x64", True)

DTYPES = ("float64", "float32", "bfloat16")
_TORCH = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}
#: Derivatives of whole functions, and products; all return a list of arrays.
Right = Callable[[tuple[Any, ...], Any], list[Any]]


class _Namespace:
    """A library with `detach`."""

    def __init__(self, module: Any, detach: Callable[[Any], Any]) -> None:
        self._module, self.detach = module, detach

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


_NUMPY = _Namespace(np, lambda x: x)
_JAX = _Namespace(jnp, jax.lax.stop_gradient)


def host(array: Any) -> np.ndarray:
    """Return numbers in double precision; of complex ones real and imaginary parts."""
    if isinstance(array, torch.Tensor):
        array = array.detach().resolve_conj()
        array = array.numpy() if array.is_complex() else array.double().numpy()
    array = np.asarray(array)
    if array.dtype.kind == "c":
        return np.stack([array.real, array.imag]).astype(float)
    return array.astype(float)


@dataclass
class Clock:
    """The time that a function takes."""

    seconds: float = 0.0


@dataclass
class Made:
    """
    A function in a library and a dtype.

    Attributes
    ----------
    function : Function
        In which it is described.
    dtype : str
        Of its arguments.
    widened : bool
        Whether it computes in single precision, if its dtype is shorter.
    """

    function: Function
    dtype: str
    widened: bool
    clock: Clock = field(default_factory=Clock)

    @property
    def library(self) -> str:
        """The library; NumPy has no bfloat16."""
        own = self.function.library
        return "jax" if own == "numpy" and self.dtype == "bfloat16" else own

    def array(self, value: Any) -> Any:
        """Return an argument, or one of the arrays of a claim, as the library has it."""
        if type(value) is float:  # a number among the arguments, which NumPy's are not
            return value
        value = np.asarray(value)
        if self.library == "torch":
            made = torch.from_numpy(np.array(value))
            if made.is_complex():
                return made.to(torch.complex128 if self.dtype == "float64" else torch.complex64)
            return made.to(_TORCH[self.dtype]) if made.is_floating_point() else made
        kind = self.dtype if value.dtype.kind == "f" else value.dtype
        return jnp.asarray(value, kind) if self.library == "jax" else np.asarray(value, kind)

    def back(self, numbers: np.ndarray, like: Any) -> Any:
        """Return one of the arrays of a claim from its numbers on the host."""
        if isinstance(like, torch.Tensor) and like.is_complex():
            numbers = numbers[0] + 1j * numbers[1]
        return self.array(numbers)

    def as_func_returns(self, found: Any) -> Any:
        """Return an array that JAX made as the function would, in whatever dtype it was called."""
        return np.asarray(found) if self.library == "numpy" else found

    def plain(self, func: Callable[..., Any], library: str = "") -> Callable[..., Any]:
        """Return a function of its arguments alone."""
        library = library or self.library
        if library == "torch":
            made = func
        else:
            made = functools.partial(func, _NUMPY if library == "numpy" else _JAX)
        if not self.widened:
            return made

        @functools.wraps(made)
        def wide(*args: Any) -> Any:
            if library == "torch":
                single = [
                    a.float() if torch.is_tensor(a) and a.is_floating_point() else a for a in args
                ]
                return made(*single).to(args[0].dtype)
            single = [a.astype(jnp.float32) if hasattr(a, "astype") else a for a in args]
            return jax.tree.map(lambda y: y.astype(args[0].dtype), made(*single))

        if library != "torch":
            wide.__signature__ = _signature(made)  # type: ignore[attr-defined]
        return wide

    def func(self) -> Callable[..., Any]:
        """Return what is checked, with a clock."""
        plain = self.plain(self.function.func)
        run = jax.jit(plain) if self.library == "jax" else plain

        def timed(*args: Any) -> Any:
            start = time.process_time()
            try:
                found = run(*args)
                return jax.block_until_ready(found) if self.library == "jax" else found
            finally:
                self.clock.seconds += time.process_time() - start

        timed.__signature__ = _signature(plain)  # type: ignore[attr-defined]
        return timed

    def right(self, func: Callable[..., Any]) -> Right:
        """Return the derivative that is claimed, of a function that may be another."""
        by, claim = self.function.by, self.function.claim
        if claim == "values":  # of PyTorch, against another implementation
            run = self.plain(func)
            return lambda args, _: [run(*args)]
        if self.library == "torch":
            return functools.partial(_torch_gradients, self.plain(func), by)
        plain = self.plain(func, "jax")

        @jax.jit
        def derivative(args: tuple[Any, ...], other: Any) -> list[Any]:
            def of(*moved: Any) -> Any:
                return plain(*moved, *args[by:])

            if claim == "jvp":
                return [jax.jvp(of, args[:by], other)[1]]
            if claim in ("jac", "hess", "hvp"):
                return [(jax.jacfwd if claim == "jac" else jax.hessian)(of)(*args[:by])]
            value, pull = jax.vjp(of, *args[:by])
            return list(pull(other if claim == "vjp" else jnp.ones_like(value)))

        def found(args: tuple[Any, ...], other: Any) -> list[Any]:
            return derivative(args, other)

        return found


def _signature(func: Any) -> Any:

    return inspect.signature(func)


def _torch_gradients(
    func: Callable[..., Any], by: int, args: tuple[Any, ...], other: Any
) -> list[Any]:
    moved = [one.detach().requires_grad_() for one in args[:by]]
    return list(torch.autograd.grad(func(*moved, *args[by:]), moved))
