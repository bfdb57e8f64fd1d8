"""What is known of a layer: each fact computed once, when it is asked for, and for parts from the whole."""

import numpy as np
import pytest

from topocallback.measures import facts as facts_module
from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.graph import mapper_graph
from topocallback.measures.mapper.options import MapperOptions
from topocallback.measures.scale import scale_of
from topocallback.measures.topology.rips import rips_diagrams
from topocallback.records.weights import LayerWeights

COSTLY = (
    "distance_matrix", "scale_of", "rips_diagrams_with_simplices", "MatrixNeighbours", "undrawn_graph", "lay_out",
)  # fmt: skip
OPTIONS = MapperOptions(n_intervals=5, min_samples=2, radius=1.5)


def cloud_of(n=40, dim=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim))


def ask_for_everything(facts):
    of_distances = [facts.distances, facts.scale, facts.diagrams, facts.simplices, facts.neighbours]
    return [*of_distances, facts.undrawn_mapper, facts.mapper]


@pytest.fixture
def calls(monkeypatch):
    """How often each costly function was called."""
    counts = dict.fromkeys(COSTLY, 0)

    def counted(name, function):
        def call(*args, **kwargs):
            counts[name] += 1
            return function(*args, **kwargs)

        return call

    for name in COSTLY:
        monkeypatch.setattr(facts_module, name, counted(name, getattr(facts_module, name)))
    return counts


# -- What is computed, and when --------------------------------------------------------------------------------------


def test_facts_are_those_of_their_functions():
    cloud = cloud_of()
    facts = LayerFacts(cloud, scale="quantile", homology_dims=(1, 0), backend="gudhi", mapper=OPTIONS)
    distances = distance_matrix(cloud)
    np.testing.assert_array_equal(facts.distances, distances)
    assert facts.scale == scale_of(distances, "quantile")
    for found, bars in zip(facts.diagrams, rips_diagrams(distances / facts.scale, (1, 0), "gudhi"), strict=True):
        np.testing.assert_array_equal(found, bars)
    assert facts.diagram(1) is facts.diagrams[0]
    np.testing.assert_array_equal(facts.neighbours.nearest(), np.sort(distances, axis=1)[:, 1])
    graph = mapper_graph(cloud, options=OPTIONS)
    assert [nodes.tolist() for nodes in facts.mapper.members] == [nodes.tolist() for nodes in graph.members]
    assert graph.n_nodes > 0


def test_each_fact_is_computed_at_most_once(calls):
    facts = LayerFacts(cloud_of(), mapper=OPTIONS)
    assert set(calls.values()) == {0}
    first, second = ask_for_everything(facts), ask_for_everything(facts)
    assert calls == dict.fromkeys(COSTLY, 1)
    assert all(a is b for a, b in zip(first[2:], second[2:], strict=True))


def test_what_is_not_asked_for_is_not_computed(calls):
    facts = LayerFacts(cloud_of())
    assert (facts.n_points, facts.cloud.shape, facts.labels, len(facts.sample_ids)) == (40, (40, 3), None, 40)
    assert set(calls.values()) == {0}
    _ = facts.diagram(1)
    assert (calls["MatrixNeighbours"], calls["undrawn_graph"]) == (0, 0)
    assert len(facts.undrawn_mapper.positions) == 0
    assert calls["lay_out"] == 0


def test_parts_stand_on_the_distances_of_the_whole(calls):
    facts = LayerFacts(cloud_of(), scale="quantile", mapper=OPTIONS)
    part, other = facts.subset(np.arange(20)), facts.subset(np.arange(20, 40))
    assert set(calls.values()) == {0}
    for each in (part, other, part, facts):
        ask_for_everything(each)
    assert calls["distance_matrix"] == 1
    assert calls["scale_of"] == 3  # of the whole, and of each part


def test_a_dimension_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"Expected `homology_dim` to be one of \(0, 1\), got 2"):
        LayerFacts(cloud_of()).diagram(2)


# -- Points, labels and samples --------------------------------------------------------------------------------------


def test_points_that_are_not_finite_are_left_out_with_their_labels_and_samples():
    cloud = cloud_of(5)
    cloud[1, 0], cloud[3, 2] = np.nan, np.inf
    facts = LayerFacts(cloud, list("abcde"), [10, 11, 12, 13, 14])
    assert (facts.n_points, facts.rows.tolist()) == (3, [0, 2, 4])
    assert facts.labels.tolist() == ["a", "c", "e"]
    assert facts.sample_ids.tolist() == [10, 12, 14]
    np.testing.assert_array_equal(facts.cloud, cloud[[0, 2, 4]])
    np.testing.assert_array_equal(facts.distances, distance_matrix(cloud[[0, 2, 4]]))
    assert facts.mapper.n_points == 5
    assert facts.recorded.shape == (5, 3)


