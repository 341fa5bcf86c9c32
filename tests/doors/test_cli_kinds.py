"""Each kind of check from the command line: a right claim passes, a planted mistake is found."""

import re
import shlex

import pytest
from tests.doors.cli import folder, refused, told

from gradproof._cli.app import cli
from gradproof._cli.kinds import KINDS
from gradproof._cli.words import typed

__all__ = ["folder"]

NUMBERS = "--x0=[0.5,1.0,1.5]"
# A command line, a right claim and a wrong one to be put into it.
CASES = {
    "check": ("check model:loss model:{} --x0=[1.5,-1.5]", "grad", "sign"),
    "directions": (
        "check model:cube model:{} --directions=3 --shape=400",
        "cube_grad",
        "half_grad",
    ),
    "value": ("check model:loss model:{} --with-value --shape=2", "with_value", "wrong_value"),
    "vjp": (f"vjp model:sine model:{{}} {NUMBERS}", "product", "wrong_product"),
    "pullback": (f"vjp model:sine model:{{}} --pullback {NUMBERS}", "pullback", "wrong_pullback"),
    "jvp": (f"jvp model:sine model:{{}} {NUMBERS}", "product", "wrong_product"),
    "hess": (f"hess model:cube model:{{}} {NUMBERS}", "hess", "half_hess"),
    "hess, grad": (
        f"hess model:cube model:{{}} --grad=model:cube_grad {NUMBERS}",
        "hess",
        "half_hess",
    ),
    "hvp": (f"hvp model:cube model:{{}} {NUMBERS}", "hvp", "half_hvp"),
    "dict": (
        "check model:fit model:{} --x0=model:table --arg=[1,2.0,4]",
        "fit_grad",
        "fit_wrong",
    ),
    "namedtuple": (
        "check model:fit model:{} --x0=model.py:point --arg=[1.0,2,4] --kwarg=scale=3",
        "fit_grad",
        "fit_wrong",
    ),
    "function": (
        "check model:fit model:{} --x0=model:make --arg=data.npy",
        "fit_grad",
        "fit_wrong",
    ),
    "arguments": (
        "check model:power model:{} --x0=x.npy --arg=3 --arg=model:squared",
        "power_grad",
        "power_wrong",
    ),
    "labels": (
        "check model:labelled model:{} --x0=x.npy --arg=[0,2] --arg='sum'",
        "labelled_grad",
        "first_only",
    ),
    "argnums": (
        f"check model:two model:{{}} --argnums=0,1 --arg=data.npy --directions=all {NUMBERS}",
        "two_grad",
        "two_wrong",
    ),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("words", "right", "wrong"), CASES.values(), ids=CASES)
def test_right_and_wrong(capsys, words, right, wrong):
    code, out, err = told(capsys, *words.format(right).split())
    assert (code, err) == (0, "")
    assert out.startswith("pass: ")
    code, out, _ = told(capsys, *words.format(wrong).split())
    assert code == 1
    assert out.startswith("fail: ")
    # What it says repeats it, option for option.
    prompt = "  repeat: python -m gradproof "
    (again,) = (line for line in out.splitlines() if line.startswith(prompt))
    assert told(capsys, *shlex.split(again.removeprefix(prompt)))[:2] == (1, out)


def test_every_kind_is_tried():
    tried = {words.split()[0] for words, _, _ in CASES.values()}
    assert {*tried, "autodiff", "against"} == set(KINDS)
    assert set(KINDS) < set(cli.commands)


TORCH = """\
import torch


class Square(torch.autograd.Function):
    factor = 2

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @classmethod
    def backward(cls, ctx, ct):
        (x,) = ctx.saved_tensors
        return FACTOR * x * ct


def func(x):
    return Square.apply(x)


def plain(x):
    return x * x


torch.manual_seed(0)
net = torch.nn.Linear(3, 2)
batch = torch.linspace(-1, 1, 12).reshape(4, 3)


def loss(net, x):
    return Square.apply(net(x)).sum()
"""

