"""Functions and claims of a problem, as a user would write them, and the checks that take them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from tests.fuzz.problems import Problem, UserError
from tests.fuzz.strategies import CLAIMED
from tests.fuzz.trees import array_of, numbers

import gradproof as gp
from gradproof import testing


def func_of(problem: Problem) -> Callable[..., Any]:
    """Return func, with its behaviour."""
    state: dict[str, Any] = {"rng": np.random.default_rng(problem.seed)}
    first = problem.x.copy()
    count = len(problem.arguments)

    def func(*args: Any, **kwargs: Any) -> Any:
        leaves = problem.collect(args)
        held = [*args[count:], *kwargs.values()]
        behaviour = problem.behaviour
        if behaviour == "raises":
            far = np.nanmax(np.abs(problem.flat(leaves) - first), initial=0.0)
            if far > 0.25 * np.nanmax(np.abs(first)):
                msg = "out of my domain"
                raise UserError(msg)
        v = problem.vector(leaves, held)
        v = _behaved(problem, behaviour, v, state)
        if behaviour == "writes input":
            _write(leaves[problem.moved[0]])
        elif behaviour == "writes args" and held:
            _write(held[0])
        return problem.pack(v)

    return func


def _behaved(problem: Problem, behaviour: str, v: Any, state: dict[str, Any]) -> Any:
    xp = problem.xp
    if behaviour == "quantised":
        steps = 2.0 ** (20 if problem.dtype == "float64" else 12)
        return xp.round(v * steps) / steps
    if behaviour == "nan output":
        keep = np.ones(problem.program.outputs)
        keep[-1] = np.nan
        return v * array_of(problem.library, keep, problem.dtype)
    if behaviour == "random":
        noise = state["rng"].normal(size=problem.program.outputs)
        return v * (1 + 0.01 * array_of(problem.library, noise, problem.dtype))
    if behaviour == "stale":
        before, state["before"] = state.get("before", v), v
        return before
    if behaviour == "reused buffer":
        if "buffer" not in state:
            state["buffer"] = array_of(problem.library, numbers(v), problem.dtype)
        state["buffer"][...] = v
        return state["buffer"]
    return v


def _write(value: Any) -> None:
    """Spoil an array, if it can be written to."""
    flags = getattr(value, "flags", None)
    if flags is not None and not getattr(flags, "writeable", True):
        return
    if hasattr(value, "shape") and hasattr(value, "dtype") and "jax" not in str(type(value)):
        if type(value).__module__.startswith("torch"):
            import torch

            with torch.no_grad():
                value *= 3
        else:
            value *= 3


class Claims:
    """The claims of a problem, for each kind of check."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.count = len(problem.arguments)
        self.func = func_of(problem)
        self._buffers: dict[Any, Any] = {}

    def _jacobian(self, args: Any, order: int = 1) -> np.ndarray:
        """Return what is claimed, as numbers."""
        problem = self.problem
        leaves = problem.collect(args)
        x = problem.flat(leaves)
        jet = problem.jet(x, order)
        with np.errstate(all="ignore"):
            found = problem.mistake.of(jet.d if order == 1 else jet.h)
        if problem.claim_behaviour == "writes input":
            _write(leaves[problem.moved[0]])
        return np.asarray(found)

    def _returned(self, key: str, value: Any) -> Any:
        """Return a result, in the memory of the one before it if the claim reuses it."""
        if self.problem.claim_behaviour != "reused buffer" or not hasattr(value, "shape"):
            return value
        if type(value).__module__.startswith(("jax", "numpy.float")) or not value.shape:
            return value
        buffer = self._buffers.setdefault(key, value)
        buffer[...] = value
        return buffer

    def grad(self, *args: Any, **kwargs: Any) -> Any:
        slopes = self._jacobian(args)[0]
        return self._returned("grad", self.problem.assembled(self.problem.gradient(slopes)))

    def true_grad(self, *args: Any, **kwargs: Any) -> Any:
        slopes = self.problem.jet(self.problem.flat(self.problem.collect(args))).d[0]
        trees = [
            tree.assemble(self.problem.gradient(slopes), for_claim=True)
            for tree in self.problem.arguments
        ]
        return tuple(trees) if isinstance(self.problem.argnums, tuple) else trees[0]

    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        problem = self.problem
        held = [problem._held_array()] * (problem.held_args + problem.keyword)
        value = problem.pack(problem.vector(problem.collect(args), held))
        return value, self.grad(*args, **kwargs)

    def jac(self, *args: Any, **kwargs: Any) -> Any:
        problem = self.problem
        j = self._jacobian(args)
        rows = (1, problem.program.outputs) if problem.output == "matrix" else (j.shape[0],)
        slopes = j.reshape(*rows, j.shape[1])
        return self._returned("jac", problem.assembled(problem.gradient(slopes)))

    def _pulled(self, args: Any, cotangent: Any) -> Any:
        problem = self.problem
        slopes = problem.unpack(cotangent) @ self._jacobian(args)
        if problem.claim_behaviour == "writes vector":
            _write_all(problem, cotangent)
        return self._returned("vjp", problem.assembled(problem.gradient(slopes)))

    def vjp(self, *args: Any, **kwargs: Any) -> Any:
        return self._pulled(args, args[-1])

    def pullback(self, *args: Any, **kwargs: Any) -> Any:
        problem = self.problem
        held = [problem._held_array()] * (problem.held_args + problem.keyword)
        value = problem.pack(problem.vector(problem.collect(args), held))
        return value, lambda cotangent: self._pulled(args, cotangent)

    def jvp(self, *args: Any, **kwargs: Any) -> Any:
        problem = self.problem
        pushed = self._jacobian(args) @ self._real(problem.tangent(args[-1]))
        if problem.claim_behaviour == "writes vector":
            leaves = problem.collect(args[-1] if isinstance(problem.argnums, tuple) else args[-1:])
            _write(leaves[problem.moved[0]])
        found = problem.pack(array_of(problem.library, pushed, problem.dtype))
        # An int has no slope: the tangent of one is zero, whatever the int is.
        return {**found, "n": 0} if problem.output == "beside an int" else found

    def _real(self, tangent: np.ndarray) -> np.ndarray:
        return tangent

    def jvp_with_value(self, *args: Any, **kwargs: Any) -> Any:
        problem = self.problem
        held = [problem._held_array()] * (problem.held_args + problem.keyword)
        value = problem.pack(problem.vector(problem.collect(args), held))
        return value, self.jvp(*args, **kwargs)

    def hvp(self, *args: Any, **kwargs: Any) -> Any:
        problem = self.problem
        tangent = problem.tangent(args[-1])
        slopes = self._jacobian(args, 2)[0] @ tangent
        if problem.claim_behaviour == "writes vector":
            leaves = problem.collect(args[-1] if isinstance(problem.argnums, tuple) else args[-1:])
            _write(leaves[problem.moved[0]])
        return self._returned("hvp", problem.assembled(problem.gradient(slopes)))

    def hess(self, *args: Any, **kwargs: Any) -> Any:
        """Return, in the structure of x0, that of x0 for each leaf."""
        problem = self.problem
        h = self._jacobian(args, 2)[0]
        rows: dict[int, Any] = {}
        for i, where in problem.slices().items():
            own = h[where].reshape(*problem.leaves[i].values.shape, h.shape[1])
            rows[i] = problem.assembled(problem.gradient(own))
        for i in range(len(problem.leaves)):
            rows.setdefault(i, None)
        trees = [tree.assemble(rows, for_claim=True) for tree in problem.arguments]
        return tuple(trees) if isinstance(problem.argnums, tuple) else trees[0]


