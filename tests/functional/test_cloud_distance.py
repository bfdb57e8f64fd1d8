"""A distance between clouds with all of its options: by homology dimension or added up, paired or not."""

import numpy as np
import pytest
from own_measures import Procrustes

from topocallback.functional.cloud_distance import CloudDistance
from topocallback.measures import Bottleneck, LayerFacts, SlicedWasserstein, Wasserstein

X, Y, Z = (np.random.default_rng(seed).normal(size=(20 + seed, 3)) for seed in range(3))


def test_a_distance_of_diagrams_is_one_for_each_homology_dimension():
    found = CloudDistance("bottleneck", homology_dims=(2, 0)).distances
    assert found == (Bottleneck(homology_dim=2), Bottleneck(homology_dim=0))
    assert CloudDistance(Wasserstein(2, homology_dim=1)).distances == (Wasserstein(2, homology_dim=1),)
    assert CloudDistance(Procrustes()).distances == (Procrustes(),)


@pytest.mark.parametrize("measure", ["wasserstein", SlicedWasserstein(5), Bottleneck()])
@pytest.mark.parametrize("scale", ["none", "quantile"])
def test_distances_are_those_of_the_clouds_diagrams(measure, scale):
    together, apart = (CloudDistance(measure, scale=scale, reduction=reduction) for reduction in ("sum", "none"))
    diagrams = zip(*(LayerFacts(cloud, scale=scale).diagrams for cloud in (X, Y)), strict=True)
    expected = [distance.of_diagrams(*pair) for distance, pair in zip(apart.distances, diagrams, strict=True)]
    assert apart.between(X, Y).tolist() == expected
    assert together.between(X, Y) == sum(expected)


def test_a_matrix_holds_the_distances_of_the_pairs():
    distance = CloudDistance("wasserstein", reduction="none")
    matrices = distance.among([X, Y, Z])
    assert matrices.shape == distance.shape(3, 3) == (2, 3, 3)
    for i, x in enumerate((X, Y, Z)):
        for j, y in enumerate((X, Y, Z)):
            np.testing.assert_allclose(matrices[:, i, j], distance.between(x, y), rtol=1e-12, atol=1e-12)
    together = CloudDistance("wasserstein")
    assert together.shape(3, 3) == (3, 3)
    np.testing.assert_array_equal(together.among([X, Y, Z]), matrices.sum(axis=0))


def test_a_distance_without_homology_dimensions_is_one_table():
    distance = CloudDistance(Procrustes(), reduction="none")
    assert distance.is_paired
    assert distance.shape() == (1,)
    assert distance.between(X, X[::-1]) == Procrustes()(X, X[::-1])
    assert CloudDistance(Procrustes()).among([X, 2 * X]).max() == pytest.approx(0, abs=1e-12)


def test_clouds_that_are_sampled_each_for_itself_need_a_distance_that_is_not_paired():
    CloudDistance("bottleneck").check_unpaired()
    message = "Expected `measure` to be a distance of any clouds, got procrustes, which needs paired samples"
    with pytest.raises(ValueError, match=message):
        CloudDistance(Procrustes()).check_unpaired()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"reduction": "mean"}, ValueError, r"`reduction` to be one of \('sum', 'none'\), got 'mean'"),
        ({"scale": "max"}, ValueError, "`scale` to be one of .* got 'max'"),
        ({"backend": "giotto"}, ValueError, "`backend` to be one of .* got 'giotto'"),
        ({"homology_dims": ()}, ValueError, r"`homology_dims` to hold integers of at least 0, got \(\)"),
        ({"measure": "bars"}, TypeError, "`measure` to be a distance, got bars, which is a statistic"),
        ({"measure": "euclid"}, ValueError, "a measure of .* got 'euclid'"),
        ({"measure": Bottleneck(homology_dim=2)}, ValueError, r"`homology_dim` of bottleneck to be .*, got 2"),
    ],
)
def test_options_that_are_not_allowed_are_refused_at_once(options, error, message):
    with pytest.raises(error, match=f"Expected {message}"):
        CloudDistance(**options)