JAX = """\
import jax


@jax.custom_vjp
def func(x):
    return x * x


func.defvjp(lambda x: (x * x, x), lambda x, ct: (FACTOR * x * ct,))


def plain(x):
    return x * x
"""


@pytest.mark.parametrize(
    ("library", "code"),
    [
        pytest.param("torch", TORCH, marks=pytest.mark.library("torch"), id="torch"),
        pytest.param("jax", JAX, marks=pytest.mark.library("jax"), id="jax"),
    ],
)
@pytest.mark.parametrize(("factor", "code_of"), [("2", 0), ("1", 1)])
class TestLibraries:
    def test_rules(self, capsys, folder, library, code, factor, code_of):
        (folder / "rules.py").write_text(code.replace("FACTOR", factor))
        where = [NUMBERS, f"--backend={library}"]
        assert told(capsys, "autodiff", "rules:func", *where, "--modes=vjp")[0] == code_of
        for reference in ("rules:plain", "forward"):
            given = ["against", "rules.py:func", reference, *where, "--modes=vjp"]
            assert told(capsys, *given)[0] == code_of
            given = ["autodiff", "rules.py:func", f"--reference={reference}", *where]
            assert told(capsys, *given)[0] == code_of


@pytest.mark.library("torch")
@pytest.mark.parametrize(("factor", "code_of"), [("2", 0), ("1", 1)])
def test_module_of_torch(capsys, folder, factor, code_of):
    """A module can be called, and is a pytree all the same."""
    (folder / "rules.py").write_text(TORCH.replace("FACTOR", factor))
    given = ["autodiff", "rules:loss", "--x0=rules:net", "--arg=rules:batch", "--argnums=0"]
    code, out, _ = told(capsys, *given)
    assert code == code_of
    assert "weight" in out


@pytest.mark.library("torch")
@pytest.mark.parametrize("x0", ["--x0=other:tree", "--x0=other:table", "--shape=3"])
def test_arguments_are_like_x0(capsys, folder, x0):
    """Numbers take its library and dtype, a file its library; an object is left alone."""
    (folder / "other.py").write_text(
        "import numpy as np, torch\n"
        "tree = {'w': torch.ones(3, dtype=torch.float64), 'n': 3}\n"
        "table = torch.ones(3, dtype=torch.float64)\n"
        "own = np.ones(3)\n"
        "def func(x, a, b, labels, own, *, c):\n"
        "    x = x['w'] if isinstance(x, dict) else x\n"
        "    assert a.dtype == c.dtype == x.dtype and b.dtype == torch.float64\n"
        "    assert labels.dtype == torch.int64 and isinstance(own, np.ndarray)\n"
        "    return (x * a * b * c)[labels].sum()\n"
    )
    given = ["autodiff", "other:func", x0, "--arg=[1.0, 2, 3]", "--arg=data.npy", "--arg=[0, 2]"]
    given += ["--arg=other:own", "--kwarg=c=[1, 2.0, 3]", "--argnums=0"]
    given += ["--backend=torch"] if "shape" in x0 else []
    assert told(capsys, *given)[0] == 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("autodiff model:cube --shape=2", "Say --backend jax or --backend torch"),
        ("against model:cube model:cube --shape=2", "Say --backend jax or --backend torch"),
        ("vjp model:sine model:prodct --shape=2", "Did you mean product"),
        ("vjp model:sine --shape=2", "VJP is missing: takes (x0, ..., cotangent)"),
        ("hess model:cube model:hess --shape=2 --grad=model:cub", "--grad 'model:cub'"),
        ("check modle:cube model:cube_grad --shape=2", "Did you mean model?"),
        ("check modle.py:cube model:cube_grad --shape=2", "Did you mean model.py?"),
        ("check --shape=2", "FUNC is missing: the function: module:name or file.py:name."),
        ("check model:cube below.oter:grad --shape=2", "Did you mean below.other?"),
        ("check model:cube model:cube_grad --shape=2 --backend=JAX", "Did you mean jax?"),
        ("check model:CUBE model:cube_grad --shape=2", "Did you mean cube"),
        ("check model:cube model:cube_grad --x0=xx.npy", "Did you mean x.npy?"),
        ("check model:cube model:cube_grad --x0=x.npy --bugdet=3", "Did you mean --budget?"),
        ("check model:cube model:cube_grad --x0=x.npy --directions=some", "neither 'auto'"),
        ("check model:cube model:cube_grad --x0=x.npy --argnums=a", "names no positions"),
        (
            "check model:cube model:cube_grad --x0=x.npy --arg=oh",
            "Text has quotes of its own: \"'oh'\".",
        ),
        ("check model:cube model:cube_grad --x0=x.npy --kwarg=oh", "is not NAME=VALUE"),
        ("check model:cube model:cube_grad --x0=model:table --dtype=float32", "a pytree keeps"),
        ("check model:cube model:cube_grad --x0=x.npy --backend=jxa", "does not import"),
        ("autodiff model:cube --x0=x.npy --modes=vpj", "is not made of 'vjp' and 'jvp'"),
        ("against model:cube model:cube --x0=x.npy --rtol=0.1", "no option '--rtol'"),
        ("chek model:cube model:cube_grad --shape=2", "Did you mean check?"),
        ("watch train.py", "there is no file 'train.py'"),
        ("watch --seconds=0 model.py", "--seconds 0: expected a time in seconds, above 0"),
        ("watch modell.py", "Did you mean model.py?"),
    ],
)
def test_errors(capsys, folder, words, said):
    (folder / "below").mkdir()
    (folder / "below" / "other.py").write_text("")
    assert said in refused(capsys, *words.split())


