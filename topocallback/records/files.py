"""Arrays in one file: written whole or not at all, and read without trusting what is in it."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.npy import check_sizes, read_member
from topocallback.records.paths import as_path, is_local, opened, write_whole

__all__ = ["Arrays", "damaged_or_foreign", "read_arrays", "save_arrays", "write_atomically"]

_ENDING = ".npy"


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
        ...     read_arrays(save_arrays(f"{folder}/new/file.npz", {"a": np.arange(3)}), "numbers")["a"]
        array([0, 1, 2])
    """
    # Older versions of NumPy cannot be told to refuse them when it saves.
    if pickled := [name for name, array in arrays.items() if np.asarray(array).dtype.hasobject]:
        raise ValueError(f"Expected arrays of numbers, got object arrays: {pickled}.")
    return write_atomically(path, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]


def write_atomically(path: str | os.PathLike[str], write: Callable[[IO[bytes]], object]) -> Path:
    """Let ``write`` fill a file under a temporary name, and give it its own name when it is whole.

    Args:
        path: Where to; missing folders are made. A store takes an object whole, under its own name.
        write: A function of one binary file.

    Returns:
        The path.

    Raises:
        OSError: If the file cannot be written; no partial file stays behind.
    """
    target = as_path(path)
    if not is_local(target):
        content = io.BytesIO()
        write(content)
        write_whole(target, content.getvalue())
        return target
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


class Arrays(Mapping[str, NDArray[Any]]):
    """The arrays of one file; asking for one that is damaged raises.

    Args:
        content: Name to array, or to what went wrong when it was read.

    Example:
        >>> arrays = Arrays({"a": np.arange(3), "b": ValueError("Bad CRC-32")})
        >>> arrays["a"], list(arrays.damaged)
        (array([0, 1, 2]), ['b'])
        >>> arrays["b"]
        Traceback (most recent call last):
        ValueError: its array 'b' is damaged: Bad CRC-32
    """

    def __init__(self, content: Mapping[str, NDArray[Any] | Exception]) -> None:
        self._content = dict(content)

    def __getitem__(self, name: str) -> NDArray[Any]:
        found = self._content[name]
        if isinstance(found, Exception):
            # No KeyError: to `get`, an array that is damaged is not one that was never there.
            raise ValueError(f"its array {name!r} is damaged: {found}") from found
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._content

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    @property
    def damaged(self) -> dict[str, Exception]:
        """The arrays that cannot be read, and why."""
        return {name: found for name, found in self._content.items() if isinstance(found, Exception)}

    def renamed(self, names: Mapping[str, str]) -> Arrays:
        """The same arrays, some under other names."""
        return Arrays({names.get(name, name): found for name, found in self._content.items()})

    def only(self, names: Collection[str]) -> Arrays:
        """Those of the arrays that have one of these names."""
        return Arrays({name: found for name, found in self._content.items() if name in names})

    def joined_by(self, more: Mapping[str, NDArray[Any] | Exception]) -> Arrays:
        """These arrays and some more."""
        return Arrays({**self._content, **more})


def read_arrays(path: str | os.PathLike[str], what: str, only: Collection[str] | None = None) -> Arrays:
    """Read the arrays of a file; nothing is ever unpickled, and the file is closed on every path.

    What NumPy, zipfile and zlib raise on damaged files has no common base. Here it becomes one sentence.

    Args:
        path: A file written by ``save_arrays``.
        what: What is expected in it, for the message: ``"a snapshot"``.
        only: The names to read; by default all.

    Returns:
        The arrays. One that is damaged by itself costs the others nothing: it raises when it is asked for.

    Raises:
        ValueError: If the file is no archive of arrays, or would take much more memory than room on the disk.
        OSError: If the file cannot be opened.
    """
    with opened(as_path(path)) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                check_sizes(members, file.seek(0, os.SEEK_END))
                named = {member.filename.removesuffix(_ENDING): member for member in members}
                return Arrays(
                    {name: _read(archive, member) for name, member in named.items() if only is None or name in only}
                )
        except Exception as error:
            raise damaged_or_foreign(path, what, error) from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any] | Exception:
    try:
        return read_member(archive, member)
    except Exception as error:
        return error


def damaged_or_foreign(path: str | os.PathLike[str], what: str, error: Exception) -> ValueError:
    """The error that says that a file does not hold what was expected.

    Args:
        path: The file.
        what: What was expected in it: ``"a snapshot"``.
        error: What went wrong.
    """
    reason = f"it has no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
    return ValueError(f"Expected {what} in {path}, got a damaged or foreign file ({reason}).")
