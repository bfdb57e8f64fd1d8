"""The sheet of sampled inputs beside a run's snapshots."""

from __future__ import annotations

import warnings

from topocallback.records.files import write_atomically
from topocallback.records.left_out import LeftOutWarning
from topocallback.records.paths import PathLike, as_path, read_whole
from topocallback.records.sheet import check_sheet

__all__ = ["INPUT_FILES", "load_inputs", "save_inputs"]

_PICTURE, _PICTURE_FACTS = "inputs.png", "inputs.json"
INPUT_FILES = (_PICTURE, _PICTURE_FACTS)


def save_inputs(folder: PathLike, png: bytes, facts: str) -> None:
    """Write the sheet of sampled inputs beside a run's snapshots: ``inputs.png`` and ``inputs.json``.

    Args:
        folder: The archive; missing folders are made.
        png: The sheet.
        facts: JSON text that says which sample is where.

    Raises:
        OSError: If a file cannot be written.
    """
    write_atomically(as_path(folder) / _PICTURE, lambda file: file.write(png))
    write_atomically(as_path(folder) / _PICTURE_FACTS, lambda file: file.write(facts.encode("utf-8")))


def load_inputs(folder: PathLike) -> tuple[bytes, str] | None:
    """The sheet of sampled inputs beside a run's snapshots.

    Args:
        folder: The archive.

    Returns:
        The sheet and its JSON text, or ``None`` if there is none or it cannot be read.

    Warns:
        UserWarning: If there is one that cannot be read.
    """
    try:
        facts = read_whole(as_path(folder) / _PICTURE_FACTS).decode("utf-8")
        check_sheet(facts)
        picture = read_whole(as_path(folder) / _PICTURE)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        warnings.warn(f"Left out the sampled inputs in {folder}: {error}", LeftOutWarning, stacklevel=2)
        return None
    return picture, facts
