"""The command ``topocallback``: what one does with recorded runs and checkpoints, from a shell.

Exit codes: 0 all done; 1 done, but something was left out; 2 nothing could be done, or the command line is wrong; 3,
which ``findings`` alone has: an alert stands, so that a job can tell a broken network from a file that is left out.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any

from topocallback.records.wording import shown, shown_lines

__all__ = ["main"]

_COMPARE = "compare checkpoints or recorded runs, layer by layer"
_FINDINGS = "say what was found in runs, and whether something is broken"
_ABOUT_FINDINGS = """
Say what was found in runs: which layers have settled, are redundant or broken, which samples are odd. Exit code 0: all
was read, and no alert stands; 1: something was left out; 2: nothing could be read; 3: an alert stands.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Args:
        arguments: The command line without the command's name; by default the process's own.

    Returns:
        The exit code. Standard error says what was wrong, where that is known in one line.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        from jsonargparse import ArgumentParser
    except ModuleNotFoundError:
        return _fail("the command line needs a package: pip install 'topocallback[cli]'")
    from topocallback import __version__

    parser = ArgumentParser(prog="topocallback", description="The topology of a network's layers.", version=__version__)
    subcommands = parser.add_subcommands()
    _add_report(subcommands, ArgumentParser)
    _add_findings(subcommands, ArgumentParser)
    if "compare" not in given[:1]:  # what it needs takes seconds to import
        subcommands.add_subcommand("compare", ArgumentParser(), help=_COMPARE)
        return _run(parser, given, _findings if "findings" in given[:1] else _report)
    from topocallback.cli import compare as compare_command

    try:
        given = compare_command.add_to(subcommands, given, _COMPARE)
    except compare_command.UsageError as error:
        return _fail(str(error))
    return _run(parser, given, compare_command.run)


def _run(parser: Any, arguments: list[str], command: Any) -> int:
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:  # wrong arguments, or --help
        return int(stop.code or 0)
    try:
        return int(command(parser.instantiate(options)[options.subcommand]))
    except Exception:  # a crash must not look like 1, which is for what was done in part
        traceback.print_exc()
        return 2


def _add_report(subcommands: Any, new_parser: Any) -> None:
    parser = new_parser(description="Write runs as one HTML file that opens without a server or network.")
    parser.add_argument("run_dir", type=str, help="a run's log directory, its topology folder, or a folder of runs")
    parser.add_argument("-o", "--output", type=str, default="report.html", help="the HTML file to write")
    subcommands.add_subcommand("report", parser, help="write runs as one HTML file")


def _add_findings(subcommands: Any, new_parser: Any) -> None:
    parser = new_parser(description=_ABOUT_FINDINGS)
    parser.add_argument("run_dir", type=str, help="a run's log directory, its topology folder, or a folder of runs")
    parser.add_argument("--json", action="store_true", help="as JSON, with the evidence")
    parser.add_argument("--verbose", action="store_true", help="also when each is said, and the numbers behind it")
    subcommands.add_subcommand("findings", parser, help=_FINDINGS)


def _findings(options: Any) -> int:
    from topocallback.cli import findings

    try:
        return findings.run(options.run_dir, as_json=options.json, verbose=options.verbose)
    except (OSError, ValueError) as error:
        return _fail(str(error))


def _report(options: Any) -> int:
    from topocallback.cli.lines import warnings_as_lines
    from topocallback.findings.report import write_report
    from topocallback.records.left_out import LeftOutWarning

    try:
        with warnings_as_lines() as said:
            written = write_report(options.run_dir, options.output)
    except (OSError, ValueError) as error:
        return _fail(str(error))
    print(f"{shown(str(written))} ({written.stat().st_size / 1e6:.1f} MB)")
    return int(any(issubclass(category, LeftOutWarning) for category in said))


def _fail(message: str) -> int:
    print(shown_lines(f"topocallback: {message}"), file=sys.stderr)
    return 2
