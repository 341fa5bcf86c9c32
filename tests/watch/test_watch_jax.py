"""Rules of JAX that a block of code calls: what is recorded, what is found, what is undisturbed."""

import numpy as np
import pytest
from tests.watch.sample import HERE, in_thread, rules

import gradproof

pytestmark = pytest.mark.library("jax")


def roads():
    """Return, by name, a call of each rule under the transforms."""
    import jax
    import jax.numpy as jnp

    x = jnp.asarray(np.linspace(-1.3, 1.6, 6), "float32")
    rows = x.reshape(2, 3)
    low = jnp.asarray(rows, jnp.bfloat16)

    def scanned(r):
        return jax.lax.scan(lambda c, t: (r.softplus(c) + t, None), x[0], x)[0]

    return {
        "square": {
            "plain": lambda r: r.square(x),
            "jit": lambda r: jax.jit(r.square)(x),
            "grad": lambda r: jax.grad(lambda x: r.square(x).sum())(x),
            "vmap": lambda r: jax.vmap(r.square)(rows),
            "jit of grad of vmap": lambda r: jax.jit(jax.vmap(jax.grad(r.square)))(x),
            "checkpoint": lambda r: jax.grad(lambda x: jax.checkpoint(r.square)(x).sum())(x),
            "thread": lambda r: in_thread(lambda: r.square(x)),
        },
        "softplus": {
            "scan": scanned,
            "grad of scan": lambda r: jax.grad(lambda s: scanned(r) * s)(1.0),
            "while": lambda r: jax.lax.while_loop(
                lambda c: c[0] < 2, lambda c: (c[0] + 1, r.softplus(c[1])), (0, x)
            ),
            "jvp": lambda r: jax.jvp(r.softplus, (x,), (x,)),
        },
        "centred": {"static": lambda r: jax.jit(lambda x: r.centred(x, -1))(rows)},
        "masked": {
            "mask": lambda r: r.masked(x, x > 0),
            "cond": lambda r: jax.lax.cond(x[0] < 0, lambda: r.masked(x, x > 0), lambda: x),
        },
        "scaled": {
            "bfloat16": lambda r: jax.jit(r.scaled)(low, low.T),
            "float32": lambda r: r.scaled(rows, rows.T),
        },
    }


NAMES = {
    "square": ("plain", "jit", "grad", "vmap", "jit of grad of vmap", "checkpoint", "thread"),
    "softplus": ("scan", "grad of scan", "while", "jvp"),
    "centred": ("static",),
    "masked": ("mask", "cond"),
    "scaled": ("bfloat16", "float32"),
}
#: The first number of all arguments.
FIRST = -1.3
CASES = [(rule, road) for rule, those in NAMES.items() for road in those]


def test_all_roads_are_tested():
    assert {rule: tuple(those) for rule, those in roads().items()} == NAMES


@pytest.mark.parametrize(("rule", "road"), CASES)
def test_recorded(rule, road):
    """A call is recorded with its numbers, whatever the transforms that it is made under."""
    module = rules("jax", wrong=False)
    with gradproof.watch(HERE) as watched:
        roads()[rule][road](module)
    report = watched.report()
    (one,) = [one for one in report.rules if one.calls]
    assert one.name == f"{module.__name__}.{rule}"
    assert one.file.endswith("rules_of_jax.py")
    assert one.verdict is None
    (kind,) = watched.records.kinds.values()
    assert "test_watch_jax.py" in kind.caller
    # Of a batch the first row, of a loop the first step.
    (values,) = kind.taken[:1]
    assert FIRST - 1e-2 < float(values[0].reshape(-1)[0]) < FIRST + 1e-2
    assert not report.errors


@pytest.mark.parametrize("rule", NAMES)
def test_found(rule):
    """A wrong rule fails, in all kinds of its calls; the right one passes."""
    for wrong in (True, False):
        module = rules("jax", wrong=wrong)
        with gradproof.watch(HERE) as watched:
            for call in roads()[rule].values():
                call(module)
        report = watched.verify(seconds=60)
        (one,) = [one for one in report.rules if one.calls]
        assert {o.verdict for o in one.outcomes} == {"fail" if wrong else "pass"}, str(report)
        assert not any("drawn" in note for outcome in one.outcomes for note in outcome.notes)
        assert not report.errors


