"""What a comparison has computed, kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.expected import Expected, take
from topocallback.records.files import read_arrays, save_arrays
from topocallback.records.snapshot import Snapshot

__all__ = ["Store", "fingerprint"]


class Store:
    """What has been computed, in a folder; without a folder nothing is kept.

    Files are written whole or not at all, and named by a hash of everything that they depend on; each holds a seal of
    its name and content, so that one that was renamed, changed or damaged is computed again. An interrupted comparison
    goes on from what is there. Several may do so at once.

    A file that cannot be written costs a warning, once, and nothing else.

    Args:
        folder: Where to; ``None`` keeps nothing.

    Warns:
        UserWarning: For what cannot be kept; each reason once.
    """

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.folder = None if folder is None else Path(folder)
        self._said: set[str] = set()

    def say_unkept(self, what: str, reason: object) -> None:
        """Say, once, why something cannot be kept.

        Args:
            what: What it is, such as ``"snapshots"``.
            reason: Why, as a clause.
        """
        if self.folder is None:
            return
        message = f"Not all {what} are kept in {self.folder}, and the next comparison computes them again: {reason}."
        if message not in self._said:
            self._said.add(message)
            warnings.warn(message, UserWarning, stacklevel=2)

    def snapshot(self, key: str | None) -> Snapshot | None:
        """The snapshot under a key, if it is there and whole."""
        path = self._path("snapshots", key)
        try:
            return None if path is None or not _is_sealed(path) else Snapshot.load(path)
        except (OSError, ValueError):  # damaged: it is measured again
            return None

    def snapshot_keys(self) -> frozenset[str]:
        """The keys under which there may be a snapshot; ``snapshot`` tells whether it is whole."""
        return frozenset() if self.folder is None else frozenset(path.stem for path in self._listed("snapshots"))

    def keep_snapshot(self, key: str | None, snapshot: Snapshot) -> None:
        """Keep a snapshot under a key."""
        self._keep("snapshots", key, snapshot.save)

    def block(self, key: str | None, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
        """The block of distances under a key, if it is there, whole and of a shape."""
        path = self._path("blocks", key)
        try:
            if path is None or not _is_sealed(path):
                return None
            found = take(read_arrays(path, "a block of distances"), "distances", Expected("f", shape, unknown=True))
        except (OSError, ValueError):  # damaged: it is computed again
            return None
        return None if np.isnan(found[0]).any() else found

    def keep_block(self, key: str | None, distances: NDArray[np.float64]) -> None:
        """Keep a block of distances under a key, unless one of the distances is missing."""
        if not np.isnan(distances[0]).any():
            self._keep("blocks", key, lambda path: save_arrays(path, {"distances": distances}))

    def _listed(self, kind: str) -> list[Path]:
        try:
            return [] if self.folder is None else list((self.folder / kind).glob("[!.]*.npz"))
        except OSError:
            return []

    def _path(self, kind: str, key: str | None) -> Path | None:
        return None if self.folder is None or key is None else self.folder / kind / f"{key}.npz"

    def _keep(self, kind: str, key: str | None, save: Callable[[Path], object]) -> None:
        path = self._path(kind, key)
        if path is None:
            return
        new = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.new")  # two comparisons may write it at once
        try:
            save(new)
            _seal(new, path.stem)
            os.replace(new, path)
        except OSError as error:
            self.say_unkept(kind, error.strerror or error)
        finally:
            _remove(new)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # in a folder that is none, say
        return


def _seal(path: Path, key: str) -> None:
    """Note at the end of a file what it is called, and what is in it."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = _seal_of(archive, key)


def _is_sealed(path: Path) -> bool:
    """Whether a file is there, and what it was when it was sealed, under the same name."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.comment == _seal_of(archive, path.stem)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, EOFError):
        return False


def _seal_of(archive: zipfile.ZipFile, key: str) -> bytes:
    members = [(each.filename, each.CRC, each.file_size) for each in archive.infolist()]
    return fingerprint({"key": key, "members": members}).encode()


def fingerprint(facts: Mapping[str, Any]) -> str:
    """A hash of facts that JSON can hold."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:32]
