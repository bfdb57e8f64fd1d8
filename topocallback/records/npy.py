"""One array of an ``.npz`` file, of which everything is known before anything is allocated for it."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Sequence
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST_TEXT", "check_sizes", "read_member"]

LONGEST_TEXT = 1 << 23
"""Characters of one text. The facts of a snapshot of 300 layers are 180,000; lists in lists of as many as are allowed
take 200 MB."""

# What a file may hold: zeros shrink a thousandfold, and a file of 2 MB would take 2 GB. Snapshots shrink to between a
# half and a sixth, and the allowance is a matrix of 2,800 x 2,800 that is the same everywhere.
_ALLOWANCE = 1 << 26
_MOST_TIMES = 20
_CHUNK = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1
# Of the forms that there are, the one that NumPy gives every array of ours; NumPy's own reader evaluates Python, and
# warns of what it finds odd.
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    r"\{'descr': '([<>|][biufU]\d{1,10})', 'fortran_order': (True|False), "
    r"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), \} *\n"
)


class _Header(NamedTuple):
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    by_columns: bool

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def check_sizes(members: Sequence[zipfile.ZipInfo], file_size: int) -> None:
    """Refuse what a directory says of its files, before one of them is opened.

    Args:
        members: What the directory says.
        file_size: Bytes of the whole archive.

    Raises:
        ValueError: If there is more in it than a file of its size can hold, or two files have one name.
    """
    most = _ALLOWANCE + _MOST_TIMES * file_size
    if (total := sum(member.file_size for member in members)) > most:
        raise ValueError(f"it says to hold {total:,} bytes, more than the {most:,} of any file of its size")
    if len({member.filename for member in members}) < len(members):
        raise ValueError("it holds two arrays of one name")


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """An array from its file in an archive whose sizes were checked.

    Args:
        archive: The archive.
        member: What its directory says of the file.

    Returns:
        The array, of numbers, truth values or text.

    Raises:
        ValueError: If it is of another kind, or is not as large as archive and header say.
        Exception: What ``zipfile`` and ``zlib`` raise where the file is damaged.
    """
    if member.compress_type not in _METHODS or member.flag_bits & _ENCRYPTED:
        raise ValueError("it is compressed or encrypted in a way that arrays never are")
    with archive.open(member) as file:
        header, length = _header(file)
        if length + header.n_bytes != member.file_size:
            raise ValueError(f"it is {header.dtype} {header.shape} in {member.file_size - length} bytes")
        order = "F" if header.by_columns else "C"
        array: NDArray[Any] = np.empty(header.shape, header.dtype, order=order)  # type: ignore[call-overload]
        _fill(array, file)
    return array


def _header(file: IO[bytes]) -> tuple[_Header, int]:
    """What is at the beginning, and how long that is."""
    start = file.read(len(_MAGIC) + 2)
    if not start.startswith(_MAGIC):
        raise ValueError("it is no array")
    text = file.read(int.from_bytes(start[-2:], "little"))
    found = _HEADER.fullmatch(text.decode("latin-1"))
    if found is None:
        raise ValueError(f"it is of a kind that is never written: {text[:80]!r}")
    dtype, shape = np.dtype(found[1]), tuple(int(length) for length in found[3].split(",") if length.strip())
    if dtype.kind == "U" and dtype.itemsize > 4 * LONGEST_TEXT:
        raise ValueError(f"it holds texts of {dtype.itemsize // 4:,} characters")
    return _Header(dtype, shape, found[2] == "True"), len(start) + len(text)


def _fill(array: NDArray[Any], file: IO[bytes]) -> None:
    """To the end of the file, where its checksum is held against what was read."""
    rows = array.T if array.flags.f_contiguous else array
    room = rows.reshape(-1).view(np.uint8) if array.nbytes else np.empty(0, np.uint8)
    while len(room):
        read = file.read(min(_CHUNK, len(room)))
        if not read:
            raise ValueError("it ends too early")
        room[: len(read)] = np.frombuffer(read, np.uint8)
        room = room[len(read) :]
    if file.read(1):
        raise ValueError("it goes on behind its end")
