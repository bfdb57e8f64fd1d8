"""What measures need besides clouds and labels: from the recorded layers to the tables, and what is said without it."""

import dataclasses

import numpy as np
import pytest
from analysis_tools import assert_same, random_clouds

from topocallback.analysis.analyse import analyse, analyse_next
from topocallback.analysis.analysed import digest_of_layer
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import Distance, WeightNorm
from topocallback.records.point_clouds import PointClouds
from topocallback.records.weights import LayerWeights

RNG = np.random.default_rng(0)
OF_A = LayerWeights(RNG.normal(size=(4, 3)), RNG.normal(size=4))
RING = np.stack([np.arange(40), (np.arange(40) + 1) % 40], axis=1)


def of(*measures, **options):
    return AnalysisOptions(["sliced_wasserstein", *measures], homology_dims=(0,), mapper=False, **options)


class NeedsBoth(Distance):
    needs_weights = needs_edges = True


@pytest.mark.parametrize(
    ("measures", "needs"),
    [
        ((), set()),
        (("knn_accuracy",), set()),
        (("weight_norm",), {"weights"}),
        (("dirichlet_energy",), {"edges"}),
        ((NeedsBoth(),), {"weights", "edges"}),
    ],
)
def test_needs_are_those_of_the_chosen_measures(measures, needs):
    assert of(*measures).needs == needs


def test_each_layer_has_the_number_of_its_own_weights_without_any_noise():
    snapshot = analyse(random_clouds(weights={"a": OF_A}), of("weight_norm"))
    table = snapshot.statistics["weight_norm"]
    np.testing.assert_array_equal(table.values, [np.sqrt((OF_A.weight**2).sum()), np.nan, np.nan])
    np.testing.assert_array_equal(table.errors, [0, np.nan, np.nan])
    assert "weight" not in str(snapshot.problems)


def test_where_no_layer_has_weights_it_is_said_once():
    snapshot = analyse(random_clouds(), of("weight_norm", "node_strength_fluctuation"))
    assert np.isnan(snapshot.statistics["weight_norm"].values).all()
    said = "It needs weights, and no layer has any of its own that could be read."
    assert snapshot.problems == {"Norm of the weights": said, "Fluctuation of node strengths": said}


def test_weights_that_are_not_finite_have_no_number():
    broken = LayerWeights(np.full((2, 2), np.nan))
    table = analyse(random_clouds(weights={"a": broken}), of("weight_norm")).statistics["weight_norm"]
    assert np.isnan([table.values[0], table.errors[0]]).all()


def test_the_energy_is_that_of_each_layers_own_points():
    clouds = random_clouds(edges=RING)
    clouds["b"][7] = np.nan
    table = analyse(clouds, of("dirichlet_energy")).statistics["dirichlet_energy"]
    for layer, cloud in enumerate(clouds.values()):
        ends = [(cloud[i], cloud[j]) for i, j in RING if np.isfinite(cloud[[i, j]]).all()]
        expected = sum(((x - y) ** 2).sum() for x, y in ends) / sum((x**2).sum() + (y**2).sum() for x, y in ends)
        assert table.values[layer] == pytest.approx(expected, rel=1e-9)
        assert 0 < table.errors[layer] < 0.5


@pytest.mark.parametrize(
    ("edges", "said"),
    [
        (None, "It needs the edges of graphs, and none were recorded. Nodes are points, and edges"),
        (np.empty((0, 2), dtype=int), "It needs edges, and none has both ends among the sampled nodes: a larger"),
    ],
)
def test_an_energy_without_edges_is_said_once(edges, said):
    snapshot = analyse(random_clouds(edges=edges), of("dirichlet_energy"))
    assert np.isnan(snapshot.statistics["dirichlet_energy"].values).all()
    assert list(snapshot.problems) == ["Dirichlet energy"]
    assert snapshot.problems["Dirichlet energy"].startswith(said)


def test_a_layer_with_several_points_per_sample_has_no_edges():
    clouds = PointClouds(
        {"a": RNG.normal(size=(40, 2)), "b": RNG.normal(size=(80, 2))},
        owners={"b": np.repeat(np.arange(40), 2)},
        edges=RING,
    )
    values = analyse(clouds, of("dirichlet_energy")).statistics["dirichlet_energy"].values
    assert np.isfinite(values).tolist() == [True, False]


def test_what_nobody_asks_for_changes_nothing():
    plain = random_clouds()
    more = dataclasses.replace(plain, weights={"a": OF_A}, edges=RING)
    assert_same(analyse(plain, of()), analyse(more, of()))


def test_a_layer_is_the_same_only_if_weights_and_edges_are():
    plain = random_clouds()
    different = [
        plain,
        dataclasses.replace(plain, edges=RING),
        dataclasses.replace(plain, edges=RING[:, ::-1]),
        dataclasses.replace(plain, weights={"a": OF_A}),
        dataclasses.replace(plain, weights={"a": LayerWeights(OF_A.weight + 1, OF_A.bias)}),
        dataclasses.replace(plain, weights={"a": LayerWeights(OF_A.weight, outgoing=OF_A.bias)}),
        dataclasses.replace(plain, weights={"a": LayerWeights(OF_A.weight)}),
    ]
    assert len({digest_of_layer(clouds, "a") for clouds in different}) == len(different)
    assert digest_of_layer(different[3], "b") == digest_of_layer(plain, "b")


def test_weights_that_move_under_a_cloud_that_stays_are_measured_again():
    steps, previous = [random_clouds(weights={"a": LayerWeights(OF_A.weight * k)}) for k in (1, 1, 1, 2)], None
    norms = []
    for step, clouds in enumerate(steps):
        previous = analyse_next(clouds, of(WeightNorm()), step, 0, previous, None)
        norms.append(previous.snapshot.statistics["weight_norm"].values[0])
    assert norms == pytest.approx([norms[0]] * 3 + [2 * norms[0]])
