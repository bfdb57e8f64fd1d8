"""Many independent pieces of work as joblib tasks, and what they gave, kept on disk.

joblib decides where a task runs: in threads of this process by default, or wherever
``joblib.parallel_config(backend=...)`` says (other processes, a Dask or a Ray cluster). A task is a function of arrays,
so that its result is the same everywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import joblib
import numpy as np
from numpy.typing import NDArray

from topocallback.measures.parallel import available_threads
from topocallback.measures.topology.diagrams import DISTANCES, DiagramDistance, block_distances, resolve_distance
from topocallback.measures.topology.rips import Diagram
from topocallback.records.files import save_arrays
from topocallback.records.snapshot import Snapshot

__all__ = ["Store", "all_distances", "fingerprint", "run_tasks", "workers"]

_LARGEST_BLOCK = 128
_FEWEST_BLOCKS_ACROSS = 8

Result = TypeVar("Result")


def workers(n_jobs: int | None) -> int:
    """How many tasks run at once.

    Args:
        n_jobs: As in joblib. ``None``: what ``joblib.parallel_config`` says; where that says nothing, as many threads
            as the process has cores, at most 4.
    """
    if n_jobs is not None:
        return int(joblib.effective_n_jobs(n_jobs))
    configured = int(joblib.effective_n_jobs(None))
    return configured if configured > 1 else available_threads()


def run_tasks(
    function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], n_jobs: int | None = None
) -> Iterator[Result]:
    """``function(*arguments)`` of each, in their order, as they come.

    Args:
        function: A function that can be pickled.
        arguments: Its arguments, read as they are needed.
        n_jobs: How many at once; see ``workers``.

    Yields:
        The results.

    Example:
        >>> list(run_tasks(divmod, [(7, 2), (9, 4)]))
        [(3, 1), (2, 1)]
    """
    parallel = joblib.Parallel(n_jobs=workers(n_jobs), prefer="threads", return_as="generator")
    yield from parallel(joblib.delayed(function)(*each) for each in arguments)


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
        if path is None or not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as archive:
                return np.asarray(archive["distances"])
        except Exception:  # damaged files have no common error; the block is computed again
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


def all_distances(
    diagrams: Sequence[Diagram],
    measure: str | DiagramDistance,
    options: Mapping[str, Any] | None = None,
    *,
    store: Store | None = None,
    n_jobs: int | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """The distance between every two of N diagrams, block by block.

    Bit for bit what ``pairwise_distances`` gives, wherever the blocks are computed.

    Args:
        diagrams: N diagrams of shape (bars, 2), of one homology dimension.
        measure: A named distance, or a ``DiagramDistance``.
        options: Options of a named distance.
        store: Keeps the blocks of named distances, and knows those that are done.
        n_jobs: How many blocks at once; see ``workers``.
        advance: Told after each block how many of how many are done.

    Returns:
        (N, N) float64, symmetric, zero diagonal.

    Example:
        >>> all_distances([np.array([[0, 1.0]]), np.array([[0, 2.0]])], "sliced_wasserstein").round(3)
        array([[0.   , 0.794],
               [0.794, 0.   ]])
    """
    store = store or Store(None)
    options = dict(options or {})
    n = len(diagrams)
    matrix = np.zeros((n, n))
    size = max(1, min(_LARGEST_BLOCK, n // _FEWEST_BLOCKS_ACROSS))
    slices = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    hashes = [_hash_of(diagrams[part]) for part in slices]
    pending: list[tuple[slice, slice, str | None]] = []
    done, total = 0, len(slices) * (len(slices) + 1) // 2
    for i, rows in enumerate(slices):
        for j, columns in enumerate(slices[: i + 1]):
            key = _block_key(measure, options, hashes[i], hashes[j])
            block = store.block(key)
            if block is not None and block.shape == (rows.stop - rows.start, columns.stop - columns.start):
                _put(matrix, rows, columns, block)
                done += 1
            else:
                pending.append((rows, columns, key))
    tasks = (
        (diagrams[rows], None if rows == columns else diagrams[columns], measure, options)
        for rows, columns, _ in pending
    )
    for (rows, columns, key), block in zip(pending, run_tasks(_block, tasks, n_jobs), strict=True):
        _put(matrix, rows, columns, block)
        store.keep_block(key, block)
        done += 1
        if advance is not None:
            advance(done, total)
    return matrix


def _block(
    rows: Sequence[Diagram],
    columns: Sequence[Diagram] | None,
    measure: str | DiagramDistance,
    options: Mapping[str, Any],
) -> NDArray[np.float64]:
    """One block; a named distance is resolved where the task runs, because its parts need not pickle."""
    distance = resolve_distance(measure, **options)
    return block_distances(rows, rows if columns is None else columns, distance)


def _put(matrix: NDArray[np.float64], rows: slice, columns: slice, block: NDArray[np.float64]) -> None:
    matrix[rows, columns] = block
    matrix[columns, rows] = block.T


def _hash_of(diagrams: Sequence[Diagram]) -> str:
    digest = hashlib.sha256()
    for diagram in diagrams:
        digest.update(str(diagram.shape).encode())
        digest.update(np.ascontiguousarray(diagram).tobytes())
    return digest.hexdigest()


def _block_key(measure: str | DiagramDistance, options: Mapping[str, Any], rows: str, columns: str) -> str | None:
    """``None`` for a function of the user's own, which can change under the same name."""
    if not isinstance(measure, str) or measure not in DISTANCES:
        return None
    return fingerprint({"measure": measure, "options": dict(options), "rows": rows, "columns": columns})
