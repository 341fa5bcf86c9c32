"""A script with its own arguments."""

import argparse

import layers
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=100)
steps = parser.parse_args().steps
x = torch.linspace(-1, 1, 5, requires_grad=True)
for _ in range(steps):
    (slope,) = torch.autograd.grad(layers.Softmax.apply(x)[0], x)
    x = (x - 0.1 * slope).detach().requires_grad_()
print(f"{steps} steps done")
