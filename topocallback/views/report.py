"""Runs as one HTML file: the Topology tab's front end with its data inside, for a browser without server or network."""

from __future__ import annotations

import base64
import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from topocallback.records.files import write_atomically
from topocallback.records.finding import Finding
from topocallback.records.history import History
from topocallback.records.html import escape
from topocallback.records.inputs import load_inputs
from topocallback.records.left_out import LeftOutWarning
from topocallback.records.paths import modified
from topocallback.records.recorded import not_alike
from topocallback.records.runs import find_runs
from topocallback.records.snapshot import Snapshot
from topocallback.views.bundle import bundle
from topocallback.views.payload import encode

__all__ = ["write_report"]

# A browser then refuses whatever would leave the page, should a mistake of ours ever ask for it.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
{styles}
</style>
</head>
<body>
<script type="application/json" id="topology-data">{data}</script>
<script type="module">
{script}
entry.render();
</script>
</body>
</html>
"""


_FindingsOfStep = Callable[[Snapshot], Sequence[Finding]]


def write_report(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    findings_of_run: Callable[[str], _FindingsOfStep] | None = None,
) -> Path:
    """Write the report of one or several runs.

    Args:
        path: A run's log directory, the ``topology`` folder in it, or a folder of several runs, on a disk or in a
            store, such as ``s3://bucket/logs``.
        output: The HTML file to write. An existing one is replaced.
        findings_of_run: Called with every run's name, for what is then called with its snapshots, one after the other,
            and gives what was found until then. By default the page has no findings; that of
            ``topocallback.findings.report`` has.

    Returns:
        The HTML file.

    Raises:
        FileNotFoundError: If there is no snapshot below ``path``.
        ValueError: If none of them can be read.
        OSError: If the file cannot be written.

    Warns:
        UserWarning: For what cannot be read and is left out, and for runs that were not recorded alike. The page says
            how each step was recorded.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from topocallback import PointClouds, analyse
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = analyse(PointClouds({"stem": np.eye(5)})).save(f"{folder}/topology/step=0.npz")
        ...     write_report(folder, f"{folder}/report.html").stat().st_size > 10_000
        True
    """
    histories = {name: History(folder) for name, folder in find_runs(path).items()}
    runs = {
        name: _run(history, None if findings_of_run is None else findings_of_run(name))
        for name, history in histories.items()
    }
    if not any(run["steps"] for run in runs.values()):
        raise ValueError(f"Expected at least one readable snapshot below {path}, got none.")
    recorded = {name: how for name, history in histories.items() if (how := history.how_recorded) is not None}
    if difference := not_alike(recorded):
        warnings.warn(f"The report's runs were not recorded alike: {difference}.", UserWarning, stacklevel=2)
    front_end = Path(str(resources.files("topocallback.tensorboard_tab") / "static"))
    page = _PAGE.format(
        policy=_POLICY,
        title=escape(f"Topology of {', '.join(runs)}"),
        styles=(front_end / "style.css").read_text(encoding="utf-8"),
        data=_as_json({"runs": runs}),
        script=bundle(front_end),
    )
    return write_atomically(output, lambda file: file.write(page.encode("utf-8")))


def _step(path: Path, snapshot: Snapshot, findings: _FindingsOfStep | None) -> dict[str, Any] | None:
    """What the page knows of a step; nothing, with a warning, of one that cannot be shown."""
    try:
        payload = encode(snapshot, None if findings is None else findings(snapshot))
    except Exception as error:  # whatever is in its file
        message = f"Left out {path}, which cannot be shown: {type(error).__name__}: {error}"
        warnings.warn(message, LeftOutWarning, stacklevel=3)
        return None
    return {
        "step": snapshot.step,
        "wall_time": modified(path),
        "payload": base64.b64encode(payload).decode("ascii"),
    }


def _run(history: History, findings: _FindingsOfStep | None) -> dict[str, Any]:
    """What the page knows of a run: the tab's answers, with what they lead to inside."""
    inputs = load_inputs(history.folder)
    return {
        "steps": [step for each in history.readable() if (step := _step(*each, findings)) is not None],
        "inputs": inputs and {"png": base64.b64encode(inputs[0]).decode("ascii"), "meta": json.loads(inputs[1])},
    }


def _as_json(content: Mapping[str, Any]) -> str:
    """JSON without a character that HTML could take for the end of the data."""
    return json.dumps(content, allow_nan=False).replace("<", "\\u003c")
