"""Statistics of Mapper graphs: those of the graph, of a layer or of plain arrays."""

import numpy as np
import pytest

from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.graph import mapper_graph
from topocallback.measures.mapper.options import MapperOptions
from topocallback.measures.mapper.statistics import MapperCoverage, MapperMajority, MapperPurity, MapperStatistic

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
    assert MapperMajority().value(facts) == graph.majority
    assert 0 < graph.purity_point_wise < graph.coverage <= 1


def test_on_plain_arrays_the_graph_is_the_default_one():
    points, labels = clusters()
    graph = mapper_graph(points, labels)
    assert MapperPurity()(points, labels) == graph.purity_point_wise
    assert MapperCoverage()(points) == graph.coverage


def test_purity_of_reference_layers(reference, reference_clouds, reference_labels):
    for layer, expected in reference["mapper_l2norm_40_cubes_30_percent_dbscan5_elbow"].items():
        facts = LayerFacts(reference_clouds[layer], reference_labels, mapper=MapperOptions.purvine2023())
        assert MapperPurity().value(facts) == pytest.approx(expected["point_purity"], rel=1e-12)
        assert MapperCoverage().value(facts) == pytest.approx(expected["covered_points"] / facts.n_points, rel=1e-12)


@pytest.mark.parametrize("options", [MapperOptions(), MapperOptions.purvine2023()], ids=["rule", "paper"])
def test_purity_is_at_most_majority_share_times_coverage(reference_clouds, reference_labels, options):
    for cloud in reference_clouds.values():
        facts = LayerFacts(cloud, reference_labels, mapper=options)
        purity, majority = MapperPurity().value(facts), MapperMajority().value(facts)
        assert 0 < purity <= majority * MapperCoverage().value(facts) + 1e-12


def test_of_nodes_of_one_class_purity_is_the_coverage_and_the_majority_share_is_1():
    points, labels = clusters()
    facts = LayerFacts(points + 100 * np.eye(3)[labels], labels, mapper=OPTIONS)
    assert 0.5 < MapperCoverage().value(facts) < 1
    assert MapperPurity().value(facts) == pytest.approx(MapperCoverage().value(facts))
    assert MapperMajority().value(facts) == 1


def test_without_a_point_in_a_node_there_is_no_majority_share():
    points, labels = clusters()
    assert np.isnan(MapperMajority().value(LayerFacts(points, labels, mapper=MapperOptions(radius=1e-9))))
    assert np.isnan(MapperMajority().value(LayerFacts(points, mapper=OPTIONS)))


@pytest.mark.parametrize("statistic", [MapperMajority(), MapperPurity()])
def test_what_tells_of_classes_is_refused_without_labels(statistic):
    with pytest.raises(ValueError, match=f"Expected `labels` for {statistic.key}, which needs them, got none"):
        statistic(clusters()[0])


def test_a_statistic_of_ones_own_gets_the_graph():
    class MapperNodes(MapperStatistic):
        def of_graph(self, graph):
            return float(graph.n_nodes)

    points, _ = clusters()
    assert MapperNodes()(points) == mapper_graph(points).n_nodes
    with pytest.raises(NotImplementedError, match="MapperStatistic has no `of_graph`"):
        MapperStatistic()(points)
