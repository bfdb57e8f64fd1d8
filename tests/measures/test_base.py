"""Measures as objects: what they carry, what they say about themselves, and how they are called."""

import copy
import dataclasses
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from own_measures import LongBars, NearestAgree, Procrustes

from topocallback.measures import (
    LENGTH,
    Bars,
    Bottleneck,
    Distance,
    LayerFacts,
    Measure,
    SlicedWasserstein,
    Statistic,
    Wasserstein,
)
from topocallback.records.results import Description


class Spread(Statistic):
    unit = LENGTH
    more = "points further apart"

    def value(self, facts):
        return float(facts.cloud.std())


@dataclass(frozen=True)
class LargestGap(Distance):
    """A paired distance with an option."""

    label = "Largest gap"
    paired = True

    exponent: float = 1.0

    def prepare(self, facts):
        return facts.cloud

    def between(self, first, second):
        return float(np.abs(first - second).max() ** self.exponent)


EVERY = [SlicedWasserstein(), Wasserstein(order=2), Bottleneck(homology_dim=0), Bars(), Spread(), LargestGap(2.0)]
every_measure = pytest.mark.parametrize("measure", EVERY, ids=lambda measure: measure.name)

# -- What they carry -------------------------------------------------------------------------------------------------


def test_a_name_holds_the_options_that_differ_from_their_defaults():
    assert SlicedWasserstein().name == SlicedWasserstein(n_directions=50).name == "sliced_wasserstein"
    assert SlicedWasserstein(n_directions=10).name == "sliced_wasserstein(n_directions=10)"
    assert Wasserstein(2, essential=True).name == "wasserstein(order=2, essential=True)"
    assert Wasserstein(2, essential=True).options == {"order": 2, "essential": True}


def test_the_homology_dimension_is_no_part_of_the_name():
    assert Bottleneck(homology_dim=1).name == "bottleneck"
    assert Bottleneck(homology_dim=1).options == {}
    assert Bottleneck(homology_dim=1) != Bottleneck(homology_dim=0)


def test_a_class_is_called_by_its_own_name_unless_it_says_otherwise():
    class LinearCKA(Distance):
        pass

    class Gap(LinearCKA):
        key = "widest_gap"
        label = "Widest gap"

    assert (LinearCKA.key, LinearCKA.label) == ("linear_cka", "Linear cka")
    assert (Gap.key, Gap.label, Gap().name) == ("widest_gap", "Widest gap", "widest_gap")


def test_measures_are_equal_if_class_and_options_are():
    assert Wasserstein(order=2) == Wasserstein(order=2.0) != Wasserstein()
    assert hash(Wasserstein(order=2)) == hash(Wasserstein(order=2.0))
    assert Bars() != Spread()
    assert len({Bars(), Bars(), Bars(homology_dim=1)}) == 2


@every_measure
def test_a_measure_cannot_be_changed(measure):
    before = repr(measure)
    for field in dataclasses.fields(measure):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(measure, field.name, 3)
    assert repr(measure) == before


@every_measure
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda measure: pickle.loads(pickle.dumps(measure))])
def test_copies_and_pickles_are_equal_and_of_the_same_name(measure, copied):
    twin = copied(measure)
    assert twin == measure
    assert (type(twin), twin.name, twin.describe()) == (type(measure), measure.name, measure.describe())


def test_a_pickle_is_not_resolved_again(monkeypatch):
    pickled = pickle.dumps(Bottleneck())
    monkeypatch.setitem(__import__("sys").modules, "gudhi.hera", None)
    assert pickle.loads(pickled).name == "bottleneck"


# -- What they say ---------------------------------------------------------------------------------------------------


def test_a_distance_says_what_its_numbers_are():
    assert Wasserstein(order=2, homology_dim=1).describe("0.9 quantiles") == Description(
        measure="wasserstein(order=2)",
        homology_dim=1,
        label="Wasserstein distance (order=2)",
        unit="0.9 quantiles",
        range=(0.0, np.inf),
        kind="distance",
        direction="distance",
        paired=False,
    )
    assert Procrustes().describe("metres") == Description(
        measure="procrustes",
        label="Procrustes distance (0 alike, 1 unlike)",
        range=(0.0, 1.0),
        kind="distance",
        direction="similarity",
        paired=True,
    )


def test_a_statistic_says_what_its_numbers_are():
    found = Spread().describe("activations' units")
    assert found == Description("spread", None, "Spread", "activations' units", kind="statistic", more=Spread.more)
    assert (NearestAgree().describe().unit, NearestAgree().describe().range) == ("share of samples", (0.0, 1.0))


def test_a_length_without_a_name_has_no_unit_and_other_units_stay():
    assert Spread().describe().unit == ""
    assert LongBars().describe("metres").unit == "bars"


def test_a_measure_of_neither_kind_cannot_say_what_it_is():
    class Neither(Measure):
        pass

    with pytest.raises(TypeError, match="Expected a Distance or a Statistic, got Neither"):
        Neither().describe()


# -- By homology dimension -------------------------------------------------------------------------------------------


def test_a_measure_of_diagrams_is_one_for_each_dimension():
    found = SlicedWasserstein(n_directions=10).by_dimension((0, 1))
    assert found == (SlicedWasserstein(10, homology_dim=0), SlicedWasserstein(10, homology_dim=1))
    assert [each.describe().key for each in found] == [(found[0].name, 0), (found[0].name, 1)]


def test_a_measure_for_one_dimension_stays_for_that_one():
    assert Bars(homology_dim=1).by_dimension((0, 1)) == (Bars(homology_dim=1),)
    (found,) = Bars(homology_dim=np.int64(1)).by_dimension((0, 1))
    assert type(found.describe().homology_dim) is int


