"""The gap between training and validation data: like for like, and no more often there than chance allows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from topocallback import AnalysisOptions, PointClouds, Snapshot, analyse
from topocallback.analysis.analyse import analyse_next
from topocallback.analysis.analysed import Analysed
from topocallback.analysis.gap import gap_descriptions, with_gap
from topocallback.measures import MEASURES
from topocallback.views.logging import scalars

OPTIONS = AnalysisOptions(["sliced_wasserstein", "knn_accuracy", "two_nn"], homology_dims=(0,), mapper=False)
NAMED = [("knn_accuracy", None), ("two_nn", None), ("bars", 0), ("total_persistence", 0)]


def clouds_of(seed: int, n: int = 60, *, apart: float = 0.0, labels: bool = True, **more) -> PointClouds:
    """Two classes in three dimensions, so far apart."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, n)
    points = rng.normal(size=(n, 3)) + apart * classes[:, None]
    return PointClouds({"head": points}, labels=classes if labels else None, **more)


def gap_of(training: PointClouds, validation: PointClouds, options: AnalysisOptions = OPTIONS, n_threads: int = 1):
    analysed = Analysed(analyse(validation, options))
    return with_gap(analysed, validation, training, options, n_threads)


def test_a_gap_is_the_difference_of_what_the_measures_give_on_their_own():
    training, validation = clouds_of(0, apart=3.0), clouds_of(1)
    found = gap_of(training, validation)
    for key, own in (("knn_accuracy", MEASURES["knn_accuracy"]()), ("two_nn", MEASURES["two_nn"]())):
        expected = own(training["head"], training.labels) - own(validation["head"], validation.labels)
        assert found.statistics[f"train_gap_{key}"].values == pytest.approx([expected])
    for key, dim in NAMED:
        ours, theirs = (analyse(each, OPTIONS).statistics[key, dim] for each in (training, validation))
        gap = found.statistics[f"train_gap_{key}", dim]
        assert gap.values == pytest.approx(ours.values - theirs.values)
        assert gap.errors == pytest.approx(np.sqrt(ours.errors**2 + theirs.errors**2), nan_ok=True)


def test_the_distance_is_that_of_the_two_clouds_and_is_tested():
    training, validation = clouds_of(0, apart=8.0), clouds_of(1)
    found = gap_of(training, validation).statistics
    diagrams = [analyse(each, OPTIONS).diagrams["head"][0] for each in (training, validation)]
    expected = MEASURES["sliced_wasserstein"]().of_diagrams(*diagrams)
    assert found["train_gap_sliced_wasserstein", 0].values == pytest.approx([expected])
    assert found["train_gap_p_sliced_wasserstein", 0].values < 0.01


def test_both_sides_in_each_other_s_place_turn_the_signs_and_leave_distances():
    training, validation = clouds_of(0, apart=3.0), clouds_of(1)
    one, other = gap_of(training, validation).statistics, gap_of(validation, training).statistics
    for key, dim in NAMED:
        assert one[f"train_gap_{key}", dim].values == pytest.approx(-other[f"train_gap_{key}", dim].values)
    for key in ("train_gap_sliced_wasserstein", "train_gap_p_sliced_wasserstein"):
        assert one[key, 0].values == pytest.approx(other[key, 0].values)


def test_the_same_data_on_both_sides_have_no_gap():
    found = gap_of(clouds_of(0), clouds_of(0))
    for key, dim in NAMED:
        assert found.statistics[f"train_gap_{key}", dim].values == [0.0]
    assert found.statistics["train_gap_sliced_wasserstein", 0].values == pytest.approx([0.0])
    assert found.statistics["train_gap_p_sliced_wasserstein", 0].values == [1.0]


@pytest.mark.parametrize(("n_training", "n_validation"), [(40, 90), (90, 40)])
def test_of_the_larger_side_only_as_many_samples_are_compared(n_training, n_validation):
    training, validation = clouds_of(0, n_training), clouds_of(1, n_validation)
    found = gap_of(training, validation)
    assert found.recording["train_samples"] == 40
    # One bar in H0 for every point but one, if as many points are looked at.
    assert found.statistics["train_gap_bars", 0].values == [0.0]
    assert found.statistics["bars", 0].values == [n_validation - 1]
    assert np.isfinite(found.statistics["train_gap_p_sliced_wasserstein", 0].values).all()


def test_samples_of_several_points_stay_together_where_fewer_are_compared():
    rng = np.random.default_rng(0)
    owners = {"head": np.repeat(np.arange(40), 3)}
    validation = PointClouds({"head": rng.normal(size=(120, 2))}, owners=owners, sample_ids=np.arange(40))
    owners = {"head": np.repeat(np.arange(25), 3)}
    training = PointClouds({"head": rng.normal(size=(75, 2))}, owners=owners, sample_ids=np.arange(25))
    options = AnalysisOptions(homology_dims=(0,), mapper=False)
    assert gap_of(training, validation, options).statistics["train_gap_bars", 0].values == [0.0]


def test_the_number_of_threads_changes_nothing():
    rng = np.random.default_rng(0)
    both = [PointClouds({name: rng.normal(size=(50, 3)) for name in "abc"}) for _ in range(2)]
    options = AnalysisOptions(mapper=False)
    one, three = (gap_of(*both, options, n_threads=n).statistics for n in (1, 3))
    for key in one:
        np.testing.assert_array_equal(one[key].values, three[key].values)


