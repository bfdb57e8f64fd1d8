"""The command ``topocallback``: what one does with recorded runs, from a shell."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Args:
        arguments: The command line without the command's name; by default the process's own.

    Returns:
        The exit code: 0, or 2 if what was asked for cannot be done, which standard error says in one line.
    """
    try:
        from jsonargparse import ArgumentParser
    except ModuleNotFoundError:
        return _fail("the command line needs a package: pip install 'topocallback[cli]'")
    parser = ArgumentParser(prog="topocallback", description="The topology of a network's layers, from recorded runs.")
    subcommands = parser.add_subcommands()
    report = ArgumentParser(description="Write runs as one HTML file that opens without a server or network.")
    report.add_argument("run_dir", type=str, help="a run's log directory, its topology folder, or a folder of runs")
    report.add_argument("-o", "--output", type=str, default="report.html", help="the HTML file to write")
    subcommands.add_subcommand("report", report, help="write runs as one HTML file")
    options = parser.parse_args(arguments)
    commands = {"report": _report}
    try:
        commands[options.subcommand](options[options.subcommand])
    except (OSError, ValueError) as error:
        return _fail(str(error))
    return 0


def _report(options: Any) -> None:
    from topocallback.views.report import write_report

    written = write_report(options.run_dir, options.output)
    print(f"{written} ({written.stat().st_size / 1e6:.1f} MB)")


def _fail(message: str) -> int:
    print(f"topocallback: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
