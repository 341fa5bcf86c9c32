"""
Gradients of parameters that no process has as a whole: DTensor and FSDP, on two processes here.

All processes move their own shards together, along a few directions that each of them draws for
itself. What is checked is the slope of the loss along these directions, a handful of numbers, which
are the same on every process: so is every step that verify_grad takes, and its verdict.
"""

import os
import sys
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from gradproof import verify_grad


def verify_sharded(loss, parameters, directions=4, seed=0):
    """
    Verify the gradients of a loss by parameters that are DTensors, on all processes together.

    `loss()` returns this process's loss, a function of its parameters; what is checked is the
    mean over all processes, of which `loss().backward()` leaves the gradients in `p.grad`, as it
    does with FSDP.
    """
    parameters = list(parameters)
    shards = [p.to_local() if hasattr(p, "to_local") else p.data for p in parameters]
    start = [shard.detach().clone() for shard in shards]

    def tangents(k):
        """Make direction k of this process's shards anew, on the scale of each of them."""
        generator = torch.Generator().manual_seed(1000 * seed + directions * dist.get_rank() + k)
        for x in start:
            size = x.abs().clamp_min(x.abs().mean() if x.numel() else 0)
            drawn = torch.rand(x.shape, generator=generator, dtype=x.dtype) + 1
            signs = torch.randint(2, x.shape, generator=generator, dtype=x.dtype) * 2 - 1
            yield size * drawn * signs

    def move(t):
        with torch.no_grad():
            for shard, x in zip(shards, start, strict=True):
                shard.copy_(x)
            for k in range(directions):
                for shard, v in zip(shards, tangents(k), strict=True):
                    shard.add_(v, alpha=float(t[k]))

    def over_processes(values):
        dist.all_reduce(values)
        return values

    def func(t):
        move(t)
        return over_processes(loss().detach().double()) / dist.get_world_size()

    def grad(t):
        move(t)
        for p in parameters:
            p.grad = None
        with torch.enable_grad():
            loss().backward()
        grads = [p.grad.to_local() if hasattr(p.grad, "to_local") else p.grad for p in parameters]
        slopes = [
            sum(torch.sum(g.double() * v) for g, v in zip(grads, tangents(k), strict=True))
            for k in range(directions)
        ]
        return over_processes(torch.stack(slopes))

    # The steps are those of float64 numbers, the noise that of the model: its dtype says what
    # matters, 5e-3 in float32.
    eps = torch.finfo(start[0].dtype).eps
    at = torch.zeros(directions, dtype=torch.float64)
    # A wrong claim is known to be wrong after some 100 calls; what else is asked of it takes more.
    report = verify_grad(func, grad, at, rtol=eps ** (1 / 3), seed=seed, budget=150)
    move([0.0] * directions)
    return report


class Cube(torch.autograd.Function):
    """The cube, with a backward of one's own, wrong by a factor on one of the processes."""

    wrong_on = None

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, u):
        (x,) = ctx.saved_tensors
        return (2 if dist.get_rank() == Cube.wrong_on else 3) * x**2 * u


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 1)

    def forward(self, x):
        return self.second(Cube.apply(self.first(x))).square().mean()


def run(rank, meeting):
    """Check a model under FSDP, on one of the processes."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    torch.manual_seed(0)
    # Without the last option the model keeps the whole parameters of its first call, and does not
    # see that shards are moved.
    mesh = init_device_mesh("cpu", (2,))
    model = fully_shard(Model().double(), mesh=mesh, reshard_after_forward=True)
    torch.manual_seed(1 + rank)  # each process has data of its own
    x = torch.randn(32, 8, dtype=torch.float64)
    for Cube.wrong_on in (None, 1):
        report = verify_sharded(lambda: model(x), model.parameters())
        print(f"process {rank}: {report.verdict} after {report.nfev} calls\n", end="", flush=True)
    dist.barrier()  # none leaves while another one still talks to it
    dist.destroy_process_group()


if __name__ == "__main__":
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # both processes are on this machine
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(run, args=(f"file://{Path(folder) / 'meeting'}",), nprocs=2)
