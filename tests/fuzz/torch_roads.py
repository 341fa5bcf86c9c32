"""Rules for PyTorch's autograd, and the checks of them."""

from typing import Any

import numpy as np
import torch
from tests.fuzz.problems import Problem
from tests.fuzz.roads import func_of

import gradproof as gp
from gradproof.compat import torch as drop_in


def rule_of(problem: Problem) -> Any:
    """Return an autograd.Function that computes func, with the mistake in its derivatives."""
    mistake = problem.mistake
    where = list(problem.slices().values())

    def plain(*xs: Any) -> Any:
        return problem.vector(dict(zip(problem.moved, xs, strict=True)), [])

    def constant(values: Any) -> Any:
        return torch.tensor(np.array(values), dtype=getattr(torch, problem.dtype))

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(*xs: Any) -> Any:
            return plain(*xs)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, cotangent: Any) -> Any:
            given = cotangent
            if mistake.rows is not None:
                cotangent = cotangent * constant(mistake.rows)
            xs = [x.detach() if mistake.name == "detached" else x for x in ctx.saved_tensors]
            with torch.enable_grad():
                xs = [x if x.requires_grad else x.requires_grad_() for x in xs]
                value = plain(*xs)
                found = torch.autograd.grad(
                    value, xs, cotangent, create_graph=True, allow_unused=True
                )
            grads = []
            for x, g, own in zip(xs, found, where, strict=True):
                g = torch.zeros_like(x) if g is None else g
                flat = g.reshape(-1)
                if mistake.columns is not None and mistake.name != "detached":
                    flat = flat * constant(mistake.columns[own])
                if mistake.order is not None:
                    flat = flat[torch.as_tensor(mistake.order[own] - own.start)]
                if mistake.extra is not None:
                    flat = flat + (constant(mistake.extra[:, own]) * given[:, None]).sum(0)
                grads.append(flat.reshape(x.shape))
            if problem.claim_behaviour == "writes vector":
                with torch.no_grad():
                    given *= 3
            return tuple(grads)

    return Rule.apply


def checked(problem: Problem, road: str) -> Any:
    """Return the report of a check, or what a drop-in says."""
    args = problem.positional()
    if road.endswith("rule"):
        apply, count = rule_of(problem), len(problem.arguments)

        def func(*xs: Any) -> Any:
            return problem.pack(apply(*xs[:count]))
    else:
        func = func_of(problem)
    if road.startswith("autodiff"):
        argnums: Any = tuple(range(len(problem.arguments)))
        return gp.verify_autodiff(func, *args, argnums=argnums, seed=problem.seed)
    inputs = tuple(x.requires_grad_() for x in args)
    torch.manual_seed(problem.seed)
    check = drop_in.gradcheck if road.startswith("gradcheck") else drop_in.gradgradcheck
    try:
        return "pass" if check(func, inputs, raise_exception=False) else "fail"
    except gp.Inconclusive as err:
        return f"inconclusive: {err}"