def _write_all(problem: Problem, cotangent: Any) -> None:
    if problem.output == "dict":
        _write(cotangent["a"])
    elif problem.output == "tuple":
        _write(cotangent[0])
    elif problem.output == "beside an int":
        _write(cotangent["a"])
    else:
        _write(cotangent)


def checked(problem: Problem, road: str) -> Any:
    """Return the report of a check, or what a drop-in says: 'pass', 'fail' or 'inconclusive'."""
    if problem.library == "jax":
        from tests.fuzz.trees import registered_in_jax

        registered_in_jax()
    if road in CLAIMED:
        return _claimed(problem, road)
    if problem.library == "torch":
        from tests.fuzz import torch_roads

        return torch_roads.checked(problem, road)
    from tests.fuzz import jax_roads

    return jax_roads.checked(problem, road)


def _claimed(problem: Problem, road: str) -> Any:
    claims = Claims(problem)
    args = problem.positional()
    options: dict[str, Any] = {
        "argnums": problem.argnums, "kwargs": problem.keywords(), "seed": problem.seed,
    }  # fmt: skip
    names = {
        "value_and_grad": ("grad", {"value_and_grad": True}),
        "pullback": ("vjp", {"pullback": True}),
        "jvp with value": ("jvp", {"with_value": True}),
        "hess by grad": ("hess", {"grad": claims.true_grad}),
        "hvp by grad": ("hvp", {"grad": claims.true_grad}),
        "vjp": ("vjp", {"pullback": False}),
    }
    name, more = names.get(road, (road, {}))
    claim = getattr(claims, {"jvp with value": "jvp_with_value"}.get(road, road.split(" ")[0]))
    if problem.seed % 4:
        check = getattr(gp, f"verify_{name}")
        return check(claims.func, claim, *args, **options, **more)
    check = getattr(testing, f"assert_{name}")
    return said(lambda: check(claims.func, claim, *args, **options, **more))


def said(check: Callable[[], Any]) -> str:
    """Return the verdict of what raises unless it passes."""
    try:
        check()
    except gp.WrongDerivative as err:
        return f"fail: {err}"
    except gp.Inconclusive as err:
        return f"inconclusive: {err}"
    return "pass"
