"""The command line: ``topocallback compare ...``.

Exit codes: 0 all done; 1 done, but something was left out; 2 nothing could be done, or the command line is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Args:
        arguments: The command line without the program's name; by default that of the process.

    Returns:
        The exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        from jsonargparse import ArgumentParser
    except ModuleNotFoundError:
        print("The command line needs jsonargparse: pip install 'topocallback[cli]'", file=sys.stderr)
        return 2
    from topocallback import __version__, compare_command

    # A console script does not look for modules where it is started, and `--model my_model.Classifier` is there.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    parser = ArgumentParser(prog="topocallback", description="The topology of a network's layers.", version=__version__)
    subcommands = parser.add_subcommands()
    try:
        given = compare_command.add_to(subcommands, given)
        options = parser.parse_args(given)
    except SystemExit as stop:  # wrong arguments, or --help
        return int(stop.code or 0)
    except compare_command.UsageError as error:
        print(f"topocallback: {error}", file=sys.stderr)
        return 2
    return compare_command.run(parser.instantiate(options)[options.subcommand])
