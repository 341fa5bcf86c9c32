"""What was found by people who tried to break the watch."""

import importlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from tests.libraries import about

import gradproof
from gradproof._backends.recorded import Rule
from gradproof._watch.own import Own
from gradproof._watch.sources import fingerprint

MODULES = {
    "helpers": """
        SCALE = 2.0

        def slope(x):
            return 2 * x

        class Slopes:
            @staticmethod
            def slope(x):
                return 2 * x
        """,
    "rule": """
        import functools
        import numpy as np
        import helpers
        from helpers import SCALE, Slopes

        TABLE = {"slope": [2.0]}
        ARRAY = np.array([2.0])

        def times(f):
            @functools.wraps(f)
            def wrapped(x):
                return f(x) * 1.0
            return wrapped

        class Object:
            def __init__(self, factor):
                self.factor = factor

        OBJECT = Object(2.0)

        def maker(factor):
            def by_closure(x):
                return factor * x
            return by_closure

        def by_module(x):
            return helpers.slope(x)

        def by_constant(x):
            return SCALE * x

        def by_class(x):
            return Slopes.slope(x)

        def by_table(x):
            return TABLE["slope"][0] * x

        def by_array(x):
            return ARRAY * x

        def by_object(x):
            return OBJECT.factor * x

        def by_default(x, factor=2.0):
            return factor * x

        @times
        def by_wrapper(x):
            return 2 * x

        by_partial = functools.partial(by_default, factor=2.0)
        by_closure = maker(2.0)
        """,
}
CHANGES = {
    "by_module": ("helpers", "    return 2 * x", "    return 3 * x"),
    "by_constant": ("helpers", "SCALE = 2.0", "SCALE = 3.0"),
    "by_class": ("helpers", "        return 2 * x", "        return 3 * x"),
    "by_table": ("rule", "[2.0]}", "[3.0]}"),
    "by_array": ("rule", "array([2.0])", "array([3.0])"),
    "by_object": ("rule", "Object(2.0)", "Object(3.0)"),
    "by_default": ("rule", "(x, factor=2.0)", "(x, factor=3.0)"),
    "by_wrapper": ("rule", "f(x) * 1.0", "f(x) * 1.5"),
    "by_partial": ("rule", "by_default, factor=2.0", "by_default, factor=3.0"),
    "by_closure": ("rule", "maker(2.0)", "maker(3.0)"),
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return what writes the modules, and gives the fingerprint of each function in them."""
    monkeypatch.syspath_prepend(tmp_path)

    def prints(sources):
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
            sys.modules.pop(name, None)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        importlib.invalidate_caches()
        module = importlib.import_module("rule")
        return {name: fingerprint([getattr(module, name)], str(tmp_path)) for name in CHANGES}

    yield prints
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.mark.once
@pytest.mark.parametrize("name", CHANGES)
def test_source(written, name):
    """What a rule uses of the project belongs to it: what earlier runs have found is void then."""
    module, old, new = CHANGES[name]
    before = written(MODULES)
    assert written(MODULES) == before
    changed = {**MODULES, module: MODULES[module].replace(old, new)}
    assert changed != MODULES
    assert written(changed)[name] != before[name]


def seen(run, *, every=("test_broken",)):
    """Return verdicts and calls of the rules that a function calls, and what went wrong."""
    with gradproof.watch(only=every) as rules:
        run()
    report = rules.verify(seconds=60)
    assert not report.errors
    called = (rule for rule in report.rules if rule.calls)
    return {rule.name.rpartition(".")[2]: (str(rule.verdict), rule.calls) for rule in called}


def square_of_torch():
    """Return a right rule of PyTorch."""
    import torch

    class Square(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, ct):
            return 2 * ctx.saved_tensors[0] * ct

        @staticmethod
        def jvp(ctx, t):
            return 2 * ctx.saved_tensors[0] * t

    return Square, torch.linspace(-1.3, 1.6, 6, dtype=torch.float64)


def square_of_jax():
    """Return a right rule of JAX."""
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def square(x):
        return x * x

    square.defvjp(lambda x: (x * x, x), lambda x, ct: (2 * x * ct,))
    return square, jnp.linspace(-1.3, 1.6, 6)


@pytest.mark.library("torch")
def test_list():
    """PyTorch does not differentiate by tensors in a list: no gradient by them is no mistake."""
    import torch

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, weights):
            ctx.weights = weights
            return x * weights[0] + weights[1]

        @staticmethod
        def backward(ctx, ct):
            return ct * ctx.weights[0], None

    x = torch.linspace(-1.3, 1.6, 6, dtype=torch.float64)
    moved = x.clone().requires_grad_()
    assert seen(lambda: Scaled.apply(moved, [moved, moved])) == {"Scaled": ("pass", 1)}
    assert seen(lambda: Scaled.apply(x, [x, x])) == {"Scaled": ("pass", 1)}


@pytest.mark.library("torch")
def test_apply_of_its_own():
    """A class whose `apply` takes other arguments than it hands on can be called again."""
    import torch

    class Times(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.factor = factor
            return x * factor

        @staticmethod
        def backward(ctx, ct):
            return ct * ctx.factor * 1.5, None

        @classmethod
        def apply(cls, x):
            return super().apply(x, 2.0)

    assert seen(lambda: Times.apply(torch.ones(3))) == {"Times": ("fail", 1)}


@pytest.mark.library("torch")
@pytest.mark.parametrize("road", ["hessian", "vmap of jvp", "jacfwd of jacrev"])
def test_vmap_of_tangents(road):
    """A rule is seen where only tangents are a batch."""
    import torch
    from torch.func import hessian, jacfwd, jacrev, jvp

    rule, x = square_of_torch()
    roads = {
        "hessian": lambda: hessian(lambda x: rule.apply(x).sum())(x),
        "vmap of jvp": lambda: torch.vmap(lambda v: jvp(rule.apply, (x,), (v,)))(torch.stack([x])),
        "jacfwd of jacrev": lambda: jacfwd(jacrev(rule.apply))(x),
    }
    assert seen(roads[road])["Square"][0] == "pass"


@pytest.mark.library("torch")
def test_unseen_by_modes_and_subclasses():
    """What is asked of tensors does not come to the user's subclasses, modes and traces."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    rule, x = square_of_torch()
    heard = []

    class Heard(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            heard.append(func)
            return super().__torch_function__(func, types, args, kwargs or {})

    class Functions(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            heard.append(func)
            return func(*args, **(kwargs or {}))

    class Operations(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            heard.append(func)
            return func(*args, **(kwargs or {}))

    def all_of_them():
        heard.clear()
        rule.apply(x.as_subclass(Heard))
        for mode in (Functions, Operations):
            with mode():
                rule.apply(x)
        heard.extend(node.target for node in make_fx(rule.apply)(x).graph.nodes)
        return [str(one) for one in heard]

    without = all_of_them()
    with gradproof.watch(only=["test_broken"]) as rules:
        assert all_of_them() == without
    assert rules.verify(seconds=60).ok


@pytest.mark.library("torch")
def test_no_numbers():
    """Numbers are drawn where tensors have none, as in one of the modes that only follow shapes."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    rule, _ = square_of_torch()

    def run():
        with FakeTensorMode():
            rule.apply(torch.ones(3))

    assert seen(run) == {"Square": ("pass", 1)}


@pytest.mark.parametrize(
    "made",
    [about("jax", square_of_jax, name="jax"), about("torch", square_of_torch, name="torch")],
)
def test_watches_that_cross(made):
    """Of two watches the first may end first, and one may be entered twice."""
    rule, x = made()
    call = getattr(rule, "apply", rule)
    one, other = gradproof.watch(only=["test_broken"]), gradproof.watch(only=["test_broken"])
    one.__enter__()
    other.__enter__()
    call(x)
    one.__exit__(None, None, None)
    call(x)
    other.__exit__(None, None, None)
    call(x)
    assert [sum(watch.records.calls.values()) for watch in (one, other)] == [1, 2]
    with one, one:
        call(x)
    call(x)
    assert sum(one.records.calls.values()) == 2


@pytest.mark.library("jax")
@pytest.mark.parametrize("road", ["reduce", "reduce_window"])
def test_no_effects_allowed(road):
    """Where JAX refuses a callback there is none, and numbers are drawn."""
    from jax import lax

    rule, x = square_of_jax()
    roads = {
        "reduce": lambda: lax.reduce(x, 0.0, lambda a, b: a + rule(b), (0,)),
        "reduce_window": lambda: lax.reduce_window(
            x, 0.0, lambda a, b: a + rule(b), (2,), (1,), "VALID"
        ),
    }
    assert seen(roads[road]) == {"square": ("pass", 1)}


@pytest.mark.library("jax")
def test_no_tracer_is_kept():
    """A rule that closes over a tracer leaves no reference to it behind."""
    import jax

    _, x = square_of_jax()

    def program(y):
        @jax.custom_vjp
        def times(x):
            return x * y

        times.defvjp(lambda x: (x * y, None), lambda _, ct: (ct * y,))
        return times(x)

    def run():
        with jax.checking_leaks():
            jax.vmap(program)(x)

    assert seen(run) == {"times": ("inconclusive", 1)}


@pytest.mark.library("jax")
def test_static_by_name():
    """A number in an argument that a rule does not differentiate by is none to move."""
    from functools import partial

    import jax

    _, x = square_of_jax()

    @partial(jax.custom_vjp, nondiff_argnums=(1,))
    def times(x, factor):
        return x * factor

    times.defvjp(lambda x, factor: (x * factor, None), lambda factor, _, ct: (ct * factor,))
    assert seen(lambda: times(x, factor=0.5)) == {"times": ("pass", 1)}
    assert seen(lambda: times(x, np.float32(0.5))) == {"times": ("pass", 1)}


@pytest.mark.library("jax")
def test_callback_that_raises(monkeypatch):
    """The user's own callback that raises, when it is waited for, ends no watch halfway."""
    import jax

    rule, x = square_of_jax()
    before = jax.custom_vjp.__call__

    def raising():
        raise ValueError

    monkeypatch.setattr(jax, "effects_barrier", raising)
    assert seen(lambda: rule(x))["square"][0] == "pass"
    assert jax.custom_vjp.__call__ is before


@pytest.mark.library("jax")
def test_without_jit():
    """What the user has JAX do to debug a program does not come into a verdict."""
    import jax

    rule, x = square_of_jax()
    with gradproof.watch(only=["test_broken"]) as rules:
        rule(x)
    with jax.disable_jit(), np.errstate(all="raise"):
        assert rules.verify(seconds=60).ok


@pytest.mark.once
def test_linked_folder(tmp_path):
    """A rule of the project is one also where its folder was reached by a link."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    (real / "rule.py").touch()

    def rule_in(folder):
        return Rule("rule.f", "jax.custom_vjp", str(folder / "rule.py"), 1, "jax")

    for root in (real, link):
        assert Own(root)(rule_in(real))
        assert Own(root)(rule_in(link))
    assert not Own(real)(rule_in(tmp_path))


@pytest.mark.once
def test_project_below_the_environment(tmp_path, monkeypatch):
    """A project that is below the folder of Python itself, as /usr/src is, is watched."""
    rule = Rule("rule.f", "jax.custom_vjp", str(tmp_path / "project" / "rule.py"), 1, "jax")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert Own(tmp_path / "project")(rule)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "project"))
    assert not Own(tmp_path)(rule)


@pytest.mark.once
@pytest.mark.parametrize("option", ["seconds", "total"])
def test_no_time(tmp_path, option):
    """Without any time nothing would be verified, and the run would pass."""
    (tmp_path / "test_it.py").write_text("def test(): pass")
    command = [sys.executable, "-m", "pytest", "--gradproof", f"--gradproof-{option}", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"--gradproof-{option} 0: expected a number above 0" in done.stderr
