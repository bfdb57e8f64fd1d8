"""Runs as one HTML file: the Topology tab's front end with its data inside, for a browser without server or network."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import warnings
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from topocallback.records.files import write_atomically
from topocallback.records.snapshot import History, Snapshot, archive_path
from topocallback.views.bundle import bundle
from topocallback.views.payload import encode
from topocallback.views.sprite import load_sprite

__all__ = ["find_archives", "write_report"]

_ARCHIVE = re.compile(r"topology(-v\d+)?")
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


def write_report(path: str | os.PathLike[str], output: str | os.PathLike[str]) -> Path:
    """Write the report of one or several runs.

    Args:
        path: A run's log directory, the ``topology`` folder in it, or a folder of several runs.
        output: The HTML file to write. An existing one is replaced.

    Returns:
        The HTML file.

    Raises:
        FileNotFoundError: If there is no snapshot below ``path``.
        ValueError: If none of them can be read.
        OSError: If the file cannot be written.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from topocallback import PointClouds, analyse
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = analyse(PointClouds({"stem": np.eye(5)})).save(f"{folder}/topology/step=0.npz")
        ...     write_report(folder, f"{folder}/report.html").stat().st_size > 10_000
        True
    """
    runs = {name: _run(folder) for name, folder in find_archives(path).items()}
    if not any(run["steps"] for run in runs.values()):
        raise ValueError(f"Expected at least one readable snapshot below {path}, got none.")
    front_end = Path(str(resources.files("topocallback.tensorboard_tab") / "static"))
    page = _PAGE.format(
        policy=_POLICY,
        title=html.escape(f"Topology of {', '.join(runs)}"),
        styles=(front_end / "style.css").read_text(encoding="utf-8"),
        data=_as_json({"runs": runs}),
        script=bundle(front_end),
    )
    return write_atomically(output, lambda file: file.write(page.encode("utf-8")))


def find_archives(path: str | os.PathLike[str]) -> dict[str, Path]:
    """The archives of the runs in a folder.

    Args:
        path: A run's log directory, the ``topology`` folder in it, or a folder of several runs.

    Returns:
        The runs' names, which are their log directories' relative to ``path``, and where their snapshots are. A run
        that was started again in the same directory has its archive's name behind it.

    Raises:
        FileNotFoundError: If there is no snapshot below ``path``.
    """
    given = Path(path)
    if not given.is_dir():
        raise FileNotFoundError(
            f"Expected a folder of runs, a run's log directory or its topology folder, got {given}."
        )
    top = given.resolve()
    if _ARCHIVE.fullmatch(top.name) and any(top.glob("step=*.npz")):
        return {_name(top, top.parent): top}
    folders = sorted({file.parent for file in top.rglob("step=*.npz") if _ARCHIVE.fullmatch(file.parent.name)})
    if not folders:
        raise FileNotFoundError(f"Expected snapshots (topology/step=<n>.npz) below {given}, got none.")
    return {_name(folder, top): folder for folder in folders}


def _name(archive: Path, top: Path) -> str:
    inside = archive.parent.relative_to(top).as_posix()
    run = top.name if inside == "." else inside
    return run if archive.name == "topology" else f"{run}/{archive.name}"


def _run(folder: Path) -> dict[str, Any]:
    """What the page knows of a run: the tab's answers, with what they lead to inside."""
    sprite = load_sprite(folder)
    steps = [_step(archive_path(folder, step)) for step in History(folder).steps]
    return {
        "steps": [step for step in steps if step is not None],
        "inputs": sprite and {"png": base64.b64encode(sprite.png).decode("ascii"), "meta": json.loads(sprite.facts)},
    }


def _step(path: Path) -> dict[str, Any] | None:
    """One step; ``None``, with a warning, for a file that cannot be read to its end, which must not cost the others."""
    try:
        snapshot = Snapshot.load(path)
    except (OSError, ValueError) as error:
        warnings.warn(f"Left out {path}: {error}", UserWarning, stacklevel=4)
        return None
    return {
        "step": snapshot.step,
        "wall_time": path.stat().st_mtime,
        "payload": base64.b64encode(encode(snapshot)).decode("ascii"),
    }


def _as_json(content: Mapping[str, Any]) -> str:
    """JSON without a character that HTML could take for the end of the data."""
    return json.dumps(content, allow_nan=False).replace("<", "\\u003c")
