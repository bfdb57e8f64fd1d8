"""The distances among very many layers, block by block."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from topocallback.compare.contents import CannotBeSeenError, digest_of
from topocallback.compare.environment import environment
from topocallback.compare.jobs import run_jobs
from topocallback.compare.store import Store, fingerprint
from topocallback.measures.base import Distance
from topocallback.measures.facts import LayerFacts
from topocallback.measures.noise import p_values_across, p_values_among, prepare_layer, spread_at_n
from topocallback.measures.pairs import distance_on_common_samples
from topocallback.measures.sign_flips import N_PARTS

__all__ = ["Distances", "all_distances"]

_LARGEST_BLOCK = 128
_FEWEST_BLOCKS_ACROSS = 8


class Distances(NamedTuple):
    """A distance between every two of N layers, and how sure it is: each (N, N) float64 and symmetric.

    Attributes:
        matrix: The distances, with a zero diagonal; NaN for layers that have no sample in common.
        p_values: Those of an unpaired distance; NaN where it was not tested.
        errors: The standard errors of a paired distance; NaN where they are not known.
    """

    matrix: NDArray[np.float64]
    p_values: NDArray[np.float64]
    errors: NDArray[np.float64]


def all_distances(
    layers: Sequence[LayerFacts],
    distance: Distance,
    *,
    store: Store | None = None,
    n_jobs: int | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Distances:
    """The distance between every two of N layers, block by block.

    Bit for bit what ``Distance.matrix`` gives, wherever the blocks are computed. A paired distance is taken on the
    samples that both layers have.

    Args:
        layers: N layers; of measures that need nothing else, ``LayerFacts.of_diagrams`` will do.
        distance: The distance. To be computed in other processes, it has to be importable there.
        store: Keeps the blocks of distances, and knows those that are done.
        n_jobs: How many blocks at once; see ``workers``.
        advance: Told after each block how many of how many are done.

    Returns:
        The distances, and how sure they are.

    Example:
        >>> from topocallback.measures import SlicedWasserstein
        >>> layers = [LayerFacts.of_diagrams([np.array([[0, death]])], (1,)) for death in (1.0, 2.0)]
        >>> all_distances(layers, SlicedWasserstein(homology_dim=1)).matrix.round(3)
        array([[0.   , 0.794],
               [0.794, 0.   ]])
    """
    store = store or Store(None)
    n = len(layers)
    found = Distances(*np.zeros((len(Distances._fields), n, n)))
    size = max(1, min(_LARGEST_BLOCK, n // _FEWEST_BLOCKS_ACROSS))
    slices = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    about, hashes = _seen(distance, [layers[part] for part in slices], store)
    pending: list[tuple[slice, slice, str | None]] = []
    done, total = 0, len(slices) * (len(slices) + 1) // 2
    for i, rows in enumerate(slices):
        for j, columns in enumerate(slices[: i + 1]):
            key = fingerprint({**about, "rows": hashes[i], "columns": hashes[j]}) if about else None
            block = store.block(key, (len(found), rows.stop - rows.start, columns.stop - columns.start))
            if block is not None:
                _put(found, rows, columns, block)
                done += 1
            else:
                pending.append((rows, columns, key))
    jobs = ((layers[rows], None if rows == columns else layers[columns], distance) for rows, columns, _ in pending)
    for (rows, columns, key), (block, problem) in zip(pending, run_jobs(_block, jobs, n_jobs), strict=True):
        _put(found, rows, columns, block)
        if problem is None:
            store.keep_block(key, block)
        else:  # it is tried again next time
            warnings.warn(f"{distance.describe().title}: {problem}", UserWarning, stacklevel=2)
        done += 1
        if advance is not None:
            advance(done, total)
    return found


def _block(
    rows: Sequence[LayerFacts], columns: Sequence[LayerFacts] | None, distance: Distance
) -> tuple[NDArray[np.float64], str | None]:
    """The fields of ``Distances``: each layer of one list against each of another, or without others among one list.

    With what kept the test from being done, or ``None``: a warning would be lost in another process.
    """
    block = np.full((len(Distances._fields), len(rows), len(rows if columns is None else columns)), np.nan)
    if distance.paired and not _have_the_same_samples([*rows, *(columns or ())]):
        block[0] = [[_on_common(distance, row, other) for other in columns or rows] for row in rows]
        return block, None
    ours = [prepare_layer(distance, layer) for layer in rows]
    theirs = None if columns is None else [prepare_layer(distance, layer) for layer in columns]
    block[0] = _matrix(distance, [layer.whole for layer in ours], theirs and [layer.whole for layer in theirs])
    try:
        if not distance.paired:
            block[1] = p_values_among(distance, ours) if theirs is None else p_values_across(distance, ours, theirs)
        elif all(len(layer.parts) for layer in [*ours, *(theirs or ())]):
            of_parts = [
                _matrix(distance, [layer.parts[k] for layer in ours], theirs and [layer.parts[k] for layer in theirs])
                for k in range(N_PARTS)
            ]
            block[2] = spread_at_n(np.array(of_parts), block[0], distance.behaves_as)
    except Exception as error:  # as in a snapshot, what fails on parts costs its test
        return block, f"It was measured, but not tested. {type(error).__name__}: {error}"
    return block, None


def _matrix(distance: Distance, rows: Sequence[Any], columns: Sequence[Any] | None) -> NDArray[np.float64]:
    if columns is None:
        return distance.matrix(rows)
    return np.array([[distance.between(row, other) for other in columns] for row in rows], dtype=np.float64)


def _have_the_same_samples(layers: Sequence[LayerFacts]) -> bool:
    return all(np.array_equal(layers[0].sample_ids, layer.sample_ids) for layer in layers[1:])


def _on_common(distance: Distance, first: LayerFacts, second: LayerFacts) -> float:
    if first is second:
        return 0.0
    found = distance_on_common_samples(distance, first, second) if first.n_points and second.n_points else None
    return np.nan if found is None else found


def _put(found: Distances, rows: slice, columns: slice, block: NDArray[np.float64]) -> None:
    for matrix, values in zip(found, block, strict=True):
        matrix[rows, columns] = values
        matrix[columns, rows] = values.T


def _seen(distance: Distance, slices: Sequence[Sequence[LayerFacts]], store: Store) -> tuple[dict[str, Any], list[str]]:
    """What a block depends on besides its layers, and a hash of each slice of these.

    Nothing, where nothing is kept or, which is said, something of it cannot be known.
    """
    if store.folder is None:
        return {}, []
    try:
        about = {"measure": digest_of(distance, distance.name), "environment": environment()}
        return about, [_hash_of(layers, distance) for layers in slices]
    except CannotBeSeenError as error:
        store.say_unkept("blocks", error)
        return {}, []


def _hash_of(layers: Sequence[LayerFacts], distance: Distance) -> str:
    """A hash of what the distance depends on: diagrams, or the clouds, whose they are and how they are seen."""
    digest = hashlib.sha256()
    for layer in layers:
        if distance.from_diagrams:
            parts = layer.parts(N_PARTS)
            counts = np.array([part.n_points for part in parts])
            arrays: list[NDArray[Any]] = [*layer.diagrams, *[each for part in parts for each in part.diagrams], counts]
        else:
            arrays = [layer.recorded, layer.sample_ids]
            digest.update(digest_of(layer.settings, "a layer").encode())
        for array in arrays:
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
