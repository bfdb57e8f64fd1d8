"""Statistics of Mapper graphs: those of the graph, of a layer or of plain arrays."""

import numpy as np
import pytest

from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.graph import mapper_graph
from topocallback.measures.mapper.options import MapperOptions
from topocallback.measures.mapper.statistics import MapperCoverage, MapperPurity, MapperStatistic

OPTIONS = MapperOptions(n_intervals=6, radius=1.5)


def clusters(n=200, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    return 3 * np.eye(3)[labels] + rng.normal(size=(n, 3)), labels


def test_statistics_are_those_of_the_layers_graph():
    points, labels = clusters()
    facts = LayerFacts(points, labels, mapper=OPTIONS)
    graph = mapper_graph(points, labels, OPTIONS)
    assert MapperPurity().value(facts) == graph.purity_point_wise
    assert MapperCoverage().value(facts) == graph.coverage
    assert 0 < graph.purity_point_wise < graph.coverage <= 1


def test_on_plain_arrays_the_graph_is_the_papers():
    points, labels = clusters()
    graph = mapper_graph(points, labels)
    assert MapperPurity()(points, labels) == graph.purity_point_wise
    assert MapperCoverage()(points) == graph.coverage


def test_purity_of_reference_layers(reference, reference_clouds, reference_labels):
    for layer, expected in reference["mapper_l2norm_40_cubes_30_percent_dbscan5_elbow"].items():
        cloud = reference_clouds[layer]
        assert MapperPurity()(cloud, reference_labels) == pytest.approx(expected["point_purity"], rel=1e-12)
        assert MapperCoverage()(cloud) == pytest.approx(expected["covered_points"] / len(cloud), rel=1e-12)


def test_purity_without_labels_is_refused():
    with pytest.raises(ValueError, match="Expected `labels` for mapper_purity, which needs them, got none"):
        MapperPurity()(clusters()[0])


def test_a_statistic_of_ones_own_gets_the_graph():
    class MapperNodes(MapperStatistic):
        def of_graph(self, graph):
            return float(graph.n_nodes)

    points, _ = clusters()
    assert MapperNodes()(points) == mapper_graph(points).n_nodes
    with pytest.raises(NotImplementedError, match="MapperStatistic has no `of_graph`"):
        MapperStatistic()(points)