def test_samples_without_numbers_are_numbered_as_they_were_recorded():
    cloud = cloud_of(4)
    cloud[0] = np.nan
    assert LayerFacts(cloud).sample_ids.tolist() == [1, 2, 3]


def test_a_vector_is_points_on_a_line_and_lists_are_clouds():
    assert LayerFacts([0.0, 1.0, 4.0]).cloud.tolist() == [[0.0], [1.0], [4.0]]
    assert LayerFacts([[0, 3], [4, 0]]).distances[0, 1] == 5


def test_a_layer_without_points_has_empty_facts():
    for facts in (LayerFacts(np.empty((0, 3))), LayerFacts(np.full((4, 3), np.nan))):
        assert (facts.n_points, facts.scale, facts.distances.shape) == (0, 1.0, (0, 0))
        assert [bars.shape for bars in facts.diagrams] == [(0, 2), (0, 2)]
        assert facts.mapper.n_nodes == 0


def test_the_cloud_is_left_as_it_was():
    cloud = cloud_of()
    before = cloud.copy()
    ask_for_everything(LayerFacts(cloud, scale="quantile"))
    np.testing.assert_array_equal(cloud, before)


@pytest.mark.parametrize("shape", [(), (2, 3, 4)])
def test_a_cloud_with_the_wrong_number_of_axes_is_refused(shape):
    with pytest.raises(ValueError, match=r"Expected `cloud` to be of shape \(n, d\), got \(.*\)\. Flatten"):
        LayerFacts(np.ones(shape))


@pytest.mark.parametrize("name", ["labels", "sample_ids"])
def test_labels_and_samples_have_to_be_one_per_recorded_point(name):
    with pytest.raises(ValueError, match=rf"Expected `{name}` to be of shape \(40,\), got \(39,\)"):
        LayerFacts(cloud_of(), **{name: np.arange(39)})


def test_an_unknown_scale_and_backend_are_refused_when_they_are_needed():
    with pytest.raises(ValueError, match="`scale`"):
        _ = LayerFacts(cloud_of(), scale="max").diagrams
    with pytest.raises(ValueError, match="`backend`"):
        _ = LayerFacts(cloud_of(), backend="giotto").diagrams


# -- Classes ---------------------------------------------------------------------------------------------------------


def test_classes_that_layers_share_are_those_of_the_graph():
    codes, names = np.array([2, 0] * 20), ("a", "b", "c")
    facts = LayerFacts(cloud_of(), np.array(["c", "a"] * 20), classes=(codes, names), mapper=OPTIONS)
    assert facts.mapper.classes == names
    np.testing.assert_array_equal(facts.mapper.labels, codes)
    part = facts.subset(np.arange(1, 40, 2))
    assert part.mapper.classes == names
    np.testing.assert_array_equal(part.mapper.labels, np.zeros(20))


def test_parts_keep_the_bins_of_labels_that_are_real_numbers():
    labels = np.linspace(0, 1, 40)
    whole = LayerFacts(cloud_of(), labels, mapper=OPTIONS).mapper
    facts = LayerFacts(cloud_of(), labels, classes=(whole.labels, whole.classes), mapper=OPTIONS)
    part = facts.subset(np.arange(10)).mapper
    assert part.classes == whole.classes
    np.testing.assert_array_equal(part.labels, whole.labels[:10])


# -- Parts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_lost", [0, 3])
@pytest.mark.parametrize("scale", ["none", "quantile"])
def test_the_facts_of_a_part_are_those_of_a_cloud_of_its_own(n_lost, scale):
    cloud = cloud_of()
    cloud[:n_lost] = np.nan
    labels, ids = np.arange(40) % 3, np.arange(100, 140)
    whole = LayerFacts(cloud, labels, ids, scale=scale, mapper=OPTIONS)
    points = np.array([5, 1, 30, 8, 9, 12, 20, 17, 2, 33, 0, 11])
    rows = whole.rows[points]
    part = whole.subset(points)
    fresh = LayerFacts(cloud[rows], labels[rows], ids[rows], scale=scale, mapper=OPTIONS)

    assert part.n_points == 12
    np.testing.assert_array_equal(part.cloud, fresh.cloud)
    np.testing.assert_array_equal(part.labels, labels[rows])
    np.testing.assert_array_equal(part.sample_ids, ids[rows])
    np.testing.assert_array_equal(part.distances, whole.distances[np.ix_(points, points)])
    np.testing.assert_allclose(part.distances, fresh.distances, rtol=1e-9)
    assert part.scale == scale_of(part.distances, scale) == pytest.approx(fresh.scale, rel=1e-9)
    for found, bars in zip(part.diagrams, fresh.diagrams, strict=True):
        np.testing.assert_allclose(found, bars, rtol=1e-6)
    np.testing.assert_allclose(part.neighbours.nearest(), fresh.neighbours.nearest(), rtol=1e-9)
    assert [nodes.tolist() for nodes in part.mapper.members] == [nodes.tolist() for nodes in fresh.mapper.members]


