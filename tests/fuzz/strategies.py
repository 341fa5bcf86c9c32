"""Hypothesis strategies: a library and a road, and a problem for them."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from tests.fuzz import programs
from tests.fuzz.problems import Mistake, Problem
from tests.fuzz.programs import Program
from tests.fuzz.trees import Leaf, Tree
from tests.libraries import EPS, dtypes

#: Roads by which a claim is checked. 'rule' is a claim written for the library's autodiff.
CLAIMED = (
    "grad", "value_and_grad", "jac", "vjp", "pullback", "jvp", "jvp with value", "hess",
    "hess by grad", "hvp", "hvp by grad",
)  # fmt: skip
OF_LIBRARY = {
    "torch": (
        "autodiff", "autodiff rule", "gradcheck", "gradcheck rule", "gradgradcheck",
        "gradgradcheck rule",
    ),
    "jax": (
        "autodiff", "autodiff rule", "autodiff jvp rule", "check_grads", "check_grads rule",
        "check_jvp", "check_vjp",
    ),
}  # fmt: skip
SCALAR = ("grad", "value_and_grad", "hess", "hess by grad", "hvp", "hvp by grad")
SECOND = SCALAR[2:]

#: Powers of two at which the numbers of a leaf are huge, tiny and subnormal.
FAR = {
    "float64": (1000, -1000, -1040),
    "float32": (100, -100, -130),
    "float16": (8, -8, -16),
    "bfloat16": (100, -100, -130),
}
LARGEST_UNIT = {"float64": 1010, "float32": 110, "float16": 10, "bfloat16": 110}


def roads(library: str) -> tuple[str, ...]:
    """Return the roads that a library has."""
    return CLAIMED + OF_LIBRARY.get(library, ())


@st.composite
def problems(draw: Any, library: str, road: str) -> Problem:
    """Draw a problem for a road."""
    native = road not in CLAIMED
    dtype = draw(st.sampled_from(dtypes(library)))
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    several = draw(st.booleans())
    leaves, units, masked = _leaves(
        draw, library, dtype, road, rng, 1 + several * draw(st.integers(1, 2))
    )
    if draw(st.integers(0, 3)) == 0 and not native:
        leaves += [_held(draw, library) for _ in range(draw(st.integers(1, 2)))]
    arguments = _arguments(draw, library, road, leaves)
    scalar = road in SCALAR
    outputs = 1 if scalar else draw(st.integers(1, 5))
    kinks = draw(st.integers(0, 3)) == 0
    program = Program(
        sizes=tuple(leaf.size for leaf in leaves if leaf.moved),
        units=tuple(units),
        masked=tuple(masked),
        chains=tuple(_chain(draw, kinks, unit) for unit in units),
        stages=_stages(draw, outputs, kinks),
        outputs=outputs,
        seed=int(rng.integers(2**20)),
    )
    plain = Problem(
        library, dtype, tuple(leaves), arguments,
        held_args=0 if native else draw(st.sampled_from((0, 0, 1))),
        program=program,
        output=_output(draw, library, road, outputs),
        behaviour=_behaviour(draw, library, dtype, road, outputs),
        claim_behaviour=_claim_behaviour(draw, library, road),
        mistake=Mistake(),
        seed=draw(st.integers(0, 999)),
        keyword=not native and draw(st.sampled_from((False, False, True))),
        tuple_argnums=not native and draw(st.sampled_from((False, False, True))),
    )  # fmt: skip
    if road in ("autodiff", "gradcheck", "gradgradcheck", "check_grads") or draw(st.booleans()):
        return plain
    from dataclasses import replace

    return replace(plain, mistake=_mistake(draw, plain, road, rng))


def _leaves(
    draw: Any, library: str, dtype: str, road: str, rng: Any, count: int
) -> tuple[list[Leaf], list[int], list[bool]]:
    leaves, units, masked = [], [], []
    native = road not in CLAIMED
    for k in range(count):
        kind = "float"
        if draw(st.integers(0, 9)) == 0 and road not in SECOND and not native and k == 0:
            kind = "complex" if dtype in ("float64", "float32") and road != "jac" else "float"
        if k and not native and draw(st.integers(0, 6)) == 0:
            kind = "python float"
        shape = () if kind == "python float" else draw(_SHAPES)
        if kind == "float" and k == 0 and road in ("grad", "vjp", "pullback", "autodiff rule"):
            shape = draw(st.sampled_from((shape,) * 15 + ((320,), (18, 20))))
        if k == 0 and 0 in shape:
            shape = (2,)
        values = rng.choice([-1.0, 1.0], shape) * rng.integers(8, 24, shape) / 16
        what = draw(_VALUES)
        if kind == "float" and draw(st.integers(0, 25)) == 0 and road not in SECOND:
            what = "not finite"
        unit, mask = 0, False
        if kind == "python float" or 0 in shape:
            what = "plain"
        if what == "ties":
            values = np.full(shape, 0.75)
        elif what == "zeros" and values.size > 1:
            values.reshape(-1)[rng.integers(values.size)] = 0.0
        elif what == "far" and kind == "float":
            # Where arithmetic takes subnormal numbers for 0, as JAX's does, func does not move.
            far = FAR[dtype][:2] if library == "jax" else FAR[dtype]
            unit = -int(draw(st.sampled_from(far)))
            if any(unit * other < 0 for other in units):
                unit = -unit  # no dtype holds both slopes
            if road in SECOND or "gradgrad" in road:  # the square of the unit is one of numbers
                unit = unit // 4
            values = np.ldexp(values, -unit)
            unit = min(unit, LARGEST_UNIT[dtype])
        elif what == "not finite" and values.size > 1:
            values.reshape(-1)[rng.integers(values.size)] = draw(
                st.sampled_from((np.nan, np.inf, -np.inf))
            )
            mask = True
        elif what == "spread":
            values = np.ldexp(values, rng.integers(-4, 4, shape))
        lib, own = library, dtype
        if kind == "complex":
            values = (
                values + 0.5j * rng.choice([-1.0, 1.0], shape) * rng.integers(8, 24, shape) / 16
            )
            own = "complex128" if dtype == "float64" else "complex64"
        elif kind == "float" and k and not native and draw(st.integers(0, 8)) == 0:
            if library in ("torch", "jax") and dtype in ("float64", "float32"):
                lib = "numpy"  # a parameter that was forgotten to be converted
            elif library == "numpy" and dtype == "float64" and what != "far":
                own = "float32"
        leaves.append(Leaf(kind, values, lib, own, _layout(draw, lib, values, what)))
        units.append(unit)
        masked.append(mask)
    return leaves, units, masked


_SHAPES = st.sampled_from(((), (1,), (3,), (4,), (2, 3), (3, 2), (5,), (2, 1, 2), (0,), (2, 0)))
_VALUES = st.sampled_from(("plain",) * 8 + ("ties", "zeros", "zeros", "far", "spread"))


def _layout(draw: Any, library: str, values: np.ndarray, what: str) -> str:
    if not values.ndim or not values.size or library not in ("numpy", "torch"):
        return "plain"
    found = ["plain"] * 4 + ["strided", "transposed"]
    if library == "numpy":
        found.append("read-only")
    if what == "ties" and values.dtype.kind == "f":
        found += ["broadcast"] * 3
    return str(draw(st.sampled_from(found)))


def _held(draw: Any, library: str) -> Leaf:
    kind = draw(st.sampled_from(("int", "bool", "python int", "none", "text")))
    values = {
        "int": np.array([1, 3], dtype=np.int32),
        "bool": np.array([True, False]),
        "python int": np.array(2),
    }.get(kind, np.array(0.0))
    return Leaf(kind, values, library, {"int": "int32", "bool": "bool"}.get(kind, kind))


def _arguments(draw: Any, library: str, road: str, leaves: list[Leaf]) -> tuple[Tree, ...]:
    """Draw containers for the leaves: positional arguments, each an array or a pytree."""
    single = [Tree("leaf", (i,)) for i in range(len(leaves))]
    if road not in CLAIMED and road != "autodiff":
        return tuple(single)
    if len(leaves) == 1 and draw(st.booleans()):
        return tuple(single)
    floats = all(leaf.moved for leaf in leaves)
    if floats and draw(st.integers(0, 2)) == 0:
        return tuple(single)
    kinds = ["dict", "dict", "list", "tuple"]
    if len(leaves) == 2:
        kinds += ["namedtuple", "dataclass"]
    torch_only = all(leaf.kind == "float" and leaf.library == "torch" for leaf in leaves)
    if torch_only and library == "torch":
        kinds += ["module"] * 2
    kind = draw(st.sampled_from(kinds))
    if kind == "module" or len(leaves) < 3 or draw(st.booleans()):
        tree = Tree(kind, tuple(single))
    else:
        tree = Tree(
            kind, (single[0], Tree(draw(st.sampled_from(("dict", "list"))), tuple(single[1:])))
        )
        if kind in ("namedtuple", "dataclass"):
            tree = Tree("tuple", tree.parts)
    if draw(st.integers(0, 4)) == 0:
        tree = Tree(draw(st.sampled_from(("dict", "list"))), (tree,))
    return (tree,)


def _chain(draw: Any, kinks: bool, unit: int) -> tuple[str, ...]:
    del unit
    names = programs.SMOOTH + (programs.KINKED if kinks else ())
    return tuple(draw(st.lists(st.sampled_from(names), min_size=1, max_size=2)))


def _stages(draw: Any, outputs: int, kinks: bool) -> tuple[str, ...]:
    names = programs.STAGES + (programs.KINKED_STAGES if kinks else ())
    del outputs
    return tuple(draw(st.lists(st.sampled_from(names), max_size=2)))


def _output(draw: Any, library: str, road: str, outputs: int) -> str:
    if road in SCALAR:
        plain = library not in ("jax", "torch") or road in ("grad",)
        kinds = ("0d", "0d", "(1,)") + (("python float",) if plain and library != "jax" else ())
        if road in ("hess", "hvp", "hess by grad", "hvp by grad", "value_and_grad"):
            kinds = ("0d",)
        return str(draw(st.sampled_from(kinds)))
    if road in OF_LIBRARY["torch"] + OF_LIBRARY["jax"] and "autodiff" not in road:
        return "vector"
    if road == "autodiff rule" or road == "autodiff jvp rule":
        return "vector"
    kinds = ("vector", "vector", "matrix")
    if outputs > 1 and road != "jac":
        kinds += ("dict", "tuple", "beside an int")
    return str(draw(st.sampled_from(kinds)))


def _behaviour(draw: Any, library: str, dtype: str, road: str, outputs: int) -> str:
    if draw(st.integers(0, 2)) or "by grad" in road:
        return ""
    # Half precision is quantised by itself, and has no room for more digits before the point.
    wide = dtype in ("float64", "float32")
    found = ["quantised"] if wide and road in ("grad", "jac", "vjp", "jvp") else []
    if outputs > 1 and road in ("jac", "vjp", "jvp"):
        found += ["nan output"]
    if library in ("numpy", "torch") and road in CLAIMED:
        found += ["writes input", "writes args", "reused buffer", "stale", "random", "raises"]
    elif library == "array_api_strict" and road in CLAIMED:
        found += ["writes input", "stale", "random", "raises"]
    elif library == "torch":
        found += ["raises", "random"]
    return str(draw(st.sampled_from(found))) if found else ""


def _claim_behaviour(draw: Any, library: str, road: str) -> str:
    if library == "torch" and road == "autodiff rule":
        return str(draw(st.sampled_from(("", "", "writes vector"))))
    if road not in CLAIMED or library == "jax" or draw(st.integers(0, 2)):
        return ""
    found = ["writes input", "reused buffer"]
    if road in ("vjp", "pullback", "jvp", "jvp with value", "hvp", "hvp by grad"):
        found += ["writes vector"] * 3
    return str(draw(st.sampled_from(found)))


#: How large the error of an entry has to be, beside all of the derivative in units of moves.
MATERIAL = {"float64": 1e-3, "float32": 0.1, "float16": 0.8, "bfloat16": 0.8}


def _mistake(draw: Any, problem: Problem, road: str, rng: Any) -> Mistake:
    """Draw a mistake that matters; none if what was drawn is none."""
    n, m = problem.program.outputs, sum(problem.program.sizes)
    second = road in SECOND
    jet = problem.jet(np.nan_to_num(problem.x, posinf=0, neginf=0), 2 if second else 1)
    true = jet.h[0] if second and jet.h is not None else jet.d
    del n, m
    found = _drawn(draw, problem, road, true, rng)
    if found.form:
        return found
    if found.name == "detached":
        return found if _bends(problem) else Mistake()
    wrong = found.of(jet.h)[0] if second else found.of(true)
    return found if matters(problem, road, true, wrong, found.name) else Mistake()


def _bends(problem: Problem) -> bool:
    """Tell whether second derivatives, which a detached rule loses, are far from nothing."""
    x = np.nan_to_num(problem.x, posinf=0, neginf=0)
    jet = problem.jet(x, 2)
    assert jet.h is not None
    size = np.maximum(np.abs(x), 0.25 * np.max(np.abs(x), initial=0.0))
    with np.errstate(all="ignore"):
        curvature = np.linalg.norm(jet.h * size * size[:, None])
        return bool(curvature >= MATERIAL[problem.dtype] * np.linalg.norm(jet.d * size))


def _drawn(draw: Any, problem: Problem, road: str, true: np.ndarray, rng: Any) -> Mistake:
    native = road not in CLAIMED
    m, n = problem.program.outputs, true.shape[1]
    where = list(problem.slices().values())
    names = ["sign", "double", "half", "leaf sign", "leaf zero", "slab zero", "entry", "reversed"]
    if m > 1 and road not in SECOND:
        names += ["row zero", "row sign"]
    if not native and "jvp" not in road:
        names += ["form"]
    if problem.library == "torch" and road == "gradgradcheck rule":
        return Mistake("detached", columns=np.zeros(n))
    name = draw(st.sampled_from(names))
    columns = np.ones(n)
    k = draw(st.integers(0, len(where) - 1))
    leaf = problem.leaves[problem.moved[k]]
    if name in ("sign", "double", "half"):
        return Mistake(name, columns=columns * {"sign": -1, "double": 2, "half": 0.5}[name])
    if name in ("leaf sign", "leaf zero"):
        columns[where[k]] = -1.0 if name == "leaf sign" else 0.0
        return Mistake(f"{name} {k}", columns=columns)
    if name == "slab zero":
        own = np.ones(leaf.values.shape)
        if own.ndim and own.size:
            axis = draw(st.integers(0, own.ndim - 1))
            np.moveaxis(own, axis, 0)[-1] = 0.0
        parts = 2 if leaf.kind == "complex" else 1
        columns[where[k]] = np.tile(own.ravel(), parts)
        return Mistake(f"{name} of leaf {k}", columns=columns)
    if name == "entry":
        extra = np.zeros((n if road in SECOND else m, n))
        i, j = int(rng.integers(extra.shape[0])), int(rng.integers(n))
        size = np.abs(true).max() or 1.0
        extra[i, j] = size * draw(st.sampled_from((1.0, -2.0, 0.01)))
        if road in SECOND:
            return Mistake(f"entry {i} by {j}", columns=None, extra=extra)
        return Mistake(f"entry {i} by {j}", extra=extra)
    if name == "reversed":
        order = np.arange(n)
        order[where[k]] = order[where[k]][::-1]
        return Mistake(f"leaf {k} reversed", order=order)
    if name in ("row zero", "row sign"):
        rows = np.ones(m)
        rows[rng.integers(m)] = 0.0 if name == "row zero" else -1.0
        return Mistake(name, rows=rows)
    forms = ("none leaf", "missing key", "wrong shape", "held claimed", "text", "nan")
    form = draw(st.sampled_from(forms))
    return Mistake(form, form=form, leaf=k)


def matters(problem: Problem, road: str, true: np.ndarray, wrong: np.ndarray, name: str) -> bool:
    """Tell whether a mistake is far above what gradproof promises to see."""
    x = np.nan_to_num(problem.x, posinf=0, neginf=0)
    size = np.abs(x)
    for where in problem.slices().values():
        own = size[where]
        with np.errstate(over="ignore"):
            size[where] = np.maximum(own, np.sqrt(np.mean(own**2)) if own.size else 0.0)
    # What is not finite is held fixed, and nothing is promised of it.
    size[~np.isfinite(problem.x)] = 0.0
    least = MATERIAL[problem.dtype]
    if problem.dtype in ("float64", "float32") and any(
        leaf.dtype == "float32" for leaf in problem.leaves
    ):
        least = MATERIAL["float32"]
    with np.errstate(all="ignore"):
        both = np.maximum(np.abs(true), np.abs(wrong)) * size
        error = np.abs(wrong - true) * size
    if problem.behaviour == "nan output":
        error[-1] = 0.0  # nor of a row whose value is not finite
    if not np.all(np.isfinite(error)) or not np.all(np.isfinite(both)):
        return False
    if x.size > 300 and least > 0.01 and name not in ("sign", "double"):
        return False  # one row of many entries is not promised in short dtypes
    if not problem.program.smooth and EPS[problem.dtype] > 1e-12:
        return False
    if "ties" in name:
        return False
    # Along a random tangent, or with a random cotangent, an error counts beside the whole row or
    # column; every entry of this derivative at once is more than any of them.
    total = np.linalg.norm(both)
    if road in SECOND:  # of a func that is linear, nothing but rounding is left
        slopes = problem.jet(x).d * size
        if not total > EPS[problem.dtype] ** 0.5 * np.linalg.norm(slopes):
            return False
    return bool(total > 0 and np.max(error, initial=0.0) >= least * total)