def test_undisturbed():
    """Results are the same, and so is the number of calls of the rule's own functions."""
    import jax

    calls = []

    @jax.custom_vjp
    def rule(x):
        calls.append("fun")
        return x**2

    def forward(x):
        calls.append("fwd")
        return x**2, x

    def backward(x, ct):
        calls.append("bwd")
        return (2 * x * ct,)

    rule.defvjp(forward, backward)
    x = np.linspace(-1.3, 1.6, 6, dtype="float32")

    def run():
        calls.clear()
        found = [rule(x), jax.grad(lambda x: rule(x).sum())(x), jax.vmap(rule)(x)]
        found.append(jax.jit(jax.grad(lambda x: rule(x).sum()))(x))
        return [np.asarray(one).tobytes() for one in found], list(calls)

    before = run()
    with gradproof.watch(HERE) as watched:
        during = run()
    assert watched.report().rules[0].calls > 0
    assert before == during == run()
    assert jax.custom_vjp.__call__.__module__ != "gradproof._backends.jax.recorded"


def test_kinds():
    """Shapes, dtypes, static arguments and closures make kinds; other numbers do not."""
    import jax
    import jax.numpy as jnp

    module = rules("jax", wrong=False)
    rows = jnp.ones((2, 3))

    def scaled_by(k):
        rule = jax.custom_vjp(lambda x: k * x)
        rule.defvjp(lambda x: (k * x, None), lambda _, ct: (k * ct,))
        return rule

    with gradproof.watch(HERE) as watched:
        for array in (rows, 2 * rows, rows[0], rows.astype("float16")):
            module.square(array)
        module.centred(rows, 0)
        module.centred(rows, 1)
        for k in (0.0, 1.0, 2.0):
            scaled_by(k)(rows)
    called = [rule for rule in watched.report().rules if rule.calls]
    kinds = {rule.name.rpartition(".")[2]: rule.kinds for rule in called}
    assert kinds["square"] == 3
    assert kinds["centred"] == 2
    assert kinds["<lambda>"] == 2


def test_second_values():
    """Values of another kind are kept too: a mistake at zeros alone is found."""
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def rule(x):
        return jnp.sin(x)

    rule.defvjp(lambda x: (jnp.sin(x), x), lambda x, ct: (jnp.where(x == 0, 0.0, jnp.cos(x)) * ct,))
    with gradproof.watch(HERE) as watched:
        rule(jnp.asarray([0.3, 0.7]))
        rule(jnp.asarray([0.4, 0.9]))
        rule(jnp.zeros(2))
    report = watched.verify(seconds=60)
    assert report.verdict == "fail"
    assert report.rules[0].kinds == 1


def test_drawn():
    """What is only traced, or too large for the memory, is checked at numbers that are drawn."""
    import jax
    import jax.numpy as jnp

    module = rules("jax", wrong=True)
    with gradproof.watch(HERE) as watched:
        jax.make_jaxpr(module.square)(jnp.ones(3))
        jax.eval_shape(module.softplus, jnp.ones(3))
    with gradproof.watch(HERE, memory=8) as small:
        module.square(jnp.ones(3))
    for one in (watched, small):
        report = one.verify(seconds=60)
        assert report.verdict == "fail"
        assert all(any("drawn" in n for n in r.outcomes[0].notes) for r in report.rules if r.calls)
    assert "callback" not in str(jax.make_jaxpr(module.square)(jnp.ones(3)))


def test_not_by_itself():
    """A rule that cannot be called outside of its program is inconclusive, and says why."""
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def rule(x):
        return jax.lax.psum(x, "rows")

    rule.defvjp(lambda x: (jax.lax.psum(x, "rows"), None), lambda _, ct: (ct,))
    with gradproof.watch(HERE) as watched:
        jax.vmap(rule, axis_name="rows")(jnp.ones(3))
    report = watched.verify(seconds=60)
    assert report.verdict == "inconclusive"
    assert "could not be called by itself" in str(report)


def test_which():
    """Rules of others are watched if asked for; some can be chosen, and some left out."""
    import jax
    import jax.numpy as jnp

    module = rules("jax", wrong=False)

    def seen(**how):
        with gradproof.watch(HERE, **how) as watched:
            module.square(jnp.ones(3))
            module.softplus(jnp.ones(3))
            jax.nn.relu(jnp.ones(3))
        return {rule.name.rpartition(".")[2] for rule in watched.report().rules if rule.calls}

    assert seen() == {"square", "softplus"}
    assert seen(only=["square"]) == {"square"}
    assert seen(skip=["*soft*"]) == {"square"}
    assert seen(every=True) >= {"square", "softplus", "relu"}
    assert seen(only=["jax*relu"]) == {"relu"}


