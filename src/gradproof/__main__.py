"""The command line: ``python -m gradproof``, or ``gradproof``."""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from ._cli.arguments import parser_of


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0 for pass, 1 for fail, 3 if the user's own code raised, 4 for inconclusive, 130 for a
        check that was interrupted. Python's own code for an exception, 1, would mean fail: 3 is
        returned for whatever else is raised.

    Raises
    ------
    SystemExit
        With code 2 if nothing could be checked, and with 0 after ``--help`` and ``--version``.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser, check = parser_of()
    options = parser.parse_args(arguments)
    # The script `gradproof` has its own folder there, where nothing of the user's is.
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)

    from ._cli import commands, loading  # only now: --help need not wait for rich

    if options.command == "demo":
        return commands.demo()
    try:
        if options.command == "watch":
            from ._cli.watch import watch

            return watch(options)
        return commands.check(options)
    except loading.UsageError as err:
        check.error(str(err))
    except KeyboardInterrupt:
        print("interrupted before anything was measured", file=sys.stderr)
        return commands.INTERRUPTED
    except Exception:
        traceback.print_exc()
        return commands.RAISED


if __name__ == "__main__":
    raise SystemExit(main())