@pytest.mark.usefixtures("folder")
def test_traceback(capsys):
    """It begins in the user's own code."""
    code, _, err = told(capsys, "check", "model:raising", "model:grad", "--shape=2")
    assert code == 3
    assert re.match(r"Traceback .*\n  File \".*model.py\", line \d+, in raising\n", err)
    code, _, err = told(capsys, "check", "model:two", "model:grad", "--shape=2")
    assert code == 3
    assert err.count("\n  File ") == 1
    assert "two() missing 1 required positional argument: 'y'" in err


@pytest.mark.usefixtures("folder")
def test_values_against_a_reference_in_numpy(capsys):
    given = ["against", "model:cube", "model:cube", "--x0=x.npy", "--order=0"]
    assert told(capsys, *given)[0] == 0


def _budgeted(kind, *words):
    marks = [pytest.mark.library("torch" if kind == "autodiff" else "numpy")]
    return pytest.param((kind, *words), id=kind, marks=marks)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "words",
    [
        _budgeted("check", "model:cube", "model:cube_grad", NUMBERS),
        _budgeted("vjp", "model:sine", "model:product", NUMBERS),
        _budgeted("jvp", "model:sine", "model:product", NUMBERS),
        _budgeted("hess", "model:cube", "model:hess", NUMBERS),
        _budgeted("hvp", "model:cube", "model:hvp", NUMBERS),
        _budgeted("autodiff", "model:cube", NUMBERS, "--backend=torch"),
    ],
)
def test_budget(capsys, words):
    """A check that is cut says so, and the option with which it is not, as it is typed."""
    code, out, _ = told(capsys, *words, "--budget=20")
    assert code == 4
    assert "the budget of calls ended before all entries were measured" in out
    (enough,) = re.findall(r"next: pass --budget (\d+) or more, or none", out)
    assert told(capsys, *words, f"--budget={enough}")[0] == 0


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("pass budget=224 or more, or none", "pass --budget 224 or more, or none"),
        ("pass grad=, the gradient of func", "pass --grad, the gradient of func"),
        ("pass rtol=1e-04: less", "pass --rtol 1e-04: less"),
        ('pass modes=("vjp",): reverse mode alone', "pass --modes vjp: reverse mode alone"),
        ("or let directions='all' measure", "or let --directions all measure"),
        ("no arrays in nondiff_argnums= of the rule", "no arrays in nondiff_argnums= of the rule"),
        ("plot_leaf() shows them", "--plot-kind leaf shows them"),
    ],
)
def test_words(python, words):
    assert typed(python) == words
