"""Code that repeats the check of a call, without the program that made it."""

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .._backends.recorded import Call, Described
from .._backends.registry import recorder_of
from .._vectors.callables import argument_names
from .checked import Repeat
from .kinds import Kind
from .prepared import SEED

#: What a watch keeps, in the folder of the project.
FOLDER = ".gradproof_cache"
_SIMPLE = (bool, int, float, complex, str, bytes, type(None))


def saved(kind: Kind, at: int, how: Repeat, folder: Path) -> str:
    """
    Save the values of a call, and return code that reads them and repeats the check.

    Parameters
    ----------
    kind : Kind
        Has values of a call.
    at : int
        Which of them.
    how : Repeat
        How the check was made.
    folder : Path
        Where to.
    """
    call = kind.call
    recorder = recorder_of(call.rule.library)
    arrays: dict[str, Any] = {
        f"a{i}": recorder.host(value) for i, value in enumerate(kind.taken[at])
    }
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9_.]+", "_", call.rule.name)
    # The same call is the same file in each run.
    number = zlib.crc32(f"{call.structure} {kind}".encode())
    path = folder / f"{name}-{number:08x}.npz"
    np.savez(path, **arrays)
    return code(call, how, str(path))


def page_of(folder: Path, what: str) -> Path:
    """Return where the page on a check is to be, in a folder that is made."""
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", what)[:80]
    return folder / f"{name}-{zlib.crc32(what.encode()):08x}.html"


def code(call: Call, how: Repeat, path: str) -> str:
    """Return code that reads values from a file, and checks the rule at them."""
    module, _, name = _split(call)
    jax = call.rule.library == "jax"
    count = 0
    leaves: list[Any] = []
    for leaf in call.leaves:
        if isinstance(leaf, Described):
            leaves.append(_Code(_array(f'saved["a{count}"]', leaf, jax=jax)))
            count += 1
        else:
            leaves.append(leaf if isinstance(leaf, _SIMPLE) else _Code(f"...  # {_what(leaf)}"))
    args, kwargs = call.build(leaves)
    names = argument_names(call.signature, len(args))
    text = ["import numpy as np", "import jax" if jax else "import torch"]
    if jax:
        text.append("import jax.numpy as jnp")
    text.append("import gradproof")
    if "<locals>" in call.rule.name or ("." in name and not jax):
        text.append(f"{name.rpartition('.')[2]} = ...  # {call.rule.name}, defined in a function")
    elif module == "__main__":
        text.append(f"import runpy\n{name} = runpy.run_path({call.rule.file!r})[{name!r}]")
    else:
        text.append(f"from {module} import {name.partition('.')[0]}")
    if jax and dict(call.settings).get("x64"):
        text.append('jax.config.update("jax_enable_x64", True)')
    text.append(f"with np.load({path!r}) as file:\n    saved = dict(file)")
    given = (*zip(names, args, strict=True), *kwargs.items())
    text += [f"{_name(key)} = {value!r}" for key, value in given]
    rule = name.rpartition(".")[2] if "<locals>" in call.rule.name else name
    called = f"{rule}.apply" if call.rule.made_by == "torch.autograd.Function" else rule
    every = [_name(key) for key in names] + [f"{key}={key}" for key in kwargs]
    said = ", ".join(_name(key) for key in how.moved)
    text.append(f"print(gradproof.verify_autodiff(lambda {said}: {called}({', '.join(every)}),")
    reference = "" if how.reference is None else f", reference={how.reference!r}"
    text.append(f"                                {said}, seed={SEED}{reference}))")
    return "\n".join(text)


class _Code:
    """Is shown as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _split(call: Call) -> tuple[str, str, str]:
    """Return module, dot and qualified name of a rule."""
    for part in call.parts:
        module = getattr(part, "__module__", None)
        if module and call.rule.name.startswith(f"{module}."):
            return module, ".", call.rule.name[len(module) + 1 :]
    return call.rule.name.rpartition(".")


def _array(values: str, leaf: Described, *, jax: bool) -> str:
    if jax:
        if leaf.dtype.startswith("key<"):
            return f'jax.random.wrap_key_data({values}, impl="{leaf.dtype[4:-1]}")'
        return f"jnp.asarray({values}{'.view(jnp.bfloat16)' if leaf.dtype == 'bfloat16' else ''})"
    tensor = f"torch.from_numpy({values})"
    tensor = f"{tensor}.view(torch.bfloat16)" if leaf.dtype == "bfloat16" else tensor
    return f"{tensor}.to_sparse(layout=torch.{leaf.layout})" if leaf.layout else tensor


def _what(value: Any) -> str:
    return getattr(value, "__qualname__", None) or type(value).__qualname__


def _name(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)
