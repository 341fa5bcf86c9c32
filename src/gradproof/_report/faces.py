"""How a report is shown: at a prompt, in a terminal, in a notebook, as a page, in Markdown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import panels, plots
from .contents import Contents
from .document import document
from .html import fragment, page
from .markdown import markdown
from .terminal import show
from .text import in_lines, in_one_line


class Faces(Contents):
    """What a report looks like; all of it is made from one structure, `Document`."""

    def __str__(self) -> str:
        return in_lines(self)

    def show(self, console: Any = None) -> None:
        """
        Print all of it, in colour on a terminal.

        Parameters
        ----------
        console : rich.console.Console, optional
            Where to; by default the terminal.
        """
        show(document(self, heat=False), console)

    def to_html(self, path: str | Path | None = None) -> str:
        """
        Return a page in HTML, and write it into a file if there is one to write to.

        Parameters
        ----------
        path : path, optional
            The file.

        Returns
        -------
        str
            One page: it needs no other file and no network, light and dark, with the leaves, a
            picture of those that are off, and a table of up to 1000 entries, sorted by a click.
        """
        text = page(document(self), str(self))
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def to_markdown(self) -> str:
        """Return it in Markdown, as for a pull request or the summary of a CI run."""
        return markdown(document(self))

    def plot_entries(self, ax: Any = None, *, most: int = 40) -> Any:
        """
        Draw the claim beside what was measured, with its bar, for the entries that are worst.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default in a new figure.
        most : int
            The most entries.

        Returns
        -------
        matplotlib.axes.Axes
            Where it was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If no entry was measured by itself.
        """
        return plots.entries(self, ax, most)

    def plot_leaf(self, path: str | None = None, axes: Sequence[Any] | None = None) -> Any:
        """
        Draw a leaf as it is claimed, as it was measured, and the difference of both.

        Parameters
        ----------
        path : str, optional
            Which leaf, by its path as in `entries`; by default the one that is most off.
        axes : sequence of three matplotlib.axes.Axes, optional
            Where to draw; by default in a new figure.

        Returns
        -------
        sequence of three matplotlib.axes.Axes
            Where it was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no such leaf, or nothing was measured of it.
        """
        return panels.leaf(self, path, axes)

    def plot_jacobian(self, axes: Sequence[Any] | None = None) -> Any:
        """
        Draw a Jacobian as it is claimed, as it was measured, and the difference of both.

        Products with tangents have a column for each, as those of a jvp or an hvp; a Hessian that
        was checked without a gradient is drawn as far as it was measured: its product with a
        tangent, or entries of it. Of a sparse claim the entries that it declares are in their
        places, and an error of one that it leaves out shows where it was traced to, or else in
        the entry of the same row and colour. Grey is what was not measured, as by entries of x0
        that are held fixed.

        Parameters
        ----------
        axes : sequence of three matplotlib.axes.Axes, optional
            Where to draw; by default in a new figure.

        Returns
        -------
        sequence of three matplotlib.axes.Axes
            Where it was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the check was of something else, or of more than 10,000 numbers; it says what was
            measured instead, and which picture shows that.
        """
        return panels.jacobian(self, axes)

    def plot_steps(self, ax: Any = None) -> Any:
        """
        Draw the error of the claim against the step: the V of truncation and noise.

        Along the line that decides: of the entry that is wrong or could not be told, if one was
        looked at by itself; if it was found by a search, along the line that led to it; else along
        the claim. The steps are those of the check; func is not called.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default in a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            Where it was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If no differences were measured, as by `verify_against`.

        See Also
        --------
        gradproof.plot_steps : Many more steps, along a random line.
        """
        return plots.steps(self, ax)

    def _repr_html_(self) -> str:
        return fragment(document(self))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Return it in all that a notebook may show, be it the page of a code host."""
        return {
            "text/plain": str(self),
            "text/html": self._repr_html_(),
            "text/markdown": self.to_markdown(),
        }

    def __repr__(self) -> str:
        # What a prompt shows, and pytest of `assert report.ok`.
        return f"<Report {in_one_line(self)}>"
