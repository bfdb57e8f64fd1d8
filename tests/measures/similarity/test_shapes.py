"""Distances after the best rotation: against SciPy's, and what they pass over."""

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes
from scipy.stats import ortho_group

from topocallback.measures import EuclideanShapeMetric, LayerFacts, Procrustes, ShapeMetric


@pytest.mark.parametrize(("alpha", "expected"), [(1, 0.644651), (0.5, 0.644211), (0, 0.523599)])
def test_the_toy_values_are_the_published_ones(toy, alpha, expected):
    assert ShapeMetric(alpha=alpha)(*toy) == pytest.approx(expected, abs=1e-6)


def test_real_layers_give_what_the_definition_gives(reference, reference_clouds):
    for pair, expected in reference["paired"].items():
        found = ShapeMetric()(*(reference_clouds[layer] for layer in pair.split("~")))
        assert found == pytest.approx(expected["angular_procrustes"], abs=1e-9)


def test_procrustes_is_the_published_toy_value_and_twice_what_its_cosine_lacks(toy):
    assert Procrustes()(*toy) == pytest.approx(0.401381, abs=1e-6)
    assert Procrustes()(*toy) == pytest.approx(2 - 2 * np.cos(ShapeMetric()(*toy)), abs=1e-9)


def test_procrustes_agrees_with_scipys(toy):
    first, second = toy[0], np.pad(toy[1], ((0, 0), (0, 4)))
    disparity = procrustes(first, second)[2]  # 1 less the square of the cosine: SciPy scales one cloud to fit, too
    cosine = 1 - Procrustes()(first, second) / 2
    assert 1 - cosine**2 == pytest.approx(disparity, abs=1e-9)


def test_the_euclidean_metric_is_what_the_best_rotation_leaves(toy):
    first, second = toy[0] - toy[0].mean(axis=0), np.pad(toy[1] - toy[1].mean(axis=0), ((0, 0), (0, 4)))
    rotation, _ = orthogonal_procrustes(second, first)
    assert EuclideanShapeMetric()(*toy) == pytest.approx(np.linalg.norm(first - second @ rotation), rel=1e-9)


def test_wide_clouds_are_compared_by_as_many_coordinates_as_there_are_samples():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(20, 300)), random.normal(size=(20, 50))
    nuclear = np.linalg.svd((x - x.mean(0)).T @ (y - y.mean(0)), compute_uv=False).sum()
    norms = np.linalg.norm(x - x.mean(0)) * np.linalg.norm(y - y.mean(0))
    assert ShapeMetric()(x, y) == pytest.approx(np.arccos(nuclear / norms), abs=1e-6)
    assert ShapeMetric().prepare(LayerFacts(x)).shape == (20, 20)


def test_whitened_clouds_of_one_width_are_alike_under_every_invertible_map():
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 5))
    image = x @ random.normal(size=(5, 5)) + 3
    assert ShapeMetric(alpha=0)(x, image) < 1e-6
    assert ShapeMetric(alpha=1)(x, image) > 0.1


def test_rotated_shifted_clouds_are_equal_and_scaled_ones_to_all_but_the_euclidean_metric():
    x = np.random.default_rng(0).normal(size=(60, 5))
    rotated = x @ ortho_group.rvs(5, random_state=0) + 7
    assert EuclideanShapeMetric()(x, rotated) < 1e-6
    assert ShapeMetric()(x, 3 * rotated) < 1e-6
    assert Procrustes()(x, 3 * rotated) < 1e-12
    assert EuclideanShapeMetric()(x, 3 * rotated) == pytest.approx(2 * np.linalg.norm(x - x.mean(0)), rel=1e-9)


@pytest.mark.parametrize("alpha", [0, 0.3, 1])
@pytest.mark.parametrize("measure", [ShapeMetric, EuclideanShapeMetric])
def test_the_triangle_inequality_holds(measure, alpha):
    random = np.random.default_rng(0)
    for _ in range(20):
        x, y, z = (random.normal(size=(12, 4)) for _ in range(3))
        between = measure(alpha=alpha)
        assert between(x, z) <= between(x, y) + between(y, z) + 1e-9


@pytest.mark.parametrize("alpha", [-0.1, 1.1, "much"])
def test_alpha_outside_of_its_range_is_refused(alpha):
    with pytest.raises(ValueError, match="Expected `alpha` of shape_metric to be between 0 and 1"):
        ShapeMetric(alpha=alpha)
