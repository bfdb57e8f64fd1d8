"""Comparison: slices, findings and files."""

import csv
import dataclasses
import sys

import numpy as np
import pytest
from record_tools import assert_equal, files_below
from synthetic_comparison import H1, example, with_distances

from topocallback.records.comparison import Comparison

COLUMN = "sliced_wasserstein_H1"


# -- Slices ----------------------------------------------------------------------------------------------------------


def test_slices_are_the_parts_of_the_matrix_that_they_name():
    found = example()
    matrix = found.matrix(*H1)
    for i, first in enumerate(found.points):
        for j, second in enumerate(found.points):
            if first[1] == second[1]:
                rows = [found.checkpoints[k].name for k in range(12)]
                assert (
                    found.over_checkpoints(first[1], *H1)[rows.index(first[0]), rows.index(second[0])] == matrix[i, j]
                )
            row, column = found.layers.index(first[1]), found.layers.index(second[1])
            assert found.between(first[0], second[0], *H1)[row, column] == matrix[i, j]
    np.testing.assert_array_equal(found.over_layers(-1, *H1), found.between("run 2/3", "run 2/3", *H1))


def test_a_question_without_a_dimension_is_asked_of_h1():
    found = example()
    for table in (found.table_of(), found.table_of("sliced_wasserstein"), found.table_of(*H1)):
        assert table is found.distances[H1]
    np.testing.assert_array_equal(found.matrix(), found.distances[H1].matrix)
    np.testing.assert_array_equal(found.over_layers(0), found.over_layers(0, *H1))
    np.testing.assert_array_equal(found.matrix(homology_dim=0), found.distances["sliced_wasserstein", 0].matrix)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda c: c.over_checkpoints("stam"), r"got 'stam'. Closest: \['stem'\]"),
        (lambda c: c.over_layers("run 9/9"), "got 'run 9/9'"),
        (lambda c: c.over_layers(99), "below 12, got 99"),
        (lambda c: c.matrix("other"), "Expected one of .*got 'other'"),
        (lambda c: c.settling(homology_dim=2), r"Expected one of .*got \('sliced_wasserstein', 2\)"),
    ],
)
def test_what_is_not_there_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call(example())


# -- Findings --------------------------------------------------------------------------------------------------------


def test_specificity_compares_the_last_checkpoints_of_the_runs():
    specificity = example().specificity()
    assert specificity.checkpoints == ("run 0/3", "run 1/3", "run 2/3")
    assert len(specificity.same) == 9  # 3 layers, 3 pairs of runs
    assert len(specificity.different) == 18  # 3 pairs of runs, 3 times 2 layers
    assert specificity.ratio == pytest.approx(specificity.different.mean() / specificity.same.mean())
    assert specificity.ratio > 10
    assert specificity.auc == 1
    assert specificity.p_value < 0.05


def test_specificity_of_a_single_run_compares_its_checkpoints():
    found = example(runs=1)
    assert found.specificity().checkpoints == ("run 0/0", "run 0/1", "run 0/2", "run 0/3")
    assert found.specificity(checkpoints=[0, -1]).checkpoints == ("run 0/0", "run 0/3")


def test_groups_of_seeds_that_differ_are_told_apart_and_equal_ones_are_not():
    found = example(runs=10, epochs=1, layers=("stem", "head"))
    rows = found.rows(layer="head")
    places = np.random.default_rng(1).normal(size=20)
    places[rows[:5]] += 8
    found = with_distances(found, abs(places[:, None] - places))
    assert found.permutation_test("head", range(5), range(5, 10)).p_value == pytest.approx(2 / 252)
    assert found.permutation_test("stem", range(5), range(5, 10)).p_value > 0.05


def test_the_map_keeps_distances_that_lie_in_a_plane():
    found = example()
    places = found.map(*H1)
    apart = np.hypot(*(places[:, None] - places).T)
    np.testing.assert_allclose(apart, found.matrix(*H1), atol=1e-5)  # the root of rounding errors


def test_points_without_distances_have_no_place_on_the_map():
    matrix = example().matrix(*H1).copy()
    matrix[4] = matrix[:, 4] = np.nan
    found = with_distances(example(), matrix)
    assert np.flatnonzero(np.isnan(found.map(*H1)).any(axis=1)).tolist() == [4]
    assert np.isfinite(found.specificity(*H1, checkpoints=range(12)).same).all()


# -- Tables and files ------------------------------------------------------------------------------------------------


def test_a_comparison_comes_back_equal_in_every_field(tmp_path):
    found = example()
    loaded = Comparison.load(found.save(tmp_path / "new" / "comparison.npz"))
    for field in dataclasses.fields(Comparison):
        assert_equal(getattr(loaded, field.name), getattr(found, field.name))
    assert Comparison.load(tmp_path / "new").points == found.points
    assert files_below(tmp_path) == ["new/comparison.npz"]


@pytest.mark.parametrize("content", [b"", b"no comparison", None])
def test_a_damaged_file_is_named(tmp_path, content):
    path = example().save(tmp_path / "comparison.npz")
    path.write_bytes(path.read_bytes()[:500] if content is None else content)
    with pytest.raises(ValueError, match=r"comparison\.npz, got a damaged or foreign file"):
        Comparison.load(path)


def test_the_tables_hold_what_is_known_of_each_distance():
    found = example()
    table, frame, pairs = found.table_of(), found.to_dataframe(), found.to_dataframe(pairs=True)
    np.testing.assert_array_equal(frame[f"noise_{COLUMN}"], table.noise)
    at = found.points.index(("run 1/2", "head"))
    previous, last = (found.points.index((name, "head")) for name in ("run 1/1", "run 1/3"))
    assert frame[f"from_previous_{COLUMN}"][at] == table.matrix[at, previous]
    assert frame[f"from_previous_{COLUMN}_p"][at] == table.p_values[at, previous]
    assert frame[f"from_last_{COLUMN}_p"][at] == table.p_values[at, last]
    assert np.isnan(frame[frame["step"] == 0][f"from_previous_{COLUMN}_p"]).all()
    above = np.triu_indices(36, 1)
    columns = ["", "_times_noise", "_p", "_relative"]
    for name, values in zip(columns, (table.matrix, table.times_noise, table.p_values, table.relative), strict=True):
        np.testing.assert_array_equal(pairs[COLUMN + name], values[above])


def test_the_tables_have_a_row_per_point_and_per_pair(tmp_path):
    found = example()
    frame, pairs = found.to_dataframe(), found.to_dataframe(pairs=True)
    assert len(frame) == 36
    assert len(pairs) == 36 * 35 // 2
    row = pairs[(pairs.checkpoint_a == "run 0/0") & (pairs.layer_a == "stem") & (pairs.checkpoint_b == "run 2/3")]
    assert row[row.layer_b == "head"][COLUMN].item() == found.between("run 0/0", "run 2/3", *H1)[0, 2]
    with found.to_csv(tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert [line["layer"] for line in written] == frame.layer.tolist()
    assert [float(line[f"from_last_{COLUMN}"]) for line in written] == frame[f"from_last_{COLUMN}"].tolist()
    assert np.isnan(frame[frame["step"] == 0][f"from_previous_{COLUMN}"]).all()


def test_without_pandas_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pandas"):
        example().to_dataframe()
