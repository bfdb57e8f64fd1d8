"""Measures in a snapshot: side by side, users' own, paired ones, and ones that fail."""

from dataclasses import dataclass

import numpy as np
import pytest
from analysis_tools import SLICED, assert_same, distance_of_persim, everything_of, random_clouds, replace_layer
from own_measures import LongBars, NearestAgree, Procrustes

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import DiagramDistance, Distance, SlicedWasserstein, Statistic
from topocallback.records.point_clouds import PointClouds


def count_difference(first, second):
    return abs(len(first) - len(second))


def mean_norm(cloud):
    return np.linalg.norm(cloud, axis=1).mean()


def snapshot_of(*measures, clouds=None, **options):
    return analyse(clouds or random_clouds(), AnalysisOptions(measures=measures), **options)


# -- Side by side ----------------------------------------------------------------------------------------------------


def test_several_measures_stand_side_by_side():
    measures = ("bottleneck", SLICED, count_difference, SlicedWasserstein(n_directions=10), mean_norm)
    together = snapshot_of(*measures)
    assert together.distances.measures == (
        "bottleneck",
        SLICED,
        "count_difference",
        "sliced_wasserstein(n_directions=10)",
    )
    for measure in measures:
        alone = everything_of(snapshot_of(measure))
        for name in alone:
            np.testing.assert_array_equal(everything_of(together)[name], alone[name], err_msg=str(name))
    bars = [len(together.diagrams[layer][1]) for layer in "abc"]
    assert together.distances["count_difference", 1].matrix[0, 1] == abs(bars[0] - bars[1])


def test_options_reach_the_measure():
    snapshot = snapshot_of(SlicedWasserstein(n_directions=7), clouds=random_clouds("ab"))
    expected = distance_of_persim(*(snapshot.diagrams[layer][1] for layer in "ab"), n_directions=7)
    found = snapshot.distances["sliced_wasserstein(n_directions=7)", 1].matrix[0, 1]
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("scale", "length"), [("quantile", "0.9 quantiles"), ("none", "activations' units")])
def test_tables_say_what_they_are(scale, length):
    measures = ["wasserstein", Procrustes(), LongBars(0.2), NearestAgree()]
    clouds = random_clouds(labels=np.arange(40) % 2)
    snapshot = analyse(clouds, AnalysisOptions(measures=measures, scale=scale))
    told = {key: (table.about.title, table.about.unit) for key, table in snapshot.distances.items()}
    assert told == {
        ("wasserstein", 0): ("Wasserstein distance, H0", length),
        ("wasserstein", 1): ("Wasserstein distance, H1", length),
        ("procrustes", None): ("Procrustes distance (0 alike, 1 unlike)", ""),
        ("long_bars(longer_than=0.2)", 0): ("Difference of long bars (longer_than=0.2), H0", "bars"),
        ("long_bars(longer_than=0.2)", 1): ("Difference of long bars (longer_than=0.2), H1", "bars"),
    }
    assert snapshot.distances["procrustes"].about.paired
    assert snapshot.statistics["longest_bar", 0].about.unit == length
    assert snapshot.statistics["nearest_agree"].about.unit == "share of samples"


def test_a_statistic_that_is_standard_anyway_appears_once():
    named = snapshot_of(SLICED, "bars", "mapper_coverage")
    assert_same(named, snapshot_of(SLICED))
    assert list(named.statistics) == list(snapshot_of(SLICED).statistics)


# -- Users' own ------------------------------------------------------------------------------------------------------


def test_a_function_measures_finite_bars_under_its_own_name():
    seen = []

    def longest_bar_difference(first, second):
        seen.extend([first, second])
        longest = [(bars[:, 1] - bars[:, 0]).max(initial=0) for bars in (first, second)]
        return abs(longest[0] - longest[1])

    snapshot = snapshot_of(longest_bar_difference)
    assert list(snapshot.distances) == [("longest_bar_difference", 0), ("longest_bar_difference", 1)]
    longest = snapshot.statistics["longest_bar", 1].values
    expected = abs(longest[:, None] - longest[None, :])
    np.testing.assert_allclose(snapshot.distances["longest_bar_difference", 1].matrix, expected, rtol=1e-12)
    assert all(np.isfinite(bars).all() for bars in seen)


