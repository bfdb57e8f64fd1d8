"""Which numbers loggers get: what a person reads, and what was asked for."""

import pytest

from topocallback.analysis.gap import gap_descriptions
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import NeighbourAccuracy, SlicedWasserstein
from topocallback.monitor.scalars import logged_quantities

OF_CLOUDS = {"participation_ratio", "mean_cosine", "dead_units", "knn_accuracy"}


def logged(*measures, **options):
    """Without what there is of training samples."""
    found = logged_quantities("few", AnalysisOptions(list(measures), **options))
    return {name for name in found if not name.startswith("train_gap")}


def drifts(suffix):
    return {f"drift{suffix}", f"drift_from_reference{suffix}"}


@pytest.mark.parametrize(("dims", "shown"), [((0, 1), 1), ((0,), 0), ((0, 2), 0), ((1, 2), 1)])
def test_a_distance_is_logged_in_one_dimension_h1_where_there_is_one(dims, shown):
    expected = {*drifts(f"_H{shown}"), f"noise_H{shown}", *OF_CLOUDS}
    assert logged("sliced_wasserstein", homology_dims=dims, backend="gudhi") == expected


def test_every_distance_that_was_asked_for_is_logged_with_the_noise_of_the_first():
    expected = {*drifts("_H1"), "noise_H1", *drifts("_bottleneck_H1"), *drifts("_cka"), *OF_CLOUDS}
    assert logged("bottleneck", "cka") | drifts("_bottleneck_H1") == expected
    assert logged("sliced_wasserstein", "bottleneck", "cka") == expected


def test_who_asks_for_a_dimension_gets_it():
    asked = logged(SlicedWasserstein(homology_dim=0), SlicedWasserstein(homology_dim=1))
    assert asked == {*drifts("_H0"), *drifts("_H1"), "noise_H0", *OF_CLOUDS}


def test_statistics_that_were_asked_for_are_logged_in_every_dimension():
    named = logged("sliced_wasserstein", "bars", "mapper_purity", NeighbourAccuracy(k=5))
    of_clouds = OF_CLOUDS - {"knn_accuracy"} | {"knn_accuracy(k=5)"}
    assert named == {*drifts("_H1"), "noise_H1", "bars_H0", "bars_H1", "mapper_purity", *of_clouds}


def test_of_training_samples_there_are_the_statistics_that_stay_and_whether_a_distance_tells_them_apart():
    options = AnalysisOptions(["sliced_wasserstein", "bars"])
    possible = {about.tag for about in gap_descriptions(options)}
    expected = {"bars_H0", "bars_H1", "p_sliced_wasserstein_H1", *OF_CLOUDS}
    assert possible & logged_quantities("few", options) == {f"train_gap_{name}" for name in expected}


def test_all_of_them_need_no_list():
    assert logged_quantities("all", AnalysisOptions()) is None


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="Expected `scalars` to be 'few' or 'all', got 'none'"):
        logged_quantities("none", AnalysisOptions())