def test_a_part_has_a_scale_of_its_own():
    whole = LayerFacts(np.concatenate([cloud_of(20), 100 * cloud_of(20, seed=1)]), scale="quantile")
    part = whole.subset(np.arange(20))
    assert part.scale == scale_of(part.distances, "quantile") != whole.scale
    for found, expected in zip(part.diagrams, rips_diagrams(part.distances / part.scale), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_part_of_a_part_stands_on_the_whole():
    whole = LayerFacts(cloud_of(), np.arange(40), scale="quantile")
    part = whole.subset(np.arange(10, 30)).subset(np.array([3, 0, 7]))
    np.testing.assert_array_equal(part.labels, [13, 10, 17])
    np.testing.assert_array_equal(part.distances, whole.distances[np.ix_([13, 10, 17], [13, 10, 17])])


# -- What makes the bars ---------------------------------------------------------------------------------------------


def test_simplices_are_positions_among_all_recorded_points():
    cloud = cloud_of()
    cloud[[0, 7, 20]] = np.nan
    facts = LayerFacts(cloud, scale="quantile")
    assert facts.n_points == len(cloud) - 3
    for dim, (bars, points) in enumerate(zip(facts.diagrams, facts.simplices, strict=True)):
        assert points.dtype == np.int8
        dies = np.isfinite(bars[:, 1])
        ends = points[dies, dim + 1 : dim + 3]
        between = np.linalg.norm(cloud[ends[:, 0]] - cloud[ends[:, 1]], axis=1)
        np.testing.assert_allclose(between / facts.scale, bars[dies, 1], rtol=1e-6)
        assert (points[~dies, dim + 1 :] == -1).all()


def test_simplices_outlast_the_cloud_and_parts_have_none():
    facts = LayerFacts(cloud_of(), scale="quantile")
    assert facts.subset(np.arange(20)).simplices == []
    assert facts.without_cloud().simplices is facts.simplices
    assert len(facts.simplices) == 2


# -- Of a record -----------------------------------------------------------------------------------------------------


def test_the_facts_of_a_record_are_its_diagrams(calls):
    diagrams = rips_diagrams(distance_matrix(cloud_of()), (0, 2))
    facts = LayerFacts.of_diagrams(diagrams, (0, 2))
    assert facts.diagram(0) is diagrams[0]
    assert facts.diagram(2) is diagrams[1]
    assert set(calls.values()) == {0}
    assert facts.n_points == 0
    with pytest.raises(ValueError, match=r"one of \(0, 2\), got 1"):
        facts.diagram(1)


@pytest.mark.parametrize("bar", [(2.0, 1.0), (np.nan, 1.0), (-np.inf, 1.0)], ids=str)
def test_the_facts_of_a_record_refuse_what_is_no_diagram(bar):
    with pytest.raises(ValueError, match=r"Expected `diagrams\[1\]` to "):
        LayerFacts.of_diagrams([np.array([(0.0, 1.0)]), np.array([bar, (0.0, 1.0)])], (0, 1))


def test_the_facts_of_a_record_need_a_diagram_for_every_dimension():
    with pytest.raises(ValueError, match=r"one for each of `homology_dims=\(0, 1\)`, got 1"):
        LayerFacts.of_diagrams([np.array([(0.0, 1.0)])], (0, 1))


# -- Weights and edges -----------------------------------------------------------------------------------------------


def test_edges_are_those_among_the_finite_points_and_among_those_of_a_subset():
    cloud = cloud_of(n=6)
    cloud[1] = np.nan
    facts = LayerFacts(cloud, edges=[[0, 1], [2, 5], [4, 2], [3, 3], [0, 5]])
    assert facts.edges.tolist() == [[1, 4], [3, 1], [2, 2], [0, 4]]
    assert facts.subset(np.array([4, 1])).edges.tolist() == [[1, 0]]
    assert facts.subset(np.array([4, 1])).subset(np.array([1])).edges.shape == (0, 2)
    assert all((part.edges < part.n_points).all() for part in facts.parts(2))


def test_weights_are_those_of_every_subset():
    weights = LayerWeights(np.eye(3))
    facts = LayerFacts(cloud_of(), weights=weights)
    assert facts.weights is facts.subset(np.arange(5)).weights is facts.parts(4)[0].weights is weights


def test_without_weights_and_edges_there_are_none():
    facts = LayerFacts(cloud_of())
    assert (facts.weights, facts.edges, facts.subset(np.arange(3)).edges) == (None, None, None)


def test_edges_that_are_no_pairs_of_points_are_refused():
    with pytest.raises(ValueError, match="Expected `edges` to be positions of points, 0 to 39, got int64 from 0 to 40"):
        LayerFacts(cloud_of(), edges=[[0, 40]])