def test_two_samples_of_one_distribution_differ_in_as_many_cases_as_they_may():
    n, options = 120, AnalysisOptions(homology_dims=(0,), mapper=False)
    p = [
        gap_of(clouds_of(2 * i, 48, labels=False), clouds_of(2 * i + 1, 48, labels=False), options).statistics[
            "train_gap_p_sliced_wasserstein", 0
        ].values[0]
        for i in range(n)
    ]  # fmt: skip
    found = int((np.array(p) <= 0.05).sum())
    assert found <= binom.ppf(0.999, n, 0.05)
    assert found >= binom.ppf(0.001, n, 0.05)


def test_the_error_of_a_gap_is_its_spread_over_samples():
    options = AnalysisOptions(["sliced_wasserstein", "two_nn"], homology_dims=(0,), mapper=False)
    tables = [gap_of(clouds_of(2 * i, 96), clouds_of(2 * i + 1, 96), options).statistics for i in range(40)]
    for key, dim in (("total_persistence", 0), ("two_nn", None)):
        values, errors = (
            np.array([getattr(table[f"train_gap_{key}", dim], name)[0] for table in tables])
            for name in ("values", "errors")
        )
        assert np.median(errors) == pytest.approx(values.std(ddof=1), rel=0.4)


def test_what_is_added_is_what_was_announced_and_comes_back_from_a_file(tmp_path):
    found = gap_of(clouds_of(0, apart=3.0), clouds_of(1))
    announced = gap_descriptions(OPTIONS)
    added = [table.about for key, table in found.statistics.items() if key[0].startswith("train_gap")]
    assert added == announced
    again = Snapshot.load(found.save(tmp_path / "snapshot.npz"))
    assert again.statistics["train_gap_knn_accuracy"].about in announced
    assert again.statistics["train_gap_knn_accuracy"].about.range == (-1.0, 1.0)
    assert {f"topology/{about.tag}/head" for about in announced} <= set(scalars(again))


def test_statistics_of_mapper_graphs_have_no_gap():
    assert not [about for about in gap_descriptions(AnalysisOptions()) if "mapper" in about.measure]


def test_names_keep_their_capitals():
    options = AnalysisOptions(["rankme", "two_nn", "knn_accuracy"], mapper=False)
    labels = [about.label.partition(": ")[2] for about in gap_descriptions(options)]
    assert labels[0] == "number of bars"
    assert labels[-3:] == [MEASURES["rankme"].label, "intrinsic dimension (TwoNN)", "accuracy of nearest neighbours"]


# -- What is bad -------------------------------------------------------------------------------------------------------


def test_a_layer_without_training_samples_is_named():
    validation = PointClouds({"a": np.random.default_rng(0).normal(size=(30, 2)), "b": np.eye(30)})
    training = PointClouds({"a": np.random.default_rng(1).normal(size=(30, 2))}, problems={"b": "it never ran."})
    found = gap_of(training, validation, AnalysisOptions(homology_dims=(0,), mapper=False))
    assert found.problems["b"].endswith("It has no gap between training and validation data: it never ran.")
    assert np.isnan(found.statistics["train_gap_total_persistence", 0].values).tolist() == [False, True]
    assert np.isfinite(found.statistics["total_persistence", 0].values).all()


@pytest.mark.parametrize("lacking", ["training", "validation", "both"])
def test_missing_labels_cost_what_needs_them(lacking):
    training = clouds_of(0, labels=lacking == "validation")
    found = gap_of(training, clouds_of(1, labels=lacking == "training"))
    assert np.isnan(found.statistics["train_gap_knn_accuracy"].values).all()
    assert np.isfinite(found.statistics["train_gap_two_nn"].values).all()
    said = "Training minus validation: accuracy of nearest neighbours" in found.problems
    assert said == (lacking != "validation")


def test_a_standard_statistic_without_its_labels_has_no_gap_and_nothing_is_said():
    options = AnalysisOptions(homology_dims=(0,), mapper=False)
    clouds, training = (clouds_of(seed, labels=False) for seed in (0, 1))
    found = with_gap(analyse_next(clouds, options, 0, 0, None, None), clouds, training, options)
    assert "train_gap_participation_ratio" in found.statistics
    assert "train_gap_knn_accuracy" not in found.statistics
    assert found.problems == {}


@pytest.mark.parametrize("bad", [np.nan, 0.0])
@pytest.mark.parametrize("side", ["training", "validation"])
def test_clouds_that_hold_nothing_give_no_error(bad, side):
    clouds = {name: clouds_of(i) for i, name in enumerate(("training", "validation"))}
    clouds[side] = PointClouds({"head": np.full((60, 3), bad)}, labels=clouds[side].labels)
    found = gap_of(**clouds)
    assert np.isfinite(found.statistics["train_gap_bars", 0].values).all() == (bad == 0.0)
    said = "of 60 points hold NaN or infinity" if np.isnan(bad) else "ll 60 points are equal"
    assert said in found.problems["head"]
    assert found.problems["head"].startswith("Of its training data, ") == (side == "training")


@pytest.mark.parametrize(("n", "said"), [(1, True), (5, True), (24, False)])
def test_too_few_training_samples_are_said(n, said):
    found = gap_of(clouds_of(0, n), clouds_of(1), AnalysisOptions(homology_dims=(0,), mapper=False))
    title = "Training from validation: p-value of the sliced Wasserstein distance, H0"
    assert found.problems.get(title, "").startswith(f"Nothing was tested: {n} training samples are too few") == said
    assert np.isnan(found.statistics["train_gap_p_sliced_wasserstein", 0].values).all() == said
    assert found.statistics["train_gap_bars", 0].values == [0.0]
