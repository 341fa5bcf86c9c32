"""The command that says what is installed, and whether it works."""

import importlib
import json
import platform
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from .._backends.registry import Backend, backend_named
from .._numerics.formats import FORMATS
from .._numerics.precision import Precision
from .._report.verdicts import Verdict
from .._verdict.options import Options
from .._version import __version__
from .console import console

SCHEMA, VERSION = "gradproof.doctor", 1
#: Libraries of arrays: what is imported, and what brings it.
_BACKENDS = {
    "numpy": "numpy",
    "jax": "gradproof[jax]",
    "torch": "gradproof[torch]",
    "array_api_strict": "array-api-strict",
    "dask.array": "dask[array]",
}
#: Other optional parts: what is imported, what for, and what brings it.
_PARTS = {
    "matplotlib": ("plots of reports", "gradproof[plot]"),
    "joblib": ("workers=: evaluation by several processes", "gradproof[parallel]"),
    "cloudpickle": ("workers=: functions that are no module's", "gradproof[parallel]"),
    "scipy": ("sparse Jacobians", "scipy"),
    "pytest": ("pytest --gradproof", "pytest"),
}
#: In which the small check is made: every library has it, and no switch has to be turned for it.
_DTYPE = "float32"


@dataclass(frozen=True)
class Part:
    """
    Something that may be installed.

    Attributes
    ----------
    name : str
        What is imported.
    version : str or None
        None where it is not installed.
    purpose : str
        What it is for.
    install : str or None
        The command that installs it, where it is missing.
    error : str or None
        Why it does not work, though it is installed.
    devices : list of str
        Of a library of arrays.
    dtypes : list of dict
        Of a library of arrays: ``name``, ``rtol`` that matters, largest and finest ``steps``.
    """

    name: str
    version: str | None
    purpose: str
    install: str | None = None
    error: str | None = None
    devices: list[str] = field(default_factory=list)
    dtypes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """Whether it works, in a word or two."""
        if self.version is None:
            return "not installed"
        return "works" if self.error is None else "does not work"


def doctor(*, as_json: bool) -> int:
    """
    Say what is installed and works.

    Parameters
    ----------
    as_json : bool
        Whether as JSON.

    Returns
    -------
    int
        0 if all that is installed works, else 1.
    """
    backends = [_library(name, wanted) for name, wanted in _BACKENDS.items()]
    parts = [_part(name, *about) for name, about in _PARTS.items()]
    code = int(any(one.error is not None for one in (*backends, *parts)))
    here = {"python": platform.python_version(), "platform": platform.platform()}
    if as_json:
        head = {"schema": SCHEMA, "version": VERSION, "gradproof": __version__, **here}
        lists = {"backends": [asdict(one) for one in backends], "parts": [asdict(p) for p in parts]}
        print(json.dumps({**head, "exit_code": code, **lists}, allow_nan=False))
        return code
    out = console()
    about = f"gradproof {__version__}, Python {here['python']}, {here['platform']}"
    out.print(about, highlight=False, markup=False, soft_wrap=True)
    for table in (_of_backends(backends), _of_dtypes(backends), _of_parts(parts)):
        out.print(table)
    for line in _advice([*backends, *parts]):
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    return code


def _installed(name: str, purpose: str, wanted: str) -> Part:
    """Return a part, by what is known of it without importing it."""
    top = name.partition(".")[0]
    if find_spec(top) is None:
        return Part(name, None, purpose, f'pip install "{wanted}"')
    try:
        return Part(name, version(top), purpose)
    except PackageNotFoundError:  # it lies on the path, and nobody installed it
        return Part(name, "unknown", purpose)


def _part(name: str, purpose: str, wanted: str) -> Part:
    part = _installed(name, purpose, wanted)
    if part.version is None:
        return part
    try:
        importlib.import_module(name)
    except Exception as err:  # whatever it is, it does not work
        return Part(name, part.version, purpose, error=f"{type(err).__name__}: {err}")
    return part


def _library(name: str, wanted: str) -> Part:
    part = _installed(name, "arrays", wanted)
    if part.version is None:
        return part
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a library says of devices of old
            backend = backend_named(name)
            devices, dtypes = _devices(backend), list(_dtypes(backend))
        error = _checked(backend)
    except Exception as err:
        return Part(name, part.version, part.purpose, error=f"{type(err).__name__}: {err}")
    known = part.name, part.version, part.purpose
    return Part(*known, error=error, devices=devices, dtypes=dtypes)


def _devices(backend: Backend) -> list[str]:
    listed = backend.xp.__array_namespace_info__().devices()
    # None is the default one once more; arrays on a meta device have no numbers.
    names = [str(device) for device in listed if device is not None]
    # What is in quotes is the name, where a device says more of itself.
    return [name.split("'")[1] if "'" in name else name for name in names if name != "meta"]


def _dtypes(backend: Backend) -> Iterator[dict[str, Any]]:
    rtol = Options.checked(None, None, 0).tolerance
    for eps, one in FORMATS.items():
        if hasattr(backend.xp, one.name):
            line = Precision.of(eps).steps.line
            steps = [float(line.max()), float(line.min())]
            yield {"name": one.name, "rtol": rtol(eps), "steps": steps}


def _checked(backend: Backend) -> str | None:
    """Check a right claim and a wrong one; return what is judged wrongly, if anything is."""
    from .demo.show import judged

    for mistake, report in judged(backend, _DTYPE):
        if report.verdict is not (Verdict.FAIL if mistake else Verdict.PASS):
            return f"{mistake or 'a right claim'}: {report.verdict}: {report.finding}"
    return None


def _table(*headings: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _word(part: Part) -> Any:
    from rich.text import Text

    styles = {"works": "pass", "does not work": "fail", "not installed": "inconclusive"}
    return Text(part.verdict, styles[part.verdict])


def _of_backends(backends: Sequence[Part]) -> Any:
    table = _table("library", "version", "check", "devices")
    for one in backends:
        table.add_row(one.name, one.version, _word(one), ", ".join(one.devices))
    return table


def _of_dtypes(backends: Sequence[Part]) -> Any:
    table = _table("dtype", "errors above matter", "steps along a line", "in")
    known = {dtype["name"]: dtype for one in backends for dtype in one.dtypes}
    for name, dtype in known.items():
        top, low = dtype["steps"]
        having = [one.name for one in backends if name in {d["name"] for d in one.dtypes}]
        steps = f"{top:.0e} to {low:.0e} of x0"
        table.add_row(name, f"{dtype['rtol']:.0e}", steps, ", ".join(having))
    return table


def _of_parts(parts: Sequence[Part]) -> Any:
    table = _table("part", "version", "", "for")
    for one in parts:
        table.add_row(one.name, one.version, _word(one), one.purpose)
    return table


def _advice(parts: Sequence[Part]) -> Iterator[str]:
    for one in parts:
        if one.error is not None:
            yield f"{one.name} does not work: {one.error}"
    for one in parts:
        if one.install is not None:
            yield f"to get {one.name}: {one.install}"
