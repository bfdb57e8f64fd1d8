"""Snapshots for tests of findings about samples: of clouds, of which only the nearest neighbours are measured."""

import dataclasses
import functools

import numpy as np
from sklearn.neighbors import NearestNeighbors

from topocallback import AnalysisOptions, PointClouds, analyse
from topocallback.records.nearest import N_NEAREST, NearestSamples
from topocallback.records.results import Results

LIGHT = AnalysisOptions(measures=("knn_accuracy",), homology_dims=(0,), mapper=False)


@functools.cache
def _of_any_cloud():
    return analyse(PointClouds({"any": np.arange(24.0).reshape(12, 2)}), LIGHT)


def with_neighbours(clouds, labels=None, sample_ids=None):
    """A snapshot of clouds as scikit-learn tells their neighbours, in a tenth of the time of an analysis."""
    n_samples = len(next(iter(clouds.values())))
    return dataclasses.replace(
        _of_any_cloud(),
        layers=tuple(clouds),
        n_points=np.array([len(cloud) for cloud in clouds.values()]),
        sample_ids=np.arange(n_samples) if sample_ids is None else np.asarray(sample_ids),
        labels=labels,
        diagrams={layer: [np.empty((0, 2))] for layer in clouds},
        statistics=Results(()),
        distances=Results(()),
        nearest={layer: nearest(cloud) for layer, cloud in clouds.items()},
    )


def nearest(cloud):
    """The neighbours of all points as scikit-learn tells them, of which those with NaN have none."""
    cloud = np.asarray(cloud, dtype=np.float64)
    rows = np.flatnonzero(np.isfinite(cloud).all(axis=1))
    if len(rows) < 2:
        return NearestSamples(np.full((len(cloud), N_NEAREST), -1), np.full((len(cloud), 3), np.nan))
    found = NearestNeighbors(n_neighbors=min(N_NEAREST, len(rows) - 1)).fit(cloud[rows])
    distances, positions = found.kneighbors()
    return NearestSamples.of_points(positions, distances, rows, len(cloud))


def classes_apart(n_classes=4, per_class=30, distance=8.0, dim=5, seed=0):
    """Normal clouds around corners that are so far apart, and the classes' numbers."""
    labels = np.repeat(np.arange(n_classes), per_class)
    corners = distance * np.eye(max(n_classes, dim))[labels, :dim]
    return corners + np.random.default_rng(seed).normal(size=(len(labels), dim)), labels
