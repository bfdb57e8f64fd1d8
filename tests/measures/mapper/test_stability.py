"""Stability: agreement between the graphs of parts of a cloud, beyond that of chance."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import facts as facts_module
from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.graph import mapper_graph
from topocallback.measures.mapper.options import MapperOptions
from topocallback.measures.mapper.stability import MapperStability, _kappa
from topocallback.measures.table import from_record, to_record
from topocallback.records.point_clouds import PointClouds


def cloud_of(n=120, seed=0):
    rng = np.random.default_rng(seed)
    return 6 * np.eye(3)[np.arange(n) % 3] + rng.normal(size=(n, 3))


def test_it_is_scikit_learns_kappa_of_sharing_a_node():
    points = cloud_of()
    found = MapperStability(n_draws=2, share=0.7, seed=3)(points)
    rng = np.random.default_rng(3)
    draws = [np.sort(rng.choice(120, 84, replace=False)) for _ in range(2)]
    common = np.intersect1d(*draws)
    answers = []
    for draw in draws:
        graph = mapper_graph(points[draw], sample_ids=draw)
        nodes = [{*graph.samples(node).tolist()} for node in range(graph.n_nodes)]
        answers.append([any({i, j} <= node for node in nodes) for i in common for j in common if i < j])
    assert found == pytest.approx(cohen_kappa_score(*answers))
    assert 0 < found < 1


def test_it_is_the_mean_over_all_pairs_of_draws():
    points = cloud_of()
    values = [MapperStability(n_draws=n)(points) for n in (2, 3)]
    assert values[0] != values[1]
    assert MapperStability()(points) == MapperStability()(points)
    assert MapperStability(seed=1)(points) != MapperStability()(points)


def test_by_default_graphs_of_real_activations_are_more_stable_than_in_the_papers_setting(reference_clouds):
    stability = MapperStability(n_draws=12)  # of five draws, single layers differ by .1 from seed to seed
    rule, paper = (
        [stability.value(LayerFacts(cloud[:256], mapper=options)) for cloud in reference_clouds.values()]
        for options in (MapperOptions(), MapperOptions.purvine2023())
    )
    assert np.mean(rule) >= 0.86
    assert min(rule) >= 0.77
    assert np.mean(rule) > np.nanmean(paper) + 0.1


def test_it_follows_the_options_of_the_layers_graph():
    coarse, fine = (LayerFacts(cloud_of(), mapper=MapperOptions(n_intervals=n)) for n in (1, 30))
    assert MapperStability().value(coarse) > MapperStability().value(fine)


def test_no_graph_is_drawn(monkeypatch):
    def fails(*_):
        raise AssertionError("drawn")

    monkeypatch.setattr(facts_module, "lay_out", fails)
    assert MapperStability()(cloud_of()) > 0


def test_of_equal_points_it_is_1_and_of_no_nodes_not_defined():
    assert MapperStability()(np.ones((30, 2))) == 1
    assert np.isnan(MapperStability()(cloud_of(4)))
    assert np.isnan(MapperStability().value(LayerFacts(cloud_of(), mapper=MapperOptions(radius=1e-9))))
    assert np.isnan(MapperStability()(np.empty((0, 2))))
    assert np.isnan(MapperStability()([[1.0]]))


def test_chance_is_0_and_disagreement_is_below():
    yes, no = np.ones(4, dtype=bool), np.zeros(4, dtype=bool)
    half, other = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert _kappa(yes, yes) == 1
    assert np.isnan(_kappa(no, no))
    assert _kappa(yes, no) == _kappa(half, other) == 0
    assert (_kappa(half, half), _kappa(half, ~half)) == (1, -1)


def test_points_that_are_not_finite_are_not_drawn():
    points = cloud_of()
    spoilt = np.concatenate([np.full((5, 3), np.nan), points])
    assert MapperStability().value(LayerFacts(spoilt)) == MapperStability()(points)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_draws": 1}, "Expected `n_draws` of mapper_stability to be an integer of at least 2, got 1"),
        ({"n_draws": 2.5}, "Expected `n_draws` of mapper_stability to be an integer of at least 2, got 2.5"),
        ({"share": 1.0}, "Expected `share` of mapper_stability to be above 0 and below 1, got 1.0"),
        ({"share": "most"}, "Expected `share` of mapper_stability to be above 0 and below 1, got 'most'"),
        ({"seed": -1}, "Expected `seed` of mapper_stability to be an integer of at least 0, got -1"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MapperStability(**options)


def test_by_its_name_it_is_a_table_of_the_snapshot():
    clouds = PointClouds({"first": cloud_of(), "second": cloud_of(seed=1)}, sample_ids=np.arange(120))
    assert "mapper_stability" not in analyse(clouds).statistics.measures
    snapshot = analyse(clouds, AnalysisOptions(measures=("sliced_wasserstein", "mapper_stability")))
    expected = [MapperStability()(cloud) for cloud in clouds.clouds.values()]
    assert snapshot.statistics["mapper_stability"].values.tolist() == expected
    with pytest.raises(ValueError, match="Expected `mapper` to be True for mapper_stability, got False"):
        AnalysisOptions(measures=("mapper_stability",), mapper=False)


def test_a_record_is_enough_to_make_it_again():
    measure = MapperStability(n_draws=3, share=0.5, seed=7)
    assert from_record(to_record(measure)) == measure