def test_never_called():
    module = rules("jax", wrong=False)
    with gradproof.watch(HERE) as watched:
        pass
    report = watched.verify(seconds=60)
    names = {rule.name for rule in report.rules}
    assert f"{module.__name__}.square" in names
    assert "not tested" in str(report)
    assert report.verdict == "inconclusive"
    assert not report.ok


def test_repeated(tmp_path, capsys):
    """The code that repeats a check runs by itself, and says the same."""
    import jax.numpy as jnp

    module = rules("jax", wrong=True)
    with gradproof.watch(tmp_path, only=["scaled"]) as watched:
        module.scaled(
            jnp.ones((2, 3), jnp.bfloat16), jnp.asarray([[0.3], [0.2], [0.7]], "bfloat16")
        )
    (rule,) = [one for one in watched.verify(seconds=60).rules if one.calls]
    snippet = rule.outcomes[0].snippet
    assert "jnp.bfloat16" in snippet
    exec(compile(snippet, "snippet", "exec"), {})
    assert capsys.readouterr().out.startswith("fail: ")


def test_arguments_of_all_kinds():
    """Keys, complex numbers, numbers of Python, pytrees, functions and strings."""
    from functools import partial

    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def masked_by(key, x):
        return x * jax.random.bernoulli(key, 0.5, x.shape)

    masked_by.defvjp(
        lambda key, x: (masked_by(key, x), (key, x)),
        lambda kept, ct: (None, ct * jax.random.bernoulli(kept[0], 0.5, ct.shape)),
    )

    @jax.custom_vjp
    def squared_size(z, scale):
        return scale["by"] * jnp.abs(z) ** 2

    squared_size.defvjp(
        lambda z, scale: (squared_size(z, scale), (z, scale["by"])),
        lambda kept, ct: (
            2 * jnp.conj(kept[0]) * kept[1] * ct,
            {"by": jnp.sum(jnp.abs(kept[0]) ** 2 * ct)},
        ),
    )

    @partial(jax.custom_jvp, nondiff_argnums=(0, 2))
    def applied(func, x, how):
        return func(x)

    @applied.defjvp
    def _applied_jvp(func, how, primals, tangents):
        return applied(func, *primals, how), jax.jvp(func, primals, tangents)[1]

    x = jnp.linspace(0.5, 1.5, 4)
    with gradproof.watch(HERE) as watched:
        jax.jit(lambda key: masked_by(jax.random.split(key)[0], x))(jax.random.key(1))
        jax.vmap(lambda key: masked_by(key, x))(jax.random.split(jax.random.key(1), 3))
        squared_size(x + 1j, {"by": 2.0})
        applied(jnp.sin, x, "fast")
    report = watched.verify(seconds=60)
    verdicts = {r.name.rpartition(".")[2]: r.verdict for r in report.rules if r.calls}
    assert verdicts == dict.fromkeys(("masked_by", "squared_size", "applied"), "pass"), str(report)
    assert not report.errors


def test_shard_map():
    """Where no callback is allowed, numbers are drawn."""
    import jax
    import jax.numpy as jnp
    from jax.sharding import AxisType, PartitionSpec

    module = rules("jax", wrong=True)
    mesh = jax.make_mesh((2,), ("rows",), axis_types=(AxisType.Auto,))
    how = {"mesh": mesh, "in_specs": PartitionSpec("rows"), "out_specs": PartitionSpec("rows")}
    with gradproof.watch(HERE) as watched:
        found = jax.jit(jax.shard_map(module.square, **how))(jnp.ones((2, 3)))
    assert found.tolist() == [[1.0] * 3] * 2
    (rule,) = [one for one in watched.verify(seconds=60).rules if one.calls]
    assert rule.verdict == "fail"
    assert any("drawn" in note for note in rule.outcomes[0].notes)


def test_not_transformed():
    """A rule that is called without jit, and cannot be under it, is not called wrong for that."""
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def rule(x, twice):
        return x * 2 if twice else x

    rule.defvjp(
        lambda x, twice: (rule(x, twice), twice),
        lambda twice, ct: (2 * ct if twice else ct, None),
    )
    with gradproof.watch(HERE) as watched:
        rule(jnp.ones(3), True)
    (one,) = [one for one in watched.verify(seconds=60).rules if one.calls]
    assert one.verdict == "inconclusive"
    assert "right as it was called" in one.outcomes[0].finding
