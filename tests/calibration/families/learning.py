"""Losses and layers of machine learning."""

import math

import torch
from tests.calibration.cases import Problem, case, whole
from torch.nn import functional


@case("learning")
def perceptron(draw):
    a, y = draw.normal(16, 5), draw.normal(16)

    def func(x):
        hidden = torch.tanh(a.to(x) @ x[:40].reshape(5, 8))
        return ((hidden @ x[40:] - y.to(x)) ** 2).mean()

    return Problem(func, 0.5 * draw.normal(48))


@case("learning")
def deep_network(draw):
    a, y = draw.normal(8, 6), draw.labels(3, 8)

    def func(x):
        h = a.to(x)
        for layer in x[:144].reshape(4, 6, 6):
            h = functional.gelu(h @ layer + h)
        return functional.cross_entropy(h @ x[144:].reshape(6, 3), y)

    return Problem(func, 0.4 * draw.normal(162))


@case("learning")
def swish_units(draw):
    a = draw.normal(10, 6)
    return Problem(lambda x: functional.silu(a.to(x) @ x).square().mean(), draw.normal(6, 5))


@case("learning")
def cross_entropy(draw):
    y = draw.labels(6, 5)
    return Problem(lambda x: functional.cross_entropy(x, y), draw.normal(5, 6))


@case("learning")
def label_smoothing(draw):
    y = draw.labels(6, 6)

    def func(x, part=whole):
        rows = torch.log_softmax(x, 1)
        return -0.9 * rows[torch.arange(6), y].mean() - part(0.1 * rows.mean())

    return Problem(func, draw.normal(6, 6))


@case("learning")
def attention(draw):
    keys, values, goal = draw.normal(7, 4), draw.normal(7, 3), draw.normal(5, 3)

    def func(x, part=whole):
        weights = torch.softmax(part(x @ keys.to(x).T) / 2, 1)
        return ((weights @ values.to(x) + x[:, :3] - goal.to(x)) ** 2).mean()

    return Problem(func, draw.normal(5, 4))


@case("learning")
def self_attention(draw):
    mask = torch.triu(torch.ones(6, 6), 1).bool()

    def func(x, part=whole):
        scores = (x @ part(x).T / math.sqrt(6)).masked_fill(mask, -1e4)
        return (torch.softmax(scores, 1) @ x).square().sum()

    return Problem(func, draw.normal(6, 6))


@case("learning")
def layer_norm(draw):
    weight = draw.normal(4, 10)

    def func(x, part=whole):
        centered = x - part(x.mean(1, keepdim=True))
        deviation = torch.sqrt((centered**2).mean(1, keepdim=True) + 1e-3)
        return (weight.to(x) * centered / deviation).sum()

    return Problem(func, 2 * draw.normal(4, 10))


@case("learning")
def root_mean_square_norm(draw):
    weight = draw.normal(3, 12)

    def func(x, part=whole):
        return (weight.to(x) * x / part(torch.sqrt((x * x).mean(1, keepdim=True) + 1e-3))).sum()

    return Problem(func, draw.normal(3, 12))


@case("learning")
def batch_norm(draw):
    goal = draw.normal(12, 4)

    def func(x, part=whole):
        mean, variance = part(x.mean(0)), part(x.var(0, unbiased=False))
        return ((x - mean) / torch.sqrt(variance + 1e-3) * goal.to(x)).mean()

    return Problem(func, draw.normal(12, 4))


@case("learning")
def convolution(draw):
    signal, goal = draw.normal(1, 1, 30), draw.normal(1, 2, 26)

    def func(x):
        return ((functional.conv1d(signal.to(x), x.reshape(2, 1, 5)) - goal.to(x)) ** 2).mean()

    return Problem(func, draw.normal(10))


@case("learning")
def convolution_of_an_image(draw):
    kernel = draw.normal(2, 1, 3, 3)

    def func(x):
        return torch.tanh(functional.conv2d(x[None, None], kernel.to(x), padding=1)).square().sum()

    return Problem(func, draw.normal(6, 6))


@case("learning")
def matrix_factorisation(draw):
    y = draw.normal(8, 6)

    def func(x, part=whole):
        left, right = x[:8], x[8:]
        return ((left @ right.T - y.to(x)) ** 2).sum() + part(0.2 * (x * x).sum())

    return Problem(func, draw.normal(14, 3))


@case("learning")
def recommender_with_biases(draw):
    user, item, y = draw.labels(6, 40), draw.labels(5, 40), draw.normal(40)

    def func(x):
        taste = (x[:24].reshape(6, 4)[user] * x[24:44].reshape(5, 4)[item]).sum(1)
        return ((taste + x[44:50][user] + x[50:][item] - y.to(x)) ** 2).mean()

    return Problem(func, 0.7 * draw.normal(55))


@case("learning")
def Huber(draw):  # noqa: N802  # a name
    a, y = draw.normal(30, 8), 3 * draw.normal(30)
    return Problem(lambda x: functional.huber_loss(a.to(x) @ x, y.to(x)), draw.normal(8))


@case("learning")
def squared_hinge(draw):
    a, y = draw.normal(30, 8), draw.signs(30)
    return Problem(
        lambda x: torch.relu(1 - y.to(x) * (a.to(x) @ x)).square().mean(), draw.normal(8)
    )