def test_a_function_of_a_cloud_and_an_object_that_can_be_called_measure_under_their_own_names():
    class WidestDifference:
        def __call__(self, first, second):
            return float(abs(np.ptp(first) - np.ptp(second)))

    clouds = random_clouds()
    snapshot = snapshot_of(mean_norm, WidestDifference(), clouds=clouds)
    expected = [mean_norm(cloud) for cloud in clouds.clouds.values()]
    np.testing.assert_array_equal(snapshot.statistics["mean_norm"].values, expected)
    widths = [np.ptp(bars[np.isfinite(bars).all(axis=1)]) for _, bars in snapshot.diagrams.values()]
    found = snapshot.distances["WidestDifference", 1]
    np.testing.assert_allclose(found.matrix, np.abs(np.subtract.outer(widths, widths)), rtol=1e-12)
    assert found.about.label == "Widest difference"


def test_a_class_needs_no_decorator_and_what_it_prepares_is_compared():
    class Births(DiagramDistance):
        def prepare_diagram(self, diagram):
            return diagram[:, 0].sum()

        def between(self, first, second):
            return abs(first - second)

    snapshot = snapshot_of(Births())
    births = np.array([snapshot.diagrams[layer][1][:, 0].sum() for layer in "abc"])
    np.testing.assert_allclose(snapshot.distances["births", 1].matrix, abs(births[:, None] - births), rtol=1e-12)


def test_a_class_with_options_stands_beside_itself():
    @dataclass(frozen=True)
    class Power(Statistic):
        exponent: float = 1.0

        def value(self, facts):
            return float((np.abs(facts.cloud) ** self.exponent).sum())

    clouds = random_clouds("ab")
    snapshot = snapshot_of(Power(), Power(2.0), clouds=clouds)
    assert snapshot.statistics["power(exponent=2.0)"].about.label == "Power (exponent=2.0)"
    for name, exponent in (("power", 1), ("power(exponent=2.0)", 2)):
        expected = [(np.abs(cloud) ** exponent).sum() for cloud in clouds.clouds.values()]
        np.testing.assert_allclose(snapshot.statistics[name].values, expected, rtol=1e-12)


# -- Labels ----------------------------------------------------------------------------------------------------------


def test_a_statistic_of_labels_gets_those_of_its_points():
    labels = np.random.default_rng(5).integers(2, size=40)
    clouds = random_clouds("ab", labels=labels)
    cloud = clouds.clouds["a"].copy()
    cloud[[2, 30]] = np.nan
    snapshot = snapshot_of(NearestAgree(), clouds=replace_layer(clouds, "a", cloud))
    rest = np.delete(np.arange(40), [2, 30])
    expected = [NearestAgree()(cloud[rest], labels[rest]), NearestAgree()(clouds.clouds["b"], labels)]
    assert snapshot.statistics["nearest_agree"].values.tolist() == expected


def test_a_statistic_that_lacks_its_labels_is_said_if_it_was_asked_for():
    snapshot = snapshot_of(SLICED, NearestAgree(), "mapper_purity")
    assert "nearest_agree" not in snapshot.statistics
    assert snapshot.problems.keys() == {"Nearest neighbour of the same class", "Mapper purity"}
    assert set(snapshot.problems.values()) == {"It needs labels, and the samples have none."}
    assert snapshot_of(SLICED).problems == {}
    assert_same(snapshot, snapshot_of(SLICED))


def test_a_standard_statistic_of_clouds_without_its_labels_is_left_out_and_nothing_is_said():
    clouds = random_clouds("ab")
    found = analyse(clouds, AnalysisOptions(mapper=False))
    assert {"participation_ratio", "mean_cosine", "dead_units"} < set(found.statistics.measures)
    assert "knn_accuracy" not in found.statistics
    assert found.problems == {}
    asked = analyse(clouds, AnalysisOptions(["sliced_wasserstein", "knn_accuracy"], mapper=False))
    assert list(asked.problems.values()) == ["It needs labels, and the samples have none."]


