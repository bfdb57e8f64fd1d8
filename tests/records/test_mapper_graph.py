"""What a Mapper graph says: purity by the paper's definitions, companions, and the way back to the samples."""

import dataclasses

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from topocallback.measures.mapper.graph import mapper_graph
from topocallback.measures.mapper.options import MapperOptions
from topocallback.records.mapper_graph import Confusion, MapperGraph


def graph_of(members, n, labels=None, classes=None, edges=(), shared=()):
    return MapperGraph(
        members=tuple(np.array(points) for points in members),
        filter_means=np.arange(len(members), dtype=float),
        intervals=np.arange(len(members)),
        edges=np.array(edges, dtype=np.int64).reshape(-1, 2),
        shared=np.array(shared, dtype=np.int64),
        sample_ids=100 + np.arange(n),
        labels=None if labels is None else np.array(labels),
        classes=() if labels is None else classes or tuple(str(i) for i in range(max(labels) + 1)),
    )


def example(seed=0, n=200):
    rng = np.random.default_rng(seed)
    labels = rng.integers(4, size=n)
    points = 2 * np.eye(4, 6)[labels] + rng.normal(size=(n, 6))
    return mapper_graph(points, labels, MapperOptions(n_intervals=6, radius=2.0), sample_ids=7 * np.arange(n))


@given(st.integers(0, 10**6))
def test_purities_are_the_papers_definitions(seed):
    graph = example(seed % 20)
    per_node = [1 / len({int(graph.labels[i]) for i in points}) for points in graph.members]
    per_point = []
    for i in range(graph.n_points):
        mine = [per_node[node] for node, points in enumerate(graph.members) if i in points]
        per_point.append(np.mean(mine) if mine else 0.0)
    assert graph.purity_node_wise == pytest.approx(np.mean(per_node))
    assert graph.purity_point_wise == pytest.approx(np.mean(per_point))
    for code, name in enumerate(graph.classes):
        assert graph.purity_class_wise[name] == pytest.approx(np.array(per_point)[graph.labels == code].mean())
    assert graph.purity_point_wise <= graph.majority * graph.coverage + 1e-12


def test_companions_are_moved_less_by_a_stray_point_than_the_papers_purity():
    clean = graph_of([range(99)], 100, [0] * 99 + [1])
    stray = graph_of([range(100)], 100, [0] * 99 + [1])
    assert (clean.node_purity[0], stray.node_purity[0]) == (1.0, 0.5)
    assert (clean.majority, stray.majority) == (1.0, pytest.approx(0.99))
    assert stray.label_entropy == pytest.approx(entropy([0.99, 0.01], base=2))


def test_companions_are_means_over_the_points_in_nodes():
    graph = graph_of([range(9), [9, 10]], 20, [0] * 10 + [1] * 10)
    assert graph.majority == pytest.approx((9 * 1 + 2 * 0.5) / 11)
    assert graph.label_entropy == pytest.approx(2 / 11)


def test_in_companions_a_point_of_several_nodes_counts_once():
    graph = graph_of([[0, 1], [1, 2, 3]], 5, [0, 0, 0, 1, 1])
    assert graph.majority == pytest.approx((1 + (1 + 2 / 3) / 2 + 2 / 3 + 2 / 3) / 4)
    assert graph.label_entropy == pytest.approx(entropy([2 / 3, 1 / 3], base=2) * (0 + 1 / 2 + 1 + 1) / 4)
    assert repr(graph).endswith(f"coverage 0.800, majority {graph.majority:.3f})")