@case("learning")
def contrastive(draw):
    def func(x, part=whole):
        z = x / torch.linalg.norm(x, dim=1, keepdim=True)
        return functional.cross_entropy(z[:5] @ part(z[5:]).T / 0.5, torch.arange(5))

    return Problem(func, draw.normal(10, 6))


@case("learning")
def triplets(draw):
    def func(x):
        near = ((x[:4] - x[4:8]) ** 2).sum(1)
        far = ((x[:4] - x[8:]) ** 2).sum(1)
        return functional.softplus(near - far + 1).mean()

    return Problem(func, 0.7 * draw.normal(12, 5))


@case("learning")
def recurrent_network(draw):
    a, goal = draw.normal(8, 3), draw.normal(4)

    def func(x):
        state = torch.zeros(4).to(x)
        for step in a.to(x):
            state = torch.tanh(step @ x[:12].reshape(3, 4) + state @ x[12:].reshape(4, 4))
        return ((state - goal.to(x)) ** 2).sum()

    return Problem(func, 0.6 * draw.normal(28))


@case("learning")
def gated_network(draw):
    a = draw.normal(6, 3)

    def func(x):
        w, state = x.reshape(6, 9), torch.zeros(3).to(x)
        for step in a.to(x):
            gates = torch.cat([step, state]) @ w
            keep = torch.sigmoid(gates[:3])
            state = keep * state + (1 - keep) * torch.tanh(gates[3:6]) * torch.sigmoid(gates[6:])
        return state.square().sum()

    return Problem(func, draw.normal(54))


@case("learning")
def graph_network(draw):
    links = draw.coins(7, 7)
    spread = (links / links.sum(1, keepdim=True).clamp(min=1)).double()
    nodes = draw.normal(7, 4)

    def func(x):
        h = torch.tanh(spread.to(x) @ nodes.to(x) @ x)
        return (spread.to(x) @ h).square().mean()

    return Problem(func, draw.normal(4, 4))


@case("learning")
def autoencoder(draw):
    a = draw.normal(12, 6)

    def func(x, part=whole):
        code = torch.tanh(a.to(x) @ x)
        return ((code @ part(x.T) - a.to(x)) ** 2).mean()

    return Problem(func, 0.6 * draw.normal(6, 3))


@case("learning")
def focal(draw):
    y = draw.labels(4, 12)

    def func(x, part=whole):
        log_p = torch.log_softmax(x, 1)[torch.arange(12), y]
        return -(part((1 - torch.exp(log_p)) ** 2) * log_p).mean()

    return Problem(func, draw.normal(12, 4))


@case("learning")
def dice(draw):
    y = draw.coins(36)

    def func(x):
        p = torch.sigmoid(x)
        return 1 - (2 * (p * y.to(x)).sum() + 1) / (p.sum() + y.to(x).sum() + 1)

    return Problem(func, draw.normal(36))


@case("learning")
def distillation(draw):
    teacher = torch.softmax(draw.normal(6, 5) / 3, 1)

    def func(x):
        return 9 * (-teacher.to(x) * torch.log_softmax(x / 3, 1)).sum(1).mean()

    return Problem(func, 2 * draw.normal(6, 5))


@case("learning")
def temperature(draw):
    scores, y = 3 * draw.normal(20, 5), draw.labels(5, 20)
    return Problem(
        lambda x: functional.cross_entropy(scores.to(x) * torch.exp(x[0]), y), draw.normal(1)
    )


@case("learning")
def radial_basis(draw):
    a, y = draw.normal(20, 2), draw.normal(20)

    def func(x):
        gap2 = ((a.to(x)[:, None] - x[:, :2]) ** 2).sum(2)
        return ((torch.exp(-gap2) @ x[:, 2] - y.to(x)) ** 2).mean()

    return Problem(func, draw.normal(6, 3))


@case("learning")
def gram_of_features(draw):
    goal = draw.normal(5, 5)

    def func(x):
        return ((x @ x.T / 9 - goal.to(x)) ** 2).sum()

    return Problem(func, draw.normal(5, 9))


@case("learning")
def policy_gradient(draw):
    action, advantage = draw.labels(4, 10), draw.normal(10)
    old = torch.log_softmax(draw.normal(10, 4), 1)[torch.arange(10), action]

    def func(x, part=whole):
        rows = torch.log_softmax(x, 1)
        ratio = torch.exp(rows[torch.arange(10), action] - old.to(x))
        entropy = -(torch.exp(rows) * rows).sum(1).mean()
        return -(ratio * advantage.to(x)).mean() - part(0.1 * entropy)

    return Problem(func, draw.normal(10, 4))


@case("learning")
def optimal_transport(draw):
    y = draw.normal(6, 2)

    def func(x):
        cost = ((x[:, None] - y.to(x)) ** 2).sum(2)
        f, g = torch.zeros(5).to(x), torch.zeros(6).to(x)
        for _ in range(8):
            f = -torch.logsumexp(g - cost, 1) - math.log(5)
            g = -torch.logsumexp(f[:, None] - cost, 0) - math.log(6)
        return f.mean() + g.mean()

    return Problem(func, draw.normal(5, 2))