@pytest.mark.parametrize("n", [8, 24, 60])
def test_a_standard_statistic_that_needs_more_points_is_not_known_and_nothing_is_said(n):
    clouds = PointClouds({"a": np.random.default_rng(0).normal(size=(n, 3))}, labels=np.arange(n) % 2)
    found = analyse(clouds)
    table = found.statistics["knn_accuracy"]
    assert np.isfinite(table.values[0]) == (n > 10)
    assert np.isfinite(table.errors[0]) == (n > 10)
    assert found.problems.keys() <= {"noise"}
    asked = analyse(clouds, AnalysisOptions(["sliced_wasserstein", "knn_accuracy"]))
    if n <= 10:
        assert "TooFewPointsError: Expected more than k=10 points" in asked.problems["a"]


def test_standard_statistics_of_awkward_layers_are_known_or_nan():
    normal = np.random.default_rng(0).normal(size=(40, 3))
    bad = normal.copy()
    bad[::2, 0] = np.nan
    owners = {"several": np.repeat(np.arange(40), 2)}
    layers = {"nan": bad, "zero": 0 * normal, "several": np.repeat(normal, 2, axis=0), "nothing": np.nan * normal}
    found = analyse(PointClouds(layers, labels=np.zeros(40), owners=owners))
    values = {name: found.statistics[name].values for name in ("participation_ratio", "mean_cosine", "dead_units")}
    assert np.isnan(values["participation_ratio"]).tolist() == [False, True, False, True]
    assert np.isnan(values["mean_cosine"]).tolist() == [False, True, False, True]
    np.testing.assert_array_equal(values["dead_units"], [0, 1, 0, np.nan])
    np.testing.assert_array_equal(found.statistics["knn_accuracy"].values, [1, 1, 1, np.nan])


# -- Paired distances ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LargestGap(Distance):
    """The largest difference of two clouds of one dimension: easily checked by hand."""

    label = "Largest gap"
    paired = True

    def prepare(self, facts):
        return facts.cloud[:, 0]

    def between(self, first, second):
        return float(np.abs(first - second).max())


def columns(**layers):
    return {layer: np.array(values, dtype=np.float64)[:, None] for layer, values in layers.items()}


NAN = np.nan


def test_a_paired_distance_is_taken_on_the_same_samples():
    clouds = PointClouds(columns(a=[0, 1, 2, 3, 4], b=[0, 1, 2, 5, 4], c=[9, 1, 2, 3, 4]))
    table = snapshot_of(LargestGap(), clouds=clouds).distances["largest_gap"]
    assert table.matrix.tolist() == [[0, 2, 9], [2, 0, 9], [9, 9, 0]]


def test_layers_that_lack_different_samples_are_compared_on_the_common_ones():
    clouds = PointClouds(
        columns(a=[0, 1, NAN, 3, 50], b=[7, NAN, 2, 5, NAN], c=[9, 1, 2, 3, 4]), sample_ids=np.arange(10, 15)
    )
    snapshot = snapshot_of(SLICED, LargestGap(), clouds=clouds)
    # a and b share the samples 10 and 13, a and c all but 12, b and c 10, 12 and 13.
    expected = [[0, 7, 46], [7, 0, 2], [46, 2, 0]]
    assert snapshot.distances["largest_gap"].matrix.tolist() == expected
    left_out = {layer for layer, text in snapshot.problems.items() if "hold NaN or infinity" in text}
    assert left_out == {"a", "b"}


def test_a_layer_without_points_costs_its_own_pairs():
    clouds = PointClouds(columns(a=[0, 1, 2, 3], b=[NAN] * 4, c=[0, 1, 2, 8]))
    matrix = snapshot_of(LargestGap(), clouds=clouds).distances["largest_gap"].matrix
    np.testing.assert_array_equal(matrix, [[0, NAN, 5], [NAN, NAN, NAN], [5, NAN, 0]])


def test_layers_with_no_sample_in_common_have_no_paired_distance():
    clouds = PointClouds(columns(a=[0, 1, NAN, NAN], b=[NAN, NAN, 2, 3], c=[0, 1, 2, 8]))
    snapshot = snapshot_of(LargestGap(), clouds=clouds)
    np.testing.assert_array_equal(snapshot.distances["largest_gap"].matrix, [[0, NAN, 0], [NAN, 0, 5], [0, 5, 0]])
    expected = "It needs one point of each sample; b and a have several, or no sample in common."
    assert snapshot.problems["Largest gap"] == expected


