"""Automatic differentiation, as far as a library has it."""

from collections.abc import Callable
from typing import Any, Literal

from ..typing import Function
from .precisions import Leafwise, Precisions

Mode = Literal["vjp", "jvp"]
#: Leaves, and cotangents or tangents.
Both = tuple[list[Any], list[Any]]


class Autodiff(Precisions):
    """Derivatives that a library computes itself; the array API standard has none."""

    def fixed_tangent(self, leaf: Any) -> Any:
        """Return what stands in a tangent in the place of a leaf that is held fixed."""
        return self.xp.zeros_like(leaf) if self.is_native(leaf) else leaf

    def no_derivative(self, value: Any) -> str:
        """Return the words for what stands where there is no derivative; none for all else."""
        return "None" if value is None else ""

    def vjp(
        self, func: Leafwise, leaves: list[Any], *, once: bool = False
    ) -> tuple[list[Any], Leafwise]:
        """
        Return func's leaves at some leaves, and what pulls cotangents of them back.

        If that is called `once` alone, and nobody needs the leaves after it, memory is saved.
        """
        raise TypeError(self._without_autodiff())

    def jvp(self, func: Leafwise, leaves: list[Any], tangents: list[Any]) -> Any:
        """Return func's leaves, and their tangents for tangents of the given leaves."""
        raise TypeError(self._without_autodiff())

    def follows(self, func: Function, leaves: list[Any]) -> bool:
        """Tell whether func can be differentiated by numbers of Python among some leaves."""
        return False

    def transformed(
        self, func: Leafwise, leaves: list[Any], cotangents: list[Any], *, vmap: bool
    ) -> dict[str, list[Any]]:
        """Return func's vjp once more, by each transformation that must not change it."""
        return {}

    def lacks_forward_mode(self, err: Exception) -> bool:
        """Tell whether an exception says that a function has no forward mode."""
        return False

    def loses_tangents(self, func: Leafwise, leaves: list[Any], tangents: list[Any]) -> str:
        """Return what in a function returns results without tangents, and says nothing of it."""
        return ""

    def compiled(self, func: Leafwise) -> Leafwise:
        """Return a function that is about to be called many times, compiled if that is possible."""
        return func

    def program(self, func: Function, leaves: list[Any], plain: Any) -> Function | None:
        """Return func, which returned `plain`, as a program, if that pays and agrees."""
        return None

    def derivative_program(
        self, mode: Mode, func: Leafwise, both: Both, plain: Any
    ) -> Callable[..., Any] | None:
        """
        Return func's vjp or jvp in the same way; `plain` may be None, and is not asked then.

        It takes leaves, and cotangents or tangents: `both`, for which plain calls returned `plain`;
        and returns func's leaves, and gradients or tangents.
        """
        return None

    def _without_autodiff(self) -> str:
        return (
            f"no automatic differentiation is known for arrays of {self.xp.__name__}; expected "
            "those of JAX or PyTorch. To check a derivative written by hand, give it to "
            "verify_grad, verify_jac, verify_vjp or verify_jvp; verify_against compares values "
            "alone with order=0."
        )
