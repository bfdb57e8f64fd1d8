"""Comparison: slices, findings and files."""

import csv
import dataclasses
import sys

import numpy as np
import pytest
from record_tools import assert_equal, files_below
from synthetic_comparison import H1, described, example

from topocallback.records.comparison import Comparison
from topocallback.records.results import DistanceTable, Results

COLUMN = "sliced_wasserstein_H1"


def only(matrix):
    """One measure in one homology dimension, under the noise of the example."""
    return Results([DistanceTable(described(1), matrix, np.full(len(matrix), 0.5))])


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


def test_a_measure_without_its_dimension_is_that_in_h1():
    found = example()
    for asked in ((), ("sliced_wasserstein",), H1):
        assert found.table_of(*asked) is found.distances[H1]
        np.testing.assert_array_equal(found.matrix(*asked), found.distances[H1].matrix)
    np.testing.assert_array_equal(found.matrix("sliced_wasserstein", 0), 2 * found.matrix())
    np.testing.assert_array_equal(found.over_layers(0), found.over_layers(0, *H1))
    assert [entry.position for entry in found.settling()] == [entry.position for entry in found.settling(*H1)]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda c: c.over_checkpoints("stam"), r"got 'stam'. Closest: \['stem'\]"),
        (lambda c: c.over_layers("run 9/9"), "got 'run 9/9'"),
        (lambda c: c.over_layers(99), "below 12, got 99"),
        (lambda c: c.matrix("other"), "Expected one of .*got 'other'"),
    ],
)
def test_what_is_not_there_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call(example())


# -- Findings --------------------------------------------------------------------------------------------------------


def test_specificity_compares_the_last_checkpoints_of_the_runs():
    found = example()
    specificity = found.specificity(*H1)
    assert specificity.checkpoints == ("run 0/3", "run 1/3", "run 2/3")
    assert len(specificity.same) == 9  # 3 layers, 3 pairs of runs
    assert len(specificity.different) == 18  # 3 pairs of runs, 6 of layers
    assert specificity.ratio == pytest.approx(specificity.different.mean() / specificity.same.mean())
    assert specificity.ratio > 10
    assert specificity.auc == 1


def test_groups_of_seeds_that_differ_are_told_apart_and_equal_ones_are_not():
    found = example(runs=10, epochs=1, layers=("stem", "head"))
    rows = found.rows(layer="head")
    places = np.random.default_rng(1).normal(size=20)
    places[rows[:5]] += 8
    found = dataclasses.replace(found, distances=only(abs(places[:, None] - places)), homology_dims=(1,))
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
    found = dataclasses.replace(example(), distances=only(matrix), homology_dims=(1,))
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
    for name in (f"from_previous_{COLUMN}", f"from_previous_{COLUMN}_p"):
        assert np.isnan(frame[frame["step"] == 0][name]).all()
        assert np.isfinite(frame[frame["step"] > 0][name]).all()


def test_a_row_of_the_tables_says_how_sure_its_distance_is():
    found = example()
    size = np.arange(1.0, 37)
    table = dataclasses.replace(found.distances[H1], sizes=size)
    found = dataclasses.replace(found, distances=Results([table]))
    frame, pairs = found.to_dataframe(), found.to_dataframe(pairs=True)
    i, j = np.triu_indices(36, 1)
    for name, values in (("", table.matrix), ("_times_noise", table.times_noise), ("_p", table.p_values)):
        np.testing.assert_array_equal(pairs[f"{COLUMN}{name}"], values[i, j])
    np.testing.assert_allclose(pairs[f"{COLUMN}_relative"], table.matrix[i, j] / (size[i] + size[j]))
    rows, last = found.rows(layer="head"), found.rows(checkpoint="run 1/3", layer="head")[0]
    of_run = [row for row in rows if found.checkpoints[found.checkpoint_of[row]].run == "run 1"]
    np.testing.assert_array_equal(frame[f"from_last_{COLUMN}_p"][of_run], table.p_values[of_run, last])
    np.testing.assert_array_equal(frame[f"noise_{COLUMN}"], table.noise)


def test_without_pandas_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pandas"):
        example().to_dataframe()