def test_a_layer_with_several_points_per_sample_has_no_paired_distance_from_one_that_has_one():
    clouds = PointClouds(
        columns(a=[0, 1, 2, 3], b=[0, 1, 2, 8]) | {"rows": np.arange(6.0)[:, None]},
        owners={"rows": np.array([0, 0, 1, 2, 3, 3])},
    )
    snapshot = snapshot_of(SLICED, LargestGap(), clouds=clouds)
    np.testing.assert_array_equal(snapshot.distances["largest_gap"].matrix, [[0, 5, NAN], [5, 0, NAN], [NAN, NAN, 0]])
    assert snapshot.problems["Largest gap"].startswith("It needs one point of each sample; rows and ")
    assert np.isfinite(snapshot.distances[SLICED, 0].matrix).all()


def test_a_paired_distance_has_standard_errors():
    rng = np.random.default_rng(0)
    clouds = PointClouds({layer: rng.normal(size=(240, 3)) for layer in "abc"})
    table = snapshot_of(Procrustes(), clouds=clouds).distances["procrustes"]
    between = ~np.eye(3, dtype=bool)
    assert ((table.errors > 0) & (table.errors < 0.1))[between].all()
    np.testing.assert_array_equal(table.pair_noise, table.errors)
    assert np.isnan(table.p_values).all()
    few = snapshot_of(Procrustes(), clouds=PointClouds({layer: cloud[:20] for layer, cloud in clouds.clouds.items()}))
    assert np.isnan(few.distances["procrustes"].errors).all()


def test_noise_of_a_paired_distance_is_not_known_nor_is_its_drift_from_snapshots_which_hold_no_clouds():
    first = snapshot_of(SLICED, LargestGap())
    later = snapshot_of(SLICED, LargestGap(), clouds=random_clouds(seed=1), previous=first, reference=first)
    for snapshot in (first, later):
        table = snapshot.distances["largest_gap"]
        assert np.isnan([table.noise, table.drift, table.drift_from_reference]).all()
        assert np.isfinite(table.matrix).all()
        assert snapshot.problems == {}
    assert np.isfinite([later.distances[SLICED, 1].noise, later.distances[SLICED, 1].drift]).all()


# -- Measures that fail ----------------------------------------------------------------------------------------------


class FailsToPrepare(Distance):
    label = "Failing distance"

    def prepare(self, facts):
        if facts.cloud.shape[1] == 3:
            raise RuntimeError("not three")
        return facts.cloud.std()

    def between(self, first, second):
        return float(abs(first - second))


class FailsBetween(Distance):
    label = "Failing distance"
    from_diagrams = False

    def prepare(self, facts):
        return facts.n_points

    def between(self, first, second):
        if first == 40:
            raise RuntimeError("not forty")
        return 0.0


class FailsInDrift(DiagramDistance):
    label = "Failing distance"

    def prepare_diagram(self, diagram):
        return diagram

    def between(self, first, second):
        if np.array_equal(first, second):
            raise RuntimeError("not the same")
        return 1.0


class FailsInValue(Statistic):
    label = "Failing statistic"

    def value(self, facts):
        if facts.cloud.shape[1] == 3:
            raise RuntimeError("not three")
        return 1.0


def without(snapshot, *names):
    return {
        key: values for key, values in everything_of(snapshot).items() if key[1:2] not in [(name,) for name in names]
    }


@pytest.mark.parametrize(
    ("failing", "key"),
    [
        (FailsToPrepare(), "fails_to_prepare"),
        (FailsBetween(), "fails_between"),
        (FailsInDrift(), "fails_in_drift"),
        (FailsInValue(), "fails_in_value"),
    ],
)
@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_measure_that_fails_costs_no_other(failing, key, n_threads):
    earlier = snapshot_of(SLICED, mean_norm)
    options = {"previous": earlier, "reference": earlier, "n_threads": n_threads}
    found = snapshot_of(SLICED, failing, mean_norm, **options)
    expected = snapshot_of(SLICED, mean_norm, **options)
    ours, theirs = without(found, key), without(expected)
    assert ours.keys() == theirs.keys()
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=str(name))
    assert found.problems


