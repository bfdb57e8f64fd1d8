"""What was found in a run, told at its end: a table that fits on a screen."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topocallback.records.archive import run_directory
from topocallback.records.finding import Finding
from topocallback.records.wording import shown

__all__ = ["as_text", "print_findings"]

_MOST_LINES = 24
_WIDEST = 100
_LINES_OF_ONE = 6  # at most
_TITLES = "Question", "Answer"


@dataclass(frozen=True)
class _Row:
    """One finding, wrapped."""

    question: list[str]
    statement: list[str]
    is_alert: bool

    @property
    def height(self) -> int:
        return max(len(self.question), len(self.statement))


def print_findings(findings: Sequence[Finding], archive: Path | None = None) -> None:
    """Print a run's findings, by rich where it is installed.

    Args:
        findings: What was found, alerts first.
        archive: Where the run's snapshots are, if they are on disk: the command that shows all findings is named.
    """
    width = min(shutil.get_terminal_size((_WIDEST, _MOST_LINES)).columns, _WIDEST)
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        console: Any = None
    else:
        console = Console(width=width) if findings and encoding.lower().startswith("utf") else None
    if console is None:  # what a terminal cannot show is escaped
        print(as_text(findings, archive, width).encode(encoding, "backslashreplace").decode(encoding))
    else:
        _print_table(console, findings, archive, width)


def as_text(findings: Sequence[Finding], archive: Path | None = None, width: int = _WIDEST) -> str:
    """A run's findings in plain text: at most 24 lines.

    Args:
        findings: What was found, alerts first.
        archive: Where the run's snapshots are, if they are on disk.
        width: Letters in a line; names that cannot be broken may take more.

    Returns:
        Two columns: the question and the answer, alerts first; then where the others are, or all of them again.

    Example:
        >>> finding = Finding("Are there NaN?", ("head",), "Layer 'head' holds NaN.", {}, 0.0, is_alert=True)
        >>> print(as_text([finding], Path("logs/topology"), width=60))
        TopologyMonitor found:
        Are there NaN?       ALERT: Layer 'head' holds NaN.
        With their evidence: topocallback findings logs
    """
    if not findings:
        return f"TopologyMonitor: no findings{_where(archive, ': ')}."
    of_question, of_statement = _columns(width - 2)
    rows, left_out = _fitted(findings, of_question, of_statement, _MOST_LINES - 2)
    lines = ["TopologyMonitor found:"]
    for row in rows:
        for at in range(row.height):
            question, statement = _line(row.question, at), _line(row.statement, at)
            lines.append(f"{question:<{of_question}}  {statement}".rstrip())
    return "\n".join([*lines, *_last_line(left_out, archive)])


def _print_table(console: Any, findings: Sequence[Finding], archive: Path | None, width: int) -> None:
    from rich.table import Table
    from rich.text import Text

    of_question, of_statement = _columns(width - 7)  # borders and the room beside them
    rows, left_out = _fitted(findings, of_question, of_statement, _MOST_LINES - 6)  # borders, titles, last line, room
    table = Table(*_TITLES, header_style="bold")
    for row in rows:
        # Not markup: a layer may be called [red].
        cells = (Text("\n".join(lines)) for lines in (row.question, row.statement))
        table.add_row(*cells, style="bold red" if row.is_alert else None)
    console.print(table)
    for line in _last_line(left_out, archive):
        console.print(Text(line), soft_wrap=True)


def _columns(width: int) -> tuple[int, int]:
    of_question = max(10, width // 3)
    return of_question, max(10, width - of_question)


def _fitted(
    findings: Sequence[Finding], of_question: int, of_statement: int, most_lines: int
) -> tuple[list[_Row], int]:
    """The first findings that there is room for, and how many others there are."""
    rows: list[_Row] = []
    for finding in findings:
        row = _Row(
            _wrapped(finding.question, of_question),
            _wrapped(f"{'ALERT: ' if finding.is_alert else ''}{finding.statement}", of_statement),
            finding.is_alert,
        )
        if rows and sum(each.height for each in rows) + row.height > most_lines:
            break
        rows.append(row)
    return rows, len(findings) - len(rows)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(shown(text), width, max_lines=_LINES_OF_ONE, placeholder=" ...")


def _line(lines: Sequence[str], at: int) -> str:
    return lines[at] if at < len(lines) else ""


def _last_line(left_out: int, archive: Path | None) -> list[str]:
    if left_out:
        return [f"and {left_out} more{_where(archive, ': ') or ', which `TopologyMonitor.findings` has'}"]
    return [f"With their evidence{_where(archive, ': ')}"] if archive is not None else []


def _where(archive: Path | None, before: str) -> str:
    if archive is None:
        return ""
    return f"{before}topocallback findings {shlex.quote(shown(str(run_directory(archive))))}"
