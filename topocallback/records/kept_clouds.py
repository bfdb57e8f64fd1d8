"""The clouds of one step that later steps are compared with, in half precision, and the file that holds them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topocallback.records.expected import Expected, take
from topocallback.records.point_clouds import PointClouds
from topocallback.records.schema import Stored, load_record, save_record

__all__ = ["KeptClouds"]

_LARGEST_EXPONENT = 15  # of what half precision holds, 65504

_IDS = Expected("iu", ("samples",), low=0)
_CLOUD = Expected("f", ("points", "width"), unknown=True)
_EXPONENTS = Expected("i", ("layers",))
_OWNERS = Expected("iu", ("points",), index_of="samples")


@dataclass(frozen=True, eq=False)
class KeptClouds:
    """One cloud per layer in half precision: two bytes a number, off by at most 0.05 % of it.

    Each layer is divided by a power of 2 that brings its largest number near the largest that half precision holds, so
    that no number is too large, and one is too small only if the largest is 1e11 times as large.

    Attributes:
        step: The step that the clouds are of.
        clouds: Layer to (n, d) float16, divided.
        exponents: Layer to the power of 2 by which it was divided.
        sample_ids: (n,) indices into the data set, ascending.
        owners: As in ``PointClouds``.
        digests: Layer to a hash of the cloud as it was before: whoever has the same one has the same cloud.

    Example:
        >>> kept = KeptClouds.of(PointClouds({"stem": np.array([[1.0, 1e6], [0.25, 3.0]])}), step=7)
        >>> kept, kept.cloud("stem").tolist()
        (KeptClouds(step 7, 1 layers, 8 bytes), [[1.0, 999936.0], [0.25, 3.0]])
    """

    step: int
    clouds: Mapping[str, NDArray[np.float16]]
    exponents: Mapping[str, int]
    sample_ids: NDArray[np.int64]
    owners: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, clouds: PointClouds, step: int, digests: Mapping[str, str] | None = None) -> KeptClouds:
        """Keep clouds.

        Args:
            clouds: The clouds; what is not finite stays so.
            step: Their step.
            digests: Layer to a hash of its cloud.
        """
        exponents = {layer: _exponent(cloud) for layer, cloud in clouds.clouds.items()}
        halves = {
            layer: np.ldexp(cloud, -exponents[layer]).astype(np.float16) for layer, cloud in clouds.clouds.items()
        }
        return cls(step, halves, exponents, np.asarray(clouds.sample_ids), dict(clouds.owners), dict(digests or {}))

    def __repr__(self) -> str:
        return f"KeptClouds(step {self.step}, {len(self.clouds)} layers, {self.n_bytes:,} bytes)"

    @property
    def n_bytes(self) -> int:
        """What the clouds take."""
        return sum(cloud.nbytes for cloud in self.clouds.values())

    def cloud(self, layer: str) -> NDArray[np.float32]:
        """(n, d) one layer's cloud, as far as half precision tells."""
        return np.asarray(np.ldexp(self.clouds[layer].astype(np.float32), self.exponents[layer]))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the clouds to one file, atomically.

        Args:
            path: Where to; missing folders are made.

        Raises:
            OSError: If the file cannot be written; no partial file stays behind.
        """
        layers = list(self.clouds)
        arrays: dict[str, NDArray[Any]] = {
            "sample_ids": self.sample_ids,
            "exponents": np.array([self.exponents[layer] for layer in layers], dtype=np.int64),
        }
        for i, layer in enumerate(layers):
            arrays[f"clouds/{i}"] = self.clouds[layer]
            if layer in self.owners:
                arrays[f"owners/{i}"] = self.owners[layer]
        return save_record(path, {"step": self.step, "layers": layers, "digests": dict(self.digests)}, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> KeptClouds:
        """Read clouds; nothing is ever unpickled.

        Args:
            path: A file written by ``save``.

        Raises:
            ValueError: If the file is not one, or is damaged.
            OSError: If the file cannot be opened.
        """
        return load_record(path, "kept clouds", cls._from_stored, lambda stored: stored)

    @classmethod
    def _from_stored(cls, stored: Stored) -> KeptClouds:
        arrays, layers = stored.arrays, stored.facts["layers"]
        lengths = {"layers": len(layers)}
        exponents = take(arrays, "exponents", _EXPONENTS, lengths).tolist()
        sample_ids = take(arrays, "sample_ids", _IDS, lengths)
        clouds, owners = {}, {}
        for i, layer in enumerate(layers):
            of_layer = {"samples": len(sample_ids)}
            if f"owners/{i}" in arrays:
                owners[layer] = take(arrays, f"owners/{i}", _OWNERS, of_layer)
            of_layer.setdefault("points", len(sample_ids))
            clouds[layer] = take(arrays, f"clouds/{i}", _CLOUD, of_layer)
        digests = {str(layer): str(digest) for layer, digest in dict(stored.facts["digests"]).items()}
        return cls(stored.facts["step"], clouds, dict(zip(layers, exponents, strict=True)), sample_ids, owners, digests)


def _exponent(cloud: NDArray[Any]) -> int:
    """The power of 2 to divide by; 0 where there is nothing to divide."""
    largest = float(np.max(np.abs(cloud), initial=0.0, where=np.isfinite(cloud)))
    return int(np.frexp(largest)[1]) - _LARGEST_EXPONENT if largest > 0 else 0
