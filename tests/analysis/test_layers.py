"""What is measured on one layer alone, and what becomes of it where a measure fails."""

import gc
import weakref

import numpy as np
from analysis_tools import random_clouds, replace_layer

from topocallback.analysis.layers import layer_facts, measure_layer
from topocallback.analysis.options import AnalysisOptions
from topocallback.clock import Clock
from topocallback.measures import Distance, MapperPurity, NeighbourAccuracy, SlicedWasserstein, Statistic
from topocallback.measures.mapper.options import MapperOptions
from topocallback.measures.noise import N_QUARTERS, error_of, prepare_layer
from topocallback.measures.sign_flips import N_PARTS
from topocallback.records.point_clouds import PointClouds


class Counting(Distance):
    """A distance that remembers of which facts it was asked to prepare something."""

    def __init__(self):
        object.__setattr__(self, "seen", [])

    def prepare(self, facts):
        self.seen.append(facts)
        return facts.n_points

    def between(self, first, second):
        return float(abs(first - second))


class ManyPoints(Distance):
    """A distance that needs more points than a part of the samples has."""

    label = "Distance of many points"

    def prepare(self, facts):
        if facts.n_points < 30:
            raise ValueError(f"Expected at least 30 points, got {facts.n_points}.")
        return facts.cloud.std()

    def between(self, first, second):
        return float(abs(first - second))


def measured(clouds, layer="a", **options):
    options = AnalysisOptions(**options)
    return measure_layer(layer_facts(clouds, layer, options), options, Clock())


def test_the_facts_of_a_layer_are_those_of_its_cloud_and_samples():
    labels, ids = np.array(["x", "y"] * 20), np.arange(7, 47)
    clouds = random_clouds(labels=labels, sample_ids=ids)
    options = AnalysisOptions(homology_dims=(0, 2), scale="none", backend="gudhi", mapper=MapperOptions(n_intervals=3))
    facts = layer_facts(clouds, "b", options)
    np.testing.assert_array_equal(facts.cloud, clouds.clouds["b"])
    assert facts.labels.tolist() == labels.tolist()
    assert facts.sample_ids.tolist() == ids.tolist()
    assert (facts.homology_dims, facts.scale) == ((0, 2), 1.0)
    assert facts.mapper.classes == ("x", "y")


def test_the_facts_of_a_layer_with_several_points_per_sample_follow_their_owners():
    owners = np.array([0, 0, 1, 3, 3])
    clouds = PointClouds(
        {"a": np.eye(4), "rows": np.eye(5)},
        sample_ids=np.array([10, 11, 12, 13]),
        labels=np.array([0, 1, 0, 2]),
        owners={"rows": owners},
    )
    facts = layer_facts(clouds, "rows", AnalysisOptions())
    assert facts.labels.tolist() == [0, 0, 1, 2, 2]
    assert facts.sample_ids.tolist() == [10, 10, 11, 13, 13]
    assert facts.mapper.classes == layer_facts(clouds, "a", AnalysisOptions()).mapper.classes


def test_a_layer_gives_what_its_measures_say_of_its_facts():
    clouds = random_clouds(labels=np.arange(40) % 2)
    options = AnalysisOptions(measures=["bottleneck", Counting(), NeighbourAccuracy(k=2)])
    found, facts = measured(clouds, measures=options.measures), layer_facts(clouds, "a", options)
    assert (found.n_points, found.scale, found.problems) == (40, facts.scale, [])
    assert list(found.prepared) == list(range(len(options.distances)))
    assert list(found.values) == list(range(len(options.statistics)))
    for i, (value, error) in found.values.items():
        statistic = options.statistics[i]
        assert value == statistic.value(facts)
        np.testing.assert_equal(error, error_of(statistic, value, facts))
    for i, layer in found.prepared.items():
        expected = prepare_layer(options.distances[i], facts)
        np.testing.assert_array_equal(layer.whole, expected.whole)
        np.testing.assert_equal(layer.noise, expected.noise)
        np.testing.assert_equal(layer.size, expected.size)
        assert layer.n_points.tolist() == expected.n_points.tolist()


