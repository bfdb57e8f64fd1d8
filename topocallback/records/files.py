"""Writing arrays to one file, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["save_arrays", "write_atomically"]


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Write arrays to one compressed ``.npz`` file without pickled objects: a reader sees the whole file or none.

    Args:
        path: Where to; missing folders are made.
        arrays: Name to array.

    Returns:
        The path.

    Raises:
        ValueError: If an array holds objects.
        OSError: If the file cannot be written; no partial file stays behind.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with np.load(save_arrays(f"{folder}/new/file.npz", {"a": np.arange(3)})) as file:
        ...         file["a"]
        array([0, 1, 2])
    """
    # Older versions of NumPy cannot be told to refuse them when it saves.
    if pickled := [name for name, array in arrays.items() if np.asarray(array).dtype.hasobject]:
        raise ValueError(f"Expected arrays of numbers, got object arrays: {pickled}.")
    return write_atomically(path, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]


def write_atomically(path: str | os.PathLike[str], write: Callable[[IO[bytes]], object]) -> Path:
    """Let ``write`` fill a file under a temporary name, and give it its own name when it is whole.

    Args:
        path: Where to; missing folders are made.
        write: A function of one binary file.

    Returns:
        The path.

    Raises:
        OSError: If the file cannot be written; no partial file stays behind.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target
