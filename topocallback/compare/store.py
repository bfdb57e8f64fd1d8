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
from topocallback.records.point_clouds import PointClouds
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

    def clouds(self, key: str) -> PointClouds | None:
        """The point clouds under a key, if they are there and whole."""
        found = self._arrays("clouds", key)
        if found is None or "layers" not in found:
            return None
        layers = [str(layer) for layer in found["layers"]]
        return PointClouds(
            {layer: found[f"clouds/{i}"] for i, layer in enumerate(layers)},
            sample_ids=found["sample_ids"],
            labels=found.get("labels"),
            owners={layer: found[name] for i, layer in enumerate(layers) if (name := f"owners/{i}") in found},
        )

    def keep_clouds(self, key: str, clouds: PointClouds) -> None:
        """Keep point clouds under a key: measures that need more than diagrams are taken of them."""
        if (path := self._path("clouds", key)) is not None:
            arrays = {"layers": np.array(clouds.layers), "sample_ids": np.asarray(clouds.sample_ids)}
            arrays |= {} if clouds.labels is None else {"labels": clouds.labels}
            arrays |= {f"clouds/{i}": cloud for i, cloud in enumerate(clouds.values())}
            arrays |= {f"owners/{clouds.layers.index(layer)}": owners for layer, owners in clouds.owners.items()}
            save_arrays(path, arrays)

    def block(self, key: str | None) -> NDArray[np.float64] | None:
        """The block of distances under a key, if it is there and whole."""
        found = self._arrays("blocks", key)
        return None if found is None else np.asarray(found.get("distances"))

    def keep_block(self, key: str | None, distances: NDArray[np.float64]) -> None:
        """Keep a block of distances under a key."""
        if (path := self._path("blocks", key)) is not None:
            save_arrays(path, {"distances": distances})

    def _arrays(self, kind: str, key: str | None) -> dict[str, NDArray[Any]] | None:
        """What is in a file; nothing of one that is missing or damaged, which is then computed again."""
        path = self._path(kind, key)
        try:
            return None if path is None or not path.exists() else dict(read_arrays(path, f"{kind} of a comparison"))
        except (OSError, ValueError):
            return None

    def _path(self, kind: str, key: str | None) -> Path | None:
        return None if self.folder is None or key is None else self.folder / kind / f"{key}.npz"


def fingerprint(facts: Mapping[str, Any]) -> str:
    """A hash of facts that JSON can hold."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:32]
