"""Drift by distances that need more than diagrams: from the clouds that were kept of earlier steps."""

import numpy as np
import pytest
from analysis_tools import SLICED, random_clouds, replace_layer

from topocallback.analysis.analyse import analyse_next
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import MEASURES, Distance
from topocallback.records.point_clouds import PointClouds

OPTIONS = AnalysisOptions([SLICED, "cka", "knn_overlap"], homology_dims=(0,), mapper=False)


class Spread(Distance):
    """How differently two clouds are spread: neither paired nor of diagrams."""

    def prepare(self, facts):
        return float(np.asarray(facts.cloud, dtype=np.float64).std())

    def between(self, first, second):
        return abs(first - second)


class SameWidth(Distance):
    paired = True

    def prepare(self, facts):
        return np.asarray(facts.cloud, dtype=np.float64)

    def between(self, first, second):
        if first.shape != second.shape:
            raise ValueError(f"Expected layers of one width, got {first.shape[1]} and {second.shape[1]}.")
        return float(np.linalg.norm(first - second))


def moved(clouds, *layers, by=0.3, seed=1):
    rng = np.random.default_rng(seed)
    new = {layer: clouds[layer] + by * rng.normal(size=clouds[layer].shape) for layer in layers}
    return PointClouds({**clouds.clouds, **new}, clouds.sample_ids, clouds.labels)


def steps(options, *clouds):
    found = []
    for step, each in enumerate(clouds):
        previous, first = (found[-1], found[0]) if found else (None, None)
        found.append(analyse_next(each, options, step, 0, previous, first))
    return found


def test_it_is_the_distance_between_the_clouds_of_both_steps_as_far_as_half_precision_tells():
    clouds = [random_clouds(n=240)]
    clouds += [moved(clouds[0], *"abc", seed=1), moved(clouds[0], *"abc", seed=2)]
    last = steps(OPTIONS, *clouds)[-1].snapshot
    for measure in ("cka", "knn_overlap"):
        distance, table = MEASURES[measure](), last.distances[measure]
        for found, earlier in ((table.drift, clouds[1]), (table.drift_from_reference, clouds[0])):
            expected = [distance(clouds[2][layer], earlier[layer]) for layer in "abc"]
            np.testing.assert_allclose(found, expected, atol=2e-3)
            assert min(expected) > 0.005


@pytest.mark.parametrize("measure", ["cka", "euclidean_shape_metric"])  # the second one grows with the samples
def test_it_has_a_standard_error_that_is_near_the_spread_over_other_samples(measure):
    rng = np.random.default_rng(0)
    options = AnalysisOptions([measure], homology_dims=(0,), mapper=False)
    values, errors = [], []
    for _ in range(30):
        cloud = rng.normal(size=(240, 3)) * [3, 2, 1]
        _, second = steps(options, *[PointClouds({"a": each}) for each in (cloud, cloud + rng.normal(size=(240, 3)))])
        table = second.snapshot.distances[measure]
        values.append(table.drift[0])
        errors.append(table.drift_errors[0])
    assert 0.6 < np.mean(errors) / np.std(values, ddof=1) < 1.7
    assert np.isnan(table.drift_p).all()


def test_a_layer_that_stands_still_does_not_drift_at_all():
    clouds = random_clouds(n=240)
    for found in steps(OPTIONS, clouds, moved(clouds, "b"), moved(clouds, "b"))[1:]:
        for measure in ("cka", "knn_overlap"):
            table = found.snapshot.distances[measure]
            assert abs(table.drift_from_reference[[0, 2]]).max() < 1e-12
            assert table.drift_from_reference[1] > 0.01
            assert (table.drift_errors[[0, 2]] < 1e-12).all()


def test_there_is_none_in_the_first_snapshot_and_none_of_a_layer_that_was_not_there():
    clouds = random_clouds(n=240)
    first, second = steps(OPTIONS, PointClouds({"a": clouds["a"]}), clouds)
    assert np.isnan(first.snapshot.distances["cka"].drift).all()
    assert np.isfinite(second.snapshot.distances["cka"].drift).tolist() == [True, False, False]


def test_nothing_is_kept_where_all_distances_are_of_diagrams():
    (found,) = steps(AnalysisOptions([SLICED], homology_dims=(0,), mapper=False), random_clouds())
    assert found.clouds is None


def test_an_unpaired_distance_of_ones_own_is_tested():
    clouds = random_clouds("ab", n=240)
    changed = PointClouds({"a": clouds["a"], "b": 3 * clouds["b"]})
    _, second = steps(AnalysisOptions([Spread()], homology_dims=(0,), mapper=False), clouds, changed)
    table = second.snapshot.distances["spread"]
    np.testing.assert_allclose(table.drift, [0, 2 * np.std(clouds["b"])], rtol=1e-3)
    assert table.drift_p[0] == 1
    assert table.drift_p[1] < 0.01


def test_points_that_are_left_out_are_left_out_on_both_sides():
    clouds = random_clouds("ab", n=240)
    broken = clouds["a"].copy()
    broken[5] = np.nan
    _, second = steps(OPTIONS, clouds, moved(replace_layer(clouds, "a", broken), "b"))
    table = second.snapshot.distances["cka"]
    assert table.drift[0] == pytest.approx(0, abs=1e-6)
    assert table.drift[1] > 0.01


def test_a_layer_whose_width_has_changed_costs_its_own_drift_and_says_so():
    clouds = random_clouds("ab", n=60)
    wider = replace_layer(moved(clouds, "a"), "b", np.random.default_rng(3).normal(size=(60, 9)))
    options = AnalysisOptions([SameWidth()], homology_dims=(0,), mapper=False)
    _, second = steps(options, clouds, wider)
    table = second.snapshot.distances["same_width"]
    assert np.isfinite(table.drift).tolist() == [True, False]
    problem = second.snapshot.problems["Same width"]
    assert "The drift of b could not be measured. ValueError: Expected layers of one width, got 9 and 3." in problem


def test_labels_and_several_points_of_a_sample_are_those_of_the_step():
    cloud = np.random.default_rng(0).normal(size=(80, 3))
    owners = {"a": np.repeat(np.arange(40), 2)}
    first = PointClouds({"a": cloud}, np.arange(40), np.arange(40) % 2, owners=owners)
    second = PointClouds({"a": cloud + 0.1}, np.arange(40), np.arange(40) % 2, owners=owners)
    found = steps(AnalysisOptions(["cka"], homology_dims=(0,), mapper=False), first, second)[-1].snapshot
    assert found.distances["cka"].drift[0] == pytest.approx(0, abs=1e-5)
