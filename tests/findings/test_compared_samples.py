"""Which layer two versions of a network differ most in, sample by sample."""

import numpy as np
import pytest
from scipy.stats import binom
from synthetic_comparison import example, paired

from topocallback.findings.compared_samples import unlike_samples


def test_the_layer_with_the_largest_distance_is_named_with_its_error():
    (found,) = unlike_samples(paired([0.01, 0.02, 0.3], [0.002, 0.002, 0.01]))
    assert found.layers == ("head",)
    assert str(found) == "CKA distance between 'run 0/0' and 'run 1/0' is largest in 'head': 0.3 ± 0.01, of 3 layers."


def test_layers_that_are_not_told_from_the_largest_are_named_with_it():
    (found,) = unlike_samples(paired([0.01, 0.29, 0.3], [0.002, 0.02, 0.01]))
    assert found.layers == ("block", "head")
    assert str(found).endswith("Not told from it: layer 'block'.")


@pytest.mark.parametrize("distances", [(0, 0, 0), (1e-16, 0, 2e-16), (0.01, np.nan, 0.012)])
def test_what_does_not_exceed_its_error_is_not_said(distances):
    assert unlike_samples(paired(distances, [0.0 if max(distances) < 0.001 else 0.01] * 3)) == []


def test_of_layers_that_are_all_alike_none_is_told_from_the_others():
    random = np.random.default_rng(0)
    layers, trials, alone = tuple(f"layer {number}" for number in range(40)), 200, 0
    for _ in range(trials):
        parts = random.normal(0.5, 0.1, size=(len(layers), 12))
        (found,) = unlike_samples(paired(parts.mean(axis=1), parts.std(axis=1, ddof=1) / np.sqrt(12), layers))
        alone += len(found.layers) < len(layers)
    assert alone <= binom.ppf(0.999, trials, 0.05)


def test_distances_between_diagrams_are_not_looked_at():
    assert unlike_samples(example(runs=2)) == []
