"""Samples and metrics for tests of the metrics."""

import torch

from topocallback import LayerDistanceMatrix, PersistenceDistance

LAYERS = ("stem", "blocks.0", "head")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


SOURCE, TARGET = normal(90, 6), normal(70, 4, seed=1)
ACTIVATIONS = {"stem": normal(60, 3, seed=2), "blocks.0": normal(60, 8, seed=3), "head": normal(60, 2, seed=4)}


def small(**options):
    """Of fewer places than there are samples."""
    return PersistenceDistance(**{"n_samples": 32, **options})


def matrix_metric(**options):
    return LayerDistanceMatrix(LAYERS, **{"n_samples": 24, **options})


def rows(activations, part):
    return {layer: values[part] for layer, values in activations.items()}


def value_of(metric, *batches):
    for batch in batches:
        metric.update(*batch)
    return metric.compute()


def value_and_metric(*batch):
    metric = small()
    metric.update(*batch)
    return metric


def count_difference(first, second):
    return float(abs(len(first) - len(second)))


EXPECTED = value_of(small(), (SOURCE, TARGET))
EXPECTED_MATRIX = value_of(matrix_metric(), (ACTIVATIONS,))