def test_a_failure_to_prepare_costs_the_layer_its_distance():
    snapshot = snapshot_of(FailsToPrepare())
    table = snapshot.distances["fails_to_prepare"]
    assert np.isnan(table.matrix).tolist() == [[False, True, False], [True] * 3, [False, True, False]]
    assert np.isnan(table.noise).tolist() == [False, True, False]
    assert snapshot.problems == {"b": "It has no Failing distance. RuntimeError: not three"}


def test_a_failure_between_costs_the_table_and_is_said_once():
    snapshot = snapshot_of(FailsBetween())
    table = snapshot.distances["fails_between"]
    assert np.isnan(table.matrix).all()
    assert np.isnan(table.noise).all()
    assert snapshot.problems == {"Failing distance": "It could not be measured. RuntimeError: not forty"}


class FailsOnFewPoints(Distance):
    label = "Failing distance"

    def prepare(self, facts):
        return facts.n_points, facts.cloud.std()

    def between(self, first, second):
        if first[0] < 10:
            raise RuntimeError("too few")
        return float(abs(first[1] - second[1]))


class LongestOfSome(DiagramDistance):
    label = "Failing distance"

    def prepare_diagram(self, diagram):
        return diagram

    def between(self, first, second):
        return float(abs(np.ptp(first) - np.ptp(second)))  # which an empty diagram does not have


@pytest.mark.parametrize(
    ("failing", "problems"),
    [
        (
            FailsOnFewPoints(),
            dict.fromkeys("abc", "The noise of Failing distance is not known. RuntimeError: too few"),
        ),
        (
            LongestOfSome(homology_dim=1),
            dict.fromkeys("abc", "The noise of Failing distance, H1 is not known. ValueError: "),
        ),
    ],
)
def test_a_failure_on_parts_or_on_nothing_costs_noise_and_test_only(failing, problems):
    snapshot = snapshot_of(failing)
    (table,) = snapshot.distances.values()
    assert np.isfinite(table.matrix).all()
    assert np.isnan(table.noise).all()
    assert np.isnan(table.p_values).all()
    assert snapshot.problems.keys() == problems.keys()
    assert all(snapshot.problems[layer].startswith(text) for layer, text in problems.items())


def test_a_failure_in_the_test_leaves_matrix_noise_and_drift():
    class FailsInTheTest(LongBars):
        def likeness(self, first, second=None, n_threads=1):
            raise RuntimeError("no test today")

    earlier = snapshot_of(FailsInTheTest())
    table = snapshot_of(FailsInTheTest(), previous=earlier).distances["fails_in_the_test", 1]
    said = "It was measured, but not tested. RuntimeError: no test today"
    assert earlier.problems["Fails in the test, H1"] == said
    assert np.isfinite([table.drift, np.diagonal(table.matrix)]).all()
    assert np.isnan([*table.p_values, table.drift_p]).all()


def test_a_statistic_that_fails_on_parts_costs_its_error():
    class ManyPoints(Statistic):
        def value(self, facts):
            if facts.n_points < 30:
                raise RuntimeError("too few")
            return 1.0

    snapshot = snapshot_of(ManyPoints())
    table = snapshot.statistics["many_points"]
    assert table.values.tolist() == [1.0] * 3
    assert np.isnan(table.errors).all()
    assert snapshot.problems["a"] == "The error of Many points is not known. RuntimeError: too few"


def test_a_failure_in_the_drift_leaves_the_matrix():
    earlier = snapshot_of(FailsInDrift())
    snapshot = snapshot_of(FailsInDrift(), previous=earlier)
    table = snapshot.distances["fails_in_drift", 1]
    np.testing.assert_array_equal(table.matrix, 1 - np.eye(3))
    assert np.isnan([table.drift, table.drift_from_reference]).all()
    reason = "RuntimeError: not the same"
    said = f"It was measured, but not tested. {reason} It could not be measured. {reason}"
    assert snapshot.problems["Failing distance, H1"] == said


def test_a_failing_statistic_costs_the_layer_its_number():
    snapshot = snapshot_of(FailsInValue())
    np.testing.assert_array_equal(snapshot.statistics["fails_in_value"].values, [1, NAN, 1])
    assert snapshot.problems == {"b": "It has no Failing statistic. RuntimeError: not three"}
