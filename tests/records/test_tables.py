"""Tables in a file: they say what they are, and one that cannot be read costs nothing else."""

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from record_tools import arrays_in, assert_equal, damage, example, facts_in, rewrite
from synthetic_comparison import example as comparison

from topocallback.records.comparison import Comparison
from topocallback.records.files import Arrays
from topocallback.records.results import Description, DistanceTable, Results, StatisticTable
from topocallback.records.snapshot import Snapshot
from topocallback.records.tables import DISTANCES, STATISTICS

TITLES = [("sliced_wasserstein", 0), ("sliced_wasserstein", 1), ("a/b_H7", None)]
bounds = st.floats(min_value=0, allow_nan=False)
descriptions = st.builds(
    Description,
    measure=st.text(max_size=9),
    homology_dim=st.none() | st.integers(0, 5),
    label=st.text(max_size=9),
    unit=st.text(max_size=9),
    range=st.just((0.0, np.inf))
    | st.tuples(st.just(-np.inf) | bounds.filter(np.isfinite).map(lambda low: -low), bounds),
    direction=st.sampled_from(["distance", "similarity"]),
    paired=st.booleans(),
    more=st.text(max_size=9),
)
numbers = st.just(np.nan) | st.just(np.inf) | st.floats(-1e150, 1e150)
lengths = st.just(np.nan) | st.just(np.inf) | st.floats(0, 1e150)
shares = st.just(np.nan) | st.floats(0, 1)


def distinct(found):
    return list({about.key: about for about in found}.values())


@settings(max_examples=40)
@given(st.lists(descriptions, max_size=4).map(distinct), st.integers(0, 3), st.data())
def test_tables_come_back_equal(found, length, data):
    distances = Results(
        DistanceTable(
            about,
            **{
                name: data.draw(hnp.arrays(np.float64, (length,) * axes, elements=elements))
                for name, axes, elements in (
                    ("matrix", 2, numbers),
                    ("noise", 1, lengths),
                    ("sizes", 1, lengths),
                    ("p_values", 2, shares),
                    ("errors", 2, lengths),
                )
            },
        )
        for about in found
    )
    statistics = Results(
        StatisticTable(
            dataclasses.replace(about, kind="statistic"),
            *[data.draw(hnp.arrays(np.float64, length, elements=elements)) for elements in (numbers, lengths)],
        )
        for about in found
    )
    for kind, results in ((DISTANCES, distances), (STATISTICS, statistics)):
        left_out = []
        facts, arrays = kind.take_apart(results)
        assert_equal(kind.put_together(facts, Arrays(arrays), length, left_out), results)
        assert left_out == []


# -- Damage ----------------------------------------------------------------------------------------------------------


def damaged(array):
    return lambda path: damage(path, array)


def lost(array):
    return lambda path: rewrite(path, **{array: None})


def never_there(path, array):
    """As in a file of a version, or of a run, that did not know it: its list of arrays does not name it."""
    rewrite(path, {"arrays": [name for name in facts_in(path)["arrays"] if name != array]}, **{array: None})


def replaced(array, value):
    return lambda path: rewrite(path, **{array: value})


def described(table, i, **changes):
    def change(path):
        found = facts_in(path)[table]
        found[i] = found[i] | changes
        rewrite(path, {table: found})

    return change


def no_description(path):
    found = facts_in(path)["distances"]
    rewrite(path, {"distances": [found[0], "none", found[2]]})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (damaged("distances/1/matrix"), "array 'distances/1/matrix' is damaged: Bad CRC-32"),
        (damaged("distances/1/drift_from_first"), "array 'distances/1/drift_from_first' is damaged"),
        (damaged("distances/1/noise_at_n"), "array 'distances/1/noise_at_n' is damaged"),
        (damaged("distances/1/p_values"), "array 'distances/1/p_values' is damaged"),
        (lost("distances/1/drift"), "'distances/1/drift' is damaged: it is missing"),
        (replaced("distances/1/matrix", np.zeros((6, 5))), r"float64 \(6, 5\) instead of 'f' \(6, 6\)"),
        (replaced("distances/1/drift", np.zeros(7)), r"float64 \(7,\) instead of"),
        (replaced("distances/1/p_values", np.zeros(6)), r"float64 \(6,\) instead of 'f' \(6, 6\)"),
        (replaced("distances/1/noise_at_n", np.zeros(6, dtype=np.int64)), r"int64 \(6,\) instead of"),
        (replaced("distances/1/noise_at_n", np.array(["x"] * 6)), "<U1"),
        (described("distances", 1, kind="divergence"), "unknown kind 'divergence'"),
        (described("distances", 1, kind="statistic"), "unknown kind 'statistic', not 'distance'"),
        (described("distances", 1, kind=["distance"]), "unknown kind"),
        (described("distances", 1, direction="ratio"), "unknown direction 'ratio'"),
        (described("distances", 1, homology_dim="one"), "has the homology_dim 'one'"),
        (described("distances", 1, measure=7), "names no measure"),
        (described("distances", 1, label=None), "has the label None"),
        (described("distances", 1, range=[0]), "not enough values"),
        (described("distances", 1, range=0.5), "."),
        (described("distances", 1, range=["low", 10**400]), "."),
        (described("distances", 1, homology_dim=0), "another one of this measure and dimension"),
        (no_description, "names no measure"),
    ],
)
def test_a_table_that_cannot_be_read_is_left_out_with_one_sentence_and_the_rest_is_read(tmp_path, spoil, said):
    path = example().save(tmp_path / "step=3.npz")
    spoil(path)
    with pytest.warns(UserWarning, match=said) as caught:
        loaded = Snapshot.load(path)
    (sentence,) = [str(warning.message) for warning in caught]
    assert sentence.startswith(f"Left out of {path}: table ")
    assert "(distances/1): " in sentence
    assert list(loaded.distances) == [TITLES[0], TITLES[2]]
    whole = example()
    for field in dataclasses.fields(Snapshot):
        if field.name != "distances":
            assert_equal(getattr(loaded, field.name), getattr(whole, field.name))
    for key in loaded.distances:
        assert_equal(loaded.distances[key], whole.distances[key])