def test_a_dimension_that_is_not_analysed_is_refused():
    message = r"Expected `homology_dim` of bottleneck to be one of \(0, 1\), got 2"
    with pytest.raises(ValueError, match=message):
        Bottleneck(homology_dim=2).by_dimension((0, 1))


def test_other_measures_have_no_dimensions():
    assert LargestGap(2.0).by_dimension((0, 1)) == (LargestGap(2.0),)


# -- On plain arrays -------------------------------------------------------------------------------------------------


def cloud_of(n=20, dim=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim))


def test_a_distance_is_called_on_two_clouds_and_a_statistic_on_one():
    assert Spread()([[0.0], [2.0]]) == 1
    assert LargestGap(2.0)([[0.0], [1.0]], [[3.0], [0.0]]) == 9
    assert NearestAgree()([[0.0], [1.0], [5.0], [6.0]], ["a", "a", "a", "b"]) == 0.5


@pytest.mark.parametrize("dim", [None, 0, 1, 2])
def test_measures_of_diagrams_are_called_in_h1_unless_they_say_otherwise(dim):
    x, y = cloud_of(30), cloud_of(25, seed=1)
    facts = [LayerFacts(cloud, homology_dims=(1 if dim is None else dim,)) for cloud in (x, y)]
    assert Bars(homology_dim=dim)(x) == Bars().of_diagram(facts[0].diagrams[0])
    expected = Bottleneck().of_diagrams(*(each.diagrams[0] for each in facts))
    assert Bottleneck(homology_dim=dim)(x, y) == expected


def test_vectors_and_lists_are_clouds_and_nothing_is_scaled():
    assert Bottleneck(homology_dim=0)([0, 1, 5], np.array([0, 1, 7])) == 2
    assert Bottleneck(homology_dim=0)([0, 100, 500], [0, 100, 700]) == 200


def test_a_paired_distance_needs_as_many_points_on_both_sides():
    with pytest.raises(ValueError, match="Expected clouds of the same samples for largest_gap, got 3 and 2 points"):
        LargestGap()(np.eye(3), np.zeros((2, 3)))


def test_points_that_are_not_finite_are_refused_rather_than_left_out_of_one_side():
    x, y = np.eye(3), np.eye(3)
    x[0, 0], y[2, 1] = np.nan, np.inf
    with pytest.raises(ValueError, match="Expected finite points for largest_gap, got NaN or infinity in 1 of 3"):
        LargestGap()(x, y)
    with pytest.raises(ValueError, match="Expected finite points for spread, got NaN or infinity in 1 of 3"):
        Spread()(x)


def test_a_statistic_that_needs_labels_asks_for_them():
    with pytest.raises(ValueError, match="Expected `labels` for nearest_agree, which needs them, got none"):
        NearestAgree()(np.eye(3))
    with pytest.raises(ValueError, match=r"Expected `labels` to be of shape \(3,\), got \(2,\)"):
        NearestAgree()(np.eye(3), [0, 1])


@pytest.mark.parametrize(
    ("kind", "taken"),
    [(Distance, lambda measure: measure([[0.0]], [[1.0]])), (Statistic, lambda measure: measure([[0.0]]))],
)
def test_a_measure_that_is_not_finished_says_what_it_lacks(kind, taken):
    class Unfinished(kind):
        pass

    with pytest.raises(NotImplementedError, match=r"Unfinished has no `(prepare|value)`"):
        taken(Unfinished())


# -- Matrices --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_matrix_asks_for_every_pair_once(n_threads):
    asked = []

    class Difference(Distance):
        def between(self, first, second):
            asked.append(frozenset([first, second]))
            return abs(first - second)

    numbers = [3.0, 1.0, 4.0, 1.5, 9.0]
    found = Difference().matrix(numbers, n_threads)
    np.testing.assert_array_equal(found, np.abs(np.subtract.outer(numbers, numbers)))
    assert len(asked) == len(set(asked)) == 10


@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_error_in_a_thread_reaches_the_caller(n_threads):
    class Failing(Distance):
        def between(self, first, second):
            raise RuntimeError("no distance today")

    with pytest.raises(RuntimeError, match="no distance today"):
        Failing().matrix([1, 2, 3], n_threads)


# -- Sizes and likeness ----------------------------------------------------------------------------------------------


def test_a_distance_has_no_size_unless_it_says_so_and_one_of_diagrams_that_from_the_empty_one():
    assert np.isnan(LargestGap(2.0).size(None))
    assert Bottleneck().size(np.array([[0.0, 3.0], [0.0, 1.0]])) == 1.5
    assert Bottleneck().size(np.empty((0, 2))) == 0


def test_the_size_is_unknown_where_the_distance_from_nothing_is_infinite():
    measure = SlicedWasserstein(essential=True)
    assert np.isnan(measure.size(measure.prepare_diagram(np.array([[0.0, np.inf]]))))


@pytest.mark.parametrize("n_threads", [1, 3])
def test_likeness_is_the_distance_with_its_sign_turned(n_threads):
    class Difference(Distance):
        def between(self, first, second):
            return abs(first - second)

    numbers = [3.0, 1.0, 4.0]
    expected = -np.abs(np.subtract.outer(numbers, numbers))
    np.testing.assert_array_equal(Difference().likeness(numbers, n_threads=n_threads), expected)
    np.testing.assert_array_equal(Difference().likeness(numbers, [1.0, 4.0], n_threads), expected[:, 1:])
    assert Difference().likeness([], [1.0, 4.0]).shape == (0, 2)