def test_shape_is_what_networkx_finds():
    graph = example()
    theirs = graph.to_networkx()
    assert (theirs.number_of_nodes(), theirs.number_of_edges()) == (graph.n_nodes, len(graph.edges))
    assert networkx.number_connected_components(theirs) == graph.n_components
    assert len(networkx.cycle_basis(theirs)) == graph.n_cycles
    for i, j, edge in theirs.edges(data=True):
        first, second = set(graph.members[i].tolist()), set(graph.members[j].tolist())
        assert edge == {"shared": len(first & second), "jaccard": len(first & second) / len(first | second)}
    for node, facts in theirs.nodes(data=True):
        assert facts["size"] == len(graph.members[node])
        assert sum(facts["label_counts"].values()) == facts["size"]
        assert facts["sample_ids"] == graph.samples(node).tolist()


def test_samples_lead_back_to_the_data_set():
    graph = graph_of([[0, 2], [2, 3]], 4)
    data_set = {index: f"image {index}" for index in range(200)}
    assert [data_set[i] for i in graph.samples(1)] == ["image 102", "image 103"]
    with pytest.raises(IndexError, match="Expected `node` to be from 0 to 1, got 2"):
        graph.samples(2)


def test_confusions_are_the_pairs_that_share_most_nodes():
    graph = graph_of([[0, 1, 2], [1, 2], [3, 4, 5]], 6, [0, 0, 1, 1, 2, 2], ("cat", "dog", "eel"))
    assert graph.confusions() == [Confusion("cat", "dog", 2, 2), Confusion("dog", "eel", 1, 1)]
    assert graph.confusions(most=1) == graph.confusions()[:1]
    assert graph_of([[0, 1]], 2).confusions() == []


def test_a_class_without_points_has_no_purity():
    graph = graph_of([[0, 1]], 2, [0, 2], ("a", "b", "c"))
    assert np.isnan(graph.purity_class_wise["b"])
    assert graph.purity_class_wise["a"] == 0.5


def test_without_labels_purity_is_nan_and_the_rest_is_there():
    graph = graph_of([[0, 1], [1, 2]], 4, edges=[(0, 1)], shared=[1])
    assert np.isnan([graph.purity_node_wise, graph.purity_point_wise, graph.majority, graph.label_entropy]).all()
    assert (graph.coverage, graph.purity_class_wise, graph.label_counts.shape) == (0.75, {}, (2, 0))
    assert graph.jaccard.tolist() == [1 / 3]


def test_an_empty_graph_is_a_graph():
    graph = graph_of([], 5, [0, 1, 0, 1, 0])
    assert (graph.n_nodes, graph.n_components, graph.n_cycles, graph.coverage) == (0, 0, 0, 0.0)
    assert graph.purity_point_wise == 0
    assert np.isnan(graph.purity_node_wise)
    assert graph.to_networkx().number_of_nodes() == 0
    with pytest.raises(ValueError, match="Expected a graph with nodes, got an empty one"):
        graph.to_html()


def test_the_page_of_kepler_mapper_shows_every_node():
    graph = example()
    page = graph.to_html("Layer stem")
    assert "Layer stem" in page
    assert page.count("_cluster") >= graph.n_nodes
    assert "sample 7: " in page


def test_arrays_hold_the_whole_graph():
    graph = example()
    again = MapperGraph.from_arrays(graph.to_arrays(), graph.sample_ids, graph.labels, graph.classes)
    for mine, theirs in zip(graph.members, again.members, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for name in ("filter_means", "intervals", "edges", "shared", "positions", "node_purity", "jaccard", "sizes"):
        np.testing.assert_array_equal(getattr(graph, name), getattr(again, name))
    empty = graph_of([], 3)
    assert MapperGraph.from_arrays(empty.to_arrays(), empty.sample_ids).n_nodes == 0


def test_a_graph_takes_labels_as_people_have_them():
    graph = dataclasses.replace(graph_of([[0, 1], [1, 2]], 3), labels=np.array(["b", None, "a"], dtype=object))
    assert (graph.labels.tolist(), graph.classes) == ([1, 2, 0], ("a", "b", "missing"))
    assert graph.label_counts.tolist() == [[0, 1, 1], [1, 0, 1]]