def test_the_sentence_names_the_table_by_its_measure(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    damage(path, "statistics/0")
    with pytest.warns(UserWarning, match=r"table bars_H0 \(statistics/0\)"):
        loaded = Snapshot.load(path)
    assert loaded.statistics.measures == ("share",)
    assert len(loaded.distances) == 3


def test_every_table_that_is_left_out_has_a_sentence(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    for array in ("distances/0/matrix", "distances/0/noise_at_n", "distances/2/errors", "statistics/1"):
        damage(path, array)
    with pytest.warns(UserWarning, match="Left out of") as caught:
        loaded = Snapshot.load(path)
    assert len(caught) == 3
    assert (list(loaded.distances), list(loaded.statistics)) == ([TITLES[1]], [("bars", 0)])


def test_a_damaged_table_of_a_comparison_costs_that_table_only(tmp_path):
    path = comparison().save(tmp_path / "comparison.npz")
    damage(path, "distances/0/noise_at_n")
    with pytest.warns(UserWarning, match=r"comparison\.npz: table sliced_wasserstein_H0 \(distances/0\)") as caught:
        loaded = Comparison.load(path)
    assert len(caught) == 1
    assert list(loaded.distances) == [("sliced_wasserstein", 1)]
    np.testing.assert_array_equal(loaded.matrix(), comparison().matrix("sliced_wasserstein", 1))


def test_who_turns_warnings_into_errors_gets_the_sentence(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    damage(path, "statistics/0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="Left out of"):
            Snapshot.load(path)


# -- Parts that a table need not have -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "name"),
    [
        ("noise_at_n", "noise"),
        ("sizes", "sizes"),
        ("p_values", "p_values"),
        ("drift_p", "drift_p"),
        ("drift_from_first_p", "drift_from_reference_p"),
        ("drift_errors", "drift_errors"),
        ("drift_from_first_errors", "drift_from_reference_errors"),
    ],
)
def test_a_part_that_is_missing_is_not_known_and_the_rest_of_its_table_is(tmp_path, array, name):
    path = example().save(tmp_path / "step=3.npz")
    never_there(path, f"distances/1/{array}")
    loaded, whole = Snapshot.load(path).distances[TITLES[1]], example().distances[TITLES[1]]
    assert np.isnan(getattr(loaded, name)).all()
    assert_equal(dataclasses.replace(loaded, **{name: getattr(whole, name)}), whole)


def test_a_statistic_without_errors_is_read(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    never_there(path, "statistics/0/errors")
    found = Snapshot.load(path).statistics["bars"]
    assert np.isnan(found.errors).all()
    np.testing.assert_array_equal(found.values, example().statistics["bars"].values)


@pytest.mark.parametrize(("record", "kind"), [(example, Snapshot), (comparison, Comparison)])
def test_the_noise_of_earlier_archives_was_of_half_of_the_samples_and_is_read_as_not_known(tmp_path, record, kind):
    path = record().save(tmp_path / "record.npz")
    noise = arrays_in(path)["distances/1/noise_at_n"]
    never_there(path, "distances/1/noise_at_n")
    rewrite(path, **{"distances/1/noise": noise})
    loaded = kind.load(path).distances[TITLES[1]]
    assert np.isnan(loaded.noise).all()
    np.testing.assert_array_equal(loaded.matrix, record().distances[TITLES[1]].matrix)


# -- Other versions --------------------------------------------------------------------------------------------------


def test_what_a_later_version_has_added_to_a_description_is_passed_over(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    described("distances", 1, paper="Somebody (2031)", cost={"n": 2})(path)
    assert_equal(Snapshot.load(path), example())


def test_a_part_that_a_later_version_has_added_to_a_table_is_passed_over(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    rewrite(path, **{"distances/1/ranks": np.ones(6)})
    assert_equal(Snapshot.load(path), example())


def test_numbers_are_stored_as_float64_whatever_they_came_as(tmp_path):
    about = Description("a", None, kind="statistic")
    snapshot = dataclasses.replace(example(), statistics=Results([StatisticTable(about, np.arange(6))]))
    path = snapshot.save(tmp_path / "step=3.npz")
    assert arrays_in(path)["statistics/0"].dtype == np.float64
    np.testing.assert_array_equal(Snapshot.load(path).statistics["a"].values, np.arange(6.0))
