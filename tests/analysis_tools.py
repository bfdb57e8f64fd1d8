"""Clouds and numbers for tests of what an analysis says."""

import dataclasses

import numpy as np
import persim
from ripser import ripser

from topocallback.records.point_clouds import PointClouds

SLICED = "sliced_wasserstein"
SINGLE = 1e-6  # what is left of the digits where a backend computes in single precision
OF_DISTANCES = ("matrix", "noise", "sizes", "p_values", "drift", "drift_from_reference")


def random_clouds(layers="abc", n=40, seed=0, **fields):
    rng = np.random.default_rng(seed)
    return PointClouds({layer: rng.normal(size=(n, 2 + i)) * (1 + i) for i, layer in enumerate(layers)}, **fields)


def replace_layer(clouds, layer, cloud):
    return dataclasses.replace(clouds, clouds={**clouds.clouds, layer: cloud})


def bars_of_ripser(distances):
    """Finite bars per homology dimension, by ripser.py."""
    diagrams = ripser(distances, distance_matrix=True, maxdim=1)["dgms"]
    return [np.asarray(bars, dtype=np.float64)[np.isfinite(bars).all(axis=1)] for bars in diagrams]


def distance_of_persim(first, second, n_directions=50):
    finite = [bars[np.isfinite(bars).all(axis=1)] for bars in (first, second)]
    return persim.sliced_wasserstein(*finite, M=n_directions)


def numbers_of(snapshot):
    """Every number of a snapshot's tables: (what, measure, homology dimension) -> values."""
    found = {(part, *key): getattr(table, part) for key, table in snapshot.distances.items() for part in OF_DISTANCES}
    return found | {("values", *key): table.values for key, table in snapshot.statistics.items()}


def everything_of(snapshot):
    """As ``numbers_of``, with the diagrams, scales and samples."""
    diagrams = {
        ("diagram", layer, i): bars for layer, found in snapshot.diagrams.items() for i, bars in enumerate(found)
    }
    return numbers_of(snapshot) | diagrams | {("scales",): snapshot.scales, ("sample_ids",): snapshot.sample_ids}


def assert_same(snapshot, other, rtol=0.0, but=()):
    ours, theirs = everything_of(snapshot), everything_of(other)
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - set(but):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=rtol, atol=rtol, err_msg=str(name))
