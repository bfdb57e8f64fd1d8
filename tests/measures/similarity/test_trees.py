"""Spanning trees of two layers: against SciPy's trees, published values, and where points are equal."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from topocallback.measures import NTSE, NTSM, MaxRTDLite, RTDLite, SRTDLite

MEASURES = {
    "rtd_lite": RTDLite(),
    "max_rtd_lite": MaxRTDLite(),
    "srtd_lite": SRTDLite(),
    "nts_e": NTSE(),
    "nts_m": NTSM(),
}


def as_published(name, first, second):
    """The scores are correlations in the literature, and distances here."""
    found = MEASURES[name](first, second)
    return 1 - found if name.startswith("nts") else found


def equal_points(cloud):
    return len(np.unique(cloud, axis=0)) < len(cloud)


@pytest.mark.parametrize("name", MEASURES)
def test_real_layers_without_equal_points_give_what_scipy_gives(name, reference, reference_clouds):
    compared = 0
    for pair, expected in reference["paired"].items():
        clouds = [reference_clouds[layer] for layer in pair.split("~")]
        if not any(map(equal_points, clouds)):
            assert as_published(name, *clouds) == pytest.approx(expected[name], abs=1e-6)
            compared += 1
    assert compared == 2


def test_equal_points_are_joined_at_distance_0(reference, reference_clouds):
    """SciPy's tree takes distances under 1e-8 for missing edges, and so do the reference values of layers with such."""

    def scaled(cloud):
        distances = squareform(pdist(cloud.astype(np.float64)))
        return np.maximum(distances / np.quantile(distances[np.triu_indices(len(cloud), 1)], 0.9), 1e-7)

    def length(distances):
        return minimum_spanning_tree(distances).sum()

    compared = 0
    for pair, of_scipy in reference["paired"].items():
        clouds = [reference_clouds[layer] for layer in pair.split("~")]
        if any(map(equal_points, clouds)):
            a, b = map(scaled, clouds)
            expected = (length(a) + length(b)) / 2 - length(np.minimum(a, b))
            assert RTDLite()(*clouds) == pytest.approx(expected, abs=1e-4)
            assert RTDLite()(*clouds) != pytest.approx(of_scipy["rtd_lite"], abs=1e-3)
            compared += 1
    assert compared == 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nts_e", 0.286550),
        ("nts_m", 0.336100),
        ("rtd_lite", 7.164670),
        ("srtd_lite", 19.950334),
        ("max_rtd_lite", 12.785664),
    ],
)
def test_two_clusters_give_the_published_values(name, expected):
    random = np.random.RandomState(42)
    together = np.concatenate([random.randn(5, 2) for _ in range(60)])
    angles = np.pi * (np.repeat(np.arange(60), 5) % 2)
    apart = together + 10 * np.column_stack([np.cos(angles), np.sin(angles)])
    assert as_published(name, together, apart) == pytest.approx(expected, abs=1e-6)


def test_srtd_lite_is_the_sum_of_the_other_two(toy):
    assert SRTDLite()(*toy) == pytest.approx(RTDLite()(*toy) + MaxRTDLite()(*toy), abs=1e-9)


def test_where_all_edges_are_equally_long_there_is_no_order():
    corners = np.eye(6)
    assert np.isnan(NTSE()(corners, corners))
    assert RTDLite()(corners, corners) == 0
