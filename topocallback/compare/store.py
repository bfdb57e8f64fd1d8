"""What a comparison has computed, kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.files import read_arrays, save_arrays
from topocallback.records.snapshot import Snapshot

__all__ = ["Store", "fingerprint"]


class Store:
    """What has been computed, in a folder; without a folder nothing is kept.

    Files are written whole or not at all, and named by a hash of everything that they depend on: whatever is there is
    right, and an interrupted comparison goes on from it.

    Args:
        folder: Where to; ``None`` keeps nothing.
    """

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.folder = None if folder is None else Path(folder)

    def snapshot(self, key: str) -> Snapshot | None:
        """The snapshot under a key, if it is there and whole."""
        path = self._path("snapshots", key)
        try:
            return None if path is None or not path.exists() else Snapshot.load(path)
        except (OSError, ValueError):  # damaged: it is measured again
            return None

    def keep_snapshot(self, key: str, snapshot: Snapshot) -> None:
        """Keep a snapshot under a key."""
        if (path := self._path("snapshots", key)) is not None:
            snapshot.save(path)

    def block(self, key: str | None) -> NDArray[np.float64] | None:
        """The block of distances under a key, if it is there and whole."""
        path = self._path("blocks", key)
        try:
            return None if path is None or not path.exists() else read_arrays(path, "a block of distances")["distances"]
        except (OSError, ValueError, KeyError):  # damaged: it is computed again
            return None

    def keep_block(self, key: str | None, distances: NDArray[np.float64]) -> None:
        """Keep a block of distances under a key."""
        if (path := self._path("blocks", key)) is not None:
            save_arrays(path, {"distances": distances})

    def _path(self, kind: str, key: str | None) -> Path | None:
        return None if self.folder is None or key is None else self.folder / kind / f"{key}.npz"


def fingerprint(facts: Mapping[str, Any]) -> str:
    """A hash of facts that JSON can hold."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:32]
