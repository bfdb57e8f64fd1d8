"""The report of runs, with what was found in them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from topocallback.findings.step_by_step import StepByStep
from topocallback.records.left_out import LeftOutWarning
from topocallback.views import report

__all__ = ["write_report"]


def write_report(path: str | os.PathLike[str], output: str | os.PathLike[str]) -> Path:
    """Write the report of one or several runs; each step says what was found until then.

    Args:
        path: A run's log directory, the ``topology`` folder in it, or a folder of several runs, on a disk or in a
            store, such as ``s3://bucket/logs``.
        output: The HTML file to write. An existing one is replaced.

    Returns:
        The HTML file.

    Raises:
        FileNotFoundError: If there is no snapshot below ``path``.
        ValueError: If none of them can be read.
        OSError: If the file cannot be written.

    Warns:
        UserWarning: For what cannot be read or found and is left out, and for runs that were not recorded alike.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from topocallback import PointClouds, analyse
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = analyse(PointClouds({"stem": np.eye(5)})).save(f"{folder}/topology/step=0.npz")
        ...     write_report(folder, f"{folder}/report.html").stat().st_size > 10_000
        True
    """
    return report.write_report(path, output, findings_of_run=_step_by_step)


def _step_by_step(run: str) -> StepByStep:
    return StepByStep(lambda sentence: warnings.warn(f"{run}: {sentence}", LeftOutWarning, stacklevel=3))