def test_what_a_layer_leaves_are_the_diagrams_of_the_whole_and_of_its_parts():
    found, facts = measured(random_clouds()), layer_facts(random_clouds(), "a", AnalysisOptions())
    assert found.facts.cloud.size == 0
    for count in (N_PARTS, N_QUARTERS):
        for part, expected in zip(found.facts.parts(count), facts.parts(count), strict=True):
            assert part.n_points == expected.n_points
            for bars, others in zip(part.diagrams, expected.diagrams, strict=True):
                np.testing.assert_array_equal(bars, others)


def test_a_layer_is_prepared_once_and_each_of_its_parts():
    counting = Counting()
    found = measured(random_clouds(n=48), measures=[counting])
    # It knows no size, so its noise asks how distances grow from the twelfths to the quarters.
    assert sorted(facts.n_points for facts in counting.seen) == [4] * 24 + [12] * 4 + [48]
    layer = found.prepared[0]
    assert (layer.whole, list(layer.parts), layer.noise) == (48, [4] * 12, 0.0)


def test_the_noise_of_a_paired_distance_is_not_known():
    class PairedCounting(Counting):
        paired = True

    counting = PairedCounting()
    found = measured(random_clouds(n=48), measures=[counting, SlicedWasserstein()])
    assert sorted(facts.n_points for facts in counting.seen) == [4] * 12 + [48]
    assert np.isnan(found.prepared[0].noise)
    assert found.problems == []


def test_noise_that_cannot_be_measured_on_parts_of_the_samples_is_said():
    found = measured(random_clouds(), measures=[ManyPoints()])
    assert found.prepared[0].whole == random_clouds().clouds["a"].std()
    assert np.isnan(found.prepared[0].noise)
    reason = "ValueError: Expected at least 30 points, got 3."
    assert found.problems == [f"The noise of Distance of many points is not known. {reason}"]


def test_a_measure_that_fails_on_the_whole_is_said_once():
    found = measured(random_clouds(n=24), measures=[ManyPoints(), SlicedWasserstein()])
    assert 0 not in found.prepared
    assert found.problems == ["It has no Distance of many points. ValueError: Expected at least 30 points, got 24."]


def test_statistics_without_their_labels_or_graph_are_not_known():
    class NoGraph(Statistic):
        needs_labels = True

        def value(self, facts):
            raise AssertionError("It was asked without labels.")

    def fails(points):
        raise RuntimeError("no filter today")

    found = measured(random_clouds(), measures=[NoGraph()])
    of_no_graph = len(AnalysisOptions(measures=[NoGraph()]).statistics) - 1
    assert of_no_graph not in found.values
    assert found.problems == []
    found = measured(
        random_clouds(labels=np.arange(40) % 2), measures=[MapperPurity()], mapper=MapperOptions(filter=fails)
    )
    assert found.mapper is None
    assert len(found.values) == 12  # those of diagrams, in two dimensions, and of clouds
    assert found.problems == ["It has no Mapper graph. RuntimeError: no filter today"]


def test_a_layer_without_points_is_asked_for_nothing():
    class Fails(Statistic):
        def value(self, facts):
            raise AssertionError("It was asked without points.")

    counting = Counting()
    clouds = replace_layer(random_clouds(), "a", np.full((40, 2), np.nan))
    found = measured(clouds, measures=[counting, Fails()])
    assert (found.n_points, found.scale, counting.seen) == (0, 1.0, [])
    assert (found.prepared, found.values) == ({}, {})
    assert found.problems == ["40 of 40 points hold NaN or infinity and were left out."]


def test_a_layer_of_which_no_position_was_kept_says_so():
    clouds = PointClouds({"a": np.eye(3), "rows": np.empty((0, 5))}, owners={"rows": np.empty(0, dtype=np.int64)})
    assert measured(clouds, "rows").problems == ["No points: the mask kept no position of any sample."]


def test_what_has_been_measured_is_gone_at_once_with_its_distances():
    clouds, options = random_clouds(), AnalysisOptions()
    gc.disable()  # which would find it in the end
    try:
        facts = layer_facts(clouds, clouds.layers[0], options)
        measured = measure_layer(facts, options, Clock())
        left, distances = weakref.ref(facts), weakref.ref(facts.distances)
        del facts
        assert left() is distances() is None
    finally:
        gc.enable()
    assert len(measured.facts.parts(N_PARTS)) == N_PARTS
