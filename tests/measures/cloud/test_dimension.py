"""The intrinsic dimension, of clouds whose dimension is known."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform
from scipy.stats import linregress

from topocallback.measures import PHDimension, TwoNN


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_evenly_dense_spheres_have_their_dimension(dimension):
    found = []
    for seed in range(10):
        cloud = np.random.default_rng(seed).normal(size=(800, dimension + 1))
        found.append(TwoNN()(cloud / np.linalg.norm(cloud, axis=1, keepdims=True)))
    assert np.mean(found) == pytest.approx(dimension, rel=0.08)


def test_a_plane_in_many_values_has_two():
    random = np.random.default_rng(0)
    plane = random.random((800, 2)) @ random.normal(size=(2, 50))
    assert TwoNN()(plane) == pytest.approx(2, rel=0.15)


def test_it_is_the_slope_that_the_paper_fits():
    cloud = np.random.default_rng(1).normal(size=(200, 3))
    distances = np.sort(np.linalg.norm(cloud[:, None] - cloud, axis=2), axis=1)
    ratios = np.sort(distances[:, 2] / distances[:, 1])[:180]
    shares = np.arange(1, 181) / 201
    x, y = np.log(ratios), -np.log(1 - shares)
    assert TwoNN()(cloud) == pytest.approx(np.linalg.lstsq(x[:, None], y, rcond=None)[0][0], rel=1e-9)


def test_equal_points_count_as_one():
    cloud = np.random.default_rng(0).random((300, 2))
    assert TwoNN()(np.concatenate([cloud, cloud[:100]])) == pytest.approx(TwoNN()(cloud), rel=1e-9)


def test_fewer_than_three_different_points_have_no_dimension():
    assert np.isnan(TwoNN()(np.repeat(np.eye(2), 10, axis=0)))
    assert np.isnan(TwoNN()(np.empty((0, 2))))


@pytest.mark.parametrize("discard", [-0.1, 1, "some"])
def test_a_share_outside_of_its_range_is_refused(discard):
    with pytest.raises(ValueError, match="Expected `discard` of two_nn to be at least 0 and below 1"):
        TwoNN(discard=discard)


# -- The dimension that persistent homology sees -----------------------------------------------------------------------


def cube(dimension, seed, n=600):
    return np.random.default_rng(seed).random((n, dimension))


def sphere(dimension, seed, n=600):
    points = np.random.default_rng(seed).normal(size=(n, dimension + 1))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("draw", [cube, sphere])
@pytest.mark.parametrize(("dimension", "off"), [(1, 0.03), (2, 0.07), (3, 0.1), (5, 0.2)])
def test_evenly_dense_cubes_and_spheres_have_their_dimension_up_to_a_rate(draw, dimension, off):
    found = [PHDimension(seed=seed)(draw(dimension, seed)) for seed in range(8)]
    assert np.mean(found) == pytest.approx(dimension, rel=off)


@pytest.mark.parametrize("alpha", [0.5, 1.5])
def test_the_power_of_the_lifetimes_does_not_change_the_dimension_much(alpha):
    found = [PHDimension(alpha=alpha, seed=seed)(cube(2, seed)) for seed in range(8)]
    assert np.mean(found) == pytest.approx(2, rel=0.1)


COUNTS = (20, 35, 50, 65, 80)  # by default, of 80 points


@pytest.mark.parametrize(
    "options", [{}, {"counts": (60, 20, 40)}, {"alpha": 0.5, "draws": 3, "seed": 4, "counts": (10, 30)}]
)
def test_it_is_the_slope_of_scipys_trees_of_the_points_drawn(options):
    cloud = np.random.default_rng(3).normal(size=(80, 4))
    alpha, draws, counts = (
        options.get(name, value) for name, value in [("alpha", 1), ("draws", 1), ("counts", COUNTS)]
    )
    generator, sums = np.random.default_rng(options.get("seed", 0)), []
    for count in counts:
        drawn = [cloud if count == 80 else cloud[generator.choice(80, count, replace=False)] for _ in range(draws)]
        trees = [minimum_spanning_tree(squareform(pdist(points))) for points in drawn]
        sums.append(np.mean([(tree.data**alpha).sum() for tree in trees]))
    slope = linregress(np.log(counts), np.log(sums)).slope
    assert PHDimension(**options)(cloud) == pytest.approx(alpha / (1 - slope), rel=1e-9)


def test_rotations_and_one_factor_do_not_change_it_and_the_draw_is_that_of_its_seed():
    cloud = cube(3, 0, 200)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    assert PHDimension()(37 * cloud @ rotation - 5) == pytest.approx(PHDimension()(cloud), rel=1e-6)
    assert PHDimension(seed=1)(cloud) == PHDimension(seed=1)(cloud) != PHDimension(seed=2)(cloud)


def test_of_many_draws_the_order_of_the_samples_hardly_matters():
    cloud, order = cube(2, 0, 200), np.random.default_rng(1).permutation(200)
    assert PHDimension(draws=30)(cloud[order]) == pytest.approx(PHDimension(draws=30)(cloud), rel=0.05)


def test_too_few_points_have_no_dimension():
    assert np.isnan(PHDimension()(np.empty((0, 2))))
    assert np.isnan(PHDimension()(cube(2, 0, 7)))
    with pytest.raises(ValueError, match="Expected at least 950 points for ph_dimension, its largest count, got 300"):
        PHDimension(counts=tuple(range(200, 1000, 50)))(cube(2, 0, 300))


def test_points_that_no_dimension_explains_have_none():
    assert np.isnan(PHDimension()(np.ones((40, 3))))
    assert np.isnan(PHDimension()(np.eye(40)))  # the tree grows by one length for each point


@pytest.mark.parametrize(
    "options",
    [{"alpha": 0}, {"counts": (5, 5)}, {"counts": (1, 9)}, {"counts": 5}, {"draws": 0}, {"seed": -1}, {"seed": None}],
)
def test_options_of_trees_out_of_their_range_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"Expected `{name}` of ph_dimension to be"):
        PHDimension(**options)
