"""Forward mode of PyTorch: its one dual level, and what has no forward mode."""

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.utils._python_dispatch import TorchDispatchMode

from ..standard.precisions import Leafwise
from ..unheard import unheard

# torch has one dual level in a process, whichever thread entered it: checks in several threads
# take turns. Reentrant, so that func may call a check of its own, which is then told what is wrong.
_TURN = threading.RLock()
# Seconds to wait for a level that is not ours, which another thread of the user may have entered:
# it holds it for one call of its func. A thousand times a func of 5 ms, and no long wait for a
# person whose own thread has entered it.
_PATIENCE = 5.0
_NESTED = "Nested forward mode AD"
#: What torch says where an operation has no forward mode, besides NotImplementedError.
_LACKING = "jvp is not implemented for the c++ API of custom Function"
#: Namespaces of the operators whose forward mode is torch's own affair.
_OWN = frozenset({"aten", "prim", "prims"})


@contextmanager
def dual_level() -> Iterator[None]:
    """Enter torch's dual level once no other check is in it; leave it at the end."""
    with _TURN:
        level = _entered()
        try:
            _load()
            yield
        finally:
            forward_ad.exit_dual_level(level=level)


def _entered() -> int:
    last = time.monotonic() + _PATIENCE
    while True:
        try:
            return int(forward_ad.enter_dual_level())
        except RuntimeError as err:
            if _NESTED not in str(err):
                raise
            # With one thread there is nobody else who could leave it.
            if time.monotonic() > last or threading.active_count() == 1:
                msg = (
                    "forward mode cannot be checked: torch has one dual level at a time, and it "
                    "is entered already, by torch.autograd.forward_ad.dual_level or "
                    "torch.func.jvp. Call the check outside of them, or without forward mode "
                    "(modes='vjp')."
                )
                raise RuntimeError(msg) from err
        time.sleep(1e-3)


@functools.cache
def _load() -> None:
    """Let torch load what forward mode needs, of which it warns itself; not in func's name."""
    with unheard(""):
        forward_ad.make_dual(torch.zeros(()), torch.zeros(()))


def jvp(func: Leafwise, leaves: list[Any], tangents: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return func's leaves, and their tangents for tangents of the given leaves."""
    with torch.inference_mode(mode=False):
        try:
            return _pushed(func, [leaf.clone() for leaf in leaves], tangents)
        except RuntimeError as err:
            if _NESTED not in str(err):
                raise
            return _pushed_around(func, leaves, tangents, err)


def _pushed(func: Leafwise, leaves: list[Any], tangents: list[Any]) -> tuple[list[Any], list[Any]]:
    with dual_level():
        pairs = zip(leaves, tangents, strict=True)
        outputs = func([forward_ad.make_dual(leaf, t) for leaf, t in pairs])
        duals = [forward_ad.unpack_dual(output) for output in outputs]
        primals = [dual.primal for dual in duals]
        return primals, [
            torch.zeros_like(d.primal) if d.tangent is None else d.tangent for d in duals
        ]


def _pushed_around(
    func: Leafwise, leaves: list[Any], tangents: list[Any], nested: RuntimeError
) -> tuple[list[Any], list[Any]]:
    """Return the same of a func that uses forward mode itself, which torch.func alone can nest."""
    try:
        with _TURN:
            primals, pushed = torch.func.jvp(
                lambda *moved: tuple(func(list(moved))), tuple(leaves), tuple(tangents)
            )
    except RuntimeError as err:
        msg = (
            "func uses forward mode itself, which torch nests for torch.func alone, and for "
            f"what torch.func can follow; here it says: {err}"
        )
        raise NotImplementedError(msg) from nested
    return list(primals), list(pushed)


def lacks(err: Exception) -> bool:
    """Tell whether an exception of forward mode says that something in func has none."""
    return isinstance(err, NotImplementedError) or (
        isinstance(err, RuntimeError) and _LACKING in str(err)
    )


class _Last(TorchDispatchMode):
    """Remembers which operator was called last."""

    name, namespace = "", "aten"

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # which torch would import a compiler for, that takes seconds

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.name, self.namespace = func.name(), func.namespace
        return func(*args, **(kwargs or {}))


def lost_in(func: Leafwise, leaves: list[Any], tangents: list[Any]) -> str:
    """
    Return the operator of func that loses tangents without a word, or nothing.

    An operator of `torch.library` with a backward pass alone looks for one where an input requires
    a gradient, and returns results without tangents otherwise. Where an input does require one, it
    says that it has no forward mode, which a rule that returns zeros does not say.
    """
    last = _Last()
    with torch.inference_mode(mode=False), torch.enable_grad():
        # Not leaves of the graph, which func could not write to.
        moved = [leaf.detach().clone().requires_grad_().clone() for leaf in leaves]
        try:
            with last:
                _pushed(func, moved, tangents)
        except NotImplementedError:
            return last.name if last.namespace not in _OWN else ""
        except Exception:
            return ""  # of another kind, and of this call alone
    return ""
