"""Reports as files, for programs and for people: JSON, JUnit, HTML, Markdown, a picture."""

import html
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .._version import __version__
from .drawing import draw
from .errors import UsageError
from .junit import junit
from .outcome import NOTHING_CHECKED, Outcome, worst

#: What the JSON is, and the version of its schema: ``gradproof/schemas/results-1.json``.
SCHEMA, VERSION = "gradproof.results", 1


@dataclass(frozen=True)
class Outputs:
    """
    What is written beside the text.

    Attributes
    ----------
    json : bool
        Whether JSON is printed in its place.
    html, markdown, plot, junit : str or None
        Files to write; of several checks, ``html`` and ``plot`` are folders.
    plot_kind : str or None
        What is drawn, whatever a file says.
    several : bool
        Whether there may be several checks.
    """

    json: bool = False
    html: str | None = None
    markdown: str | None = None
    plot: str | None = None
    junit: str | None = None
    plot_kind: str | None = None
    several: bool = False

    def refuse_unwritable(self) -> None:
        """
        Refuse what cannot be written, before a check that may be long.

        Raises
        ------
        UsageError
            If a folder does not exist, matplotlib is missing, or a picture goes nowhere.
        """
        if self.plot_kind is not None and self.plot is None:
            msg = f"--plot-kind {self.plot_kind} says what --plot draws; expected --plot PATH, too."
            raise UsageError(msg)
        for name in ("html", "markdown", "plot", "junit"):
            given = getattr(self, name)
            if given is None:
                continue
            path = Path(given)
            folder = self.several and name in ("html", "plot")
            if not path.absolute().parent.is_dir():
                msg = f"--{name} {given!r}: there is no folder {str(path.parent)!r}; make it first."
                raise UsageError(msg)
            if path.is_dir() and not folder:
                msg = f"--{name} {given!r} is a folder; expected the name of a file."
                raise UsageError(msg)
            if folder and path.exists() and not path.is_dir():
                msg = f"--{name} {given!r} is a file; expected a folder, for a page of each check."
                raise UsageError(msg)
        if self.plot is not None and find_spec("matplotlib") is None:
            msg = "--plot needs matplotlib; install it by: pip install 'gradproof[plot]'"
            raise UsageError(msg)

    def write(self, outcomes: Sequence[Outcome]) -> int:
        """
        Write all that is asked for, and return the exit code.

        Parameters
        ----------
        outcomes : sequence of Outcome
            What came of each check.

        Returns
        -------
        int
            The worst of all; a file that cannot be written is one of them, and said on stderr.
        """
        code = worst([one.code for one in outcomes])
        try:
            if self.json:
                print(json.dumps(as_dict(outcomes, code), allow_nan=False))
            if self.junit is not None:
                Path(self.junit).write_bytes(junit(outcomes))
            if self.markdown is not None:
                pages = [_markdown(one, titled=self.several) for one in outcomes]
                Path(self.markdown).write_text("\n".join(pages), encoding="utf-8")
            self._each(self.html, ".html", outcomes, _page)
            self._each(self.plot, ".png", outcomes, partial(draw, kind=self.plot_kind))
        except OSError as err:
            msg = f"gradproof: the check was made, and its report cannot be written: {err}"
            print(msg, file=sys.stderr)
            return worst([code, NOTHING_CHECKED])
        return code

    def _each(
        self,
        given: str | None,
        suffix: str,
        outcomes: Sequence[Outcome],
        write: Callable[[Outcome, Path], object],
    ) -> None:
        """Write a file for each check."""
        if given is None:
            return
        path = Path(given)
        if self.several:
            path.mkdir(exist_ok=True)
        names: set[str] = set()
        for one in outcomes:
            name = file_name(one.request.title)
            name += f"-{len(names)}" if name in names else ""  # of titles that differ in signs
            names.add(name)
            write(one, path / f"{name}{suffix}" if self.several else path)


def file_name(title: str) -> str:
    """Return the name of a check as one of a file."""
    return "".join(c if c.isalnum() or c in "-." else "_" for c in title)


def as_dict(outcomes: Sequence[Outcome], code: int) -> dict[str, Any]:
    """Return what came of checks, in the form of the schema."""
    checks = [
        {
            "name": one.request.title,
            "kind": one.request.kind,
            "func": one.request.func,
            "claim": one.request.claim or None,
            "repeat": one.request.again(),
            "exit_code": one.code,
            "verdict": None if one.report is None else str(one.report.verdict),
            "seconds": round(one.seconds, 6),
            "error": one.error or None,
            "report": None if one.report is None else one.report.to_dict(),
        }
        for one in outcomes
    ]
    head = {"schema": SCHEMA, "version": VERSION, "gradproof": __version__}
    return {**head, "exit_code": code, "checks": checks}


def _markdown(outcome: Outcome, *, titled: bool) -> str:
    report = outcome.report
    text = f"Not checked: {outcome.error}\n" if report is None else report.to_markdown()
    return f"## {outcome.request.title}\n\n{text}" if titled else text


def _page(outcome: Outcome, path: Path) -> None:
    """Write a page; of what was not checked, too, lest one of an earlier check stands there."""
    if outcome.report is not None:
        outcome.report.to_html(path)
        return
    title, error = html.escape(outcome.request.title), html.escape(outcome.error)
    text = f"<!doctype html><meta charset=utf-8><title>{title}</title><p>not checked: {error}\n"
    path.write_text(text, encoding="utf-8")
