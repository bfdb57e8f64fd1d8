"""Run: one step after the other becomes a snapshot that is analysed against the earlier ones, archived and drawn."""

import dataclasses
import io
import itertools

import numpy as np
import pytest
from hostile_archives import LAYERS, crafted, whole, write
from PIL import Image
from record_tools import assert_same_tables
from synthetic_runs import OPTIONS as WITH_GRAPHS
from synthetic_runs import synthetic_clouds

import topocallback.views.pictures
from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import SlicedWasserstein
from topocallback.monitor.run import Run
from topocallback.records.archive import archive_folder, archive_path
from topocallback.records.history import History
from topocallback.records.point_clouds import PointClouds
from topocallback.records.runs import load_history
from topocallback.records.snapshot import Snapshot
from topocallback.views.figures import Ranges

OPTIONS = AnalysisOptions(scale="none")


def clouds_at(step, n=16):
    """The same samples at a step; later steps spread further, so that ranges grow."""
    rng = np.random.default_rng(step)
    return PointClouds({layer: (1 + step) * rng.normal(size=(n, 3)) for layer in "ab"})


def measure(run, steps):
    return [run.measure(clouds_at(step), step=step, epoch=step // 2) for step in steps]


def assert_same(measured, expected):
    """The same numbers and the same pictures."""
    ours, theirs = measured.snapshot, expected.snapshot
    assert (ours.step, ours.epoch) == (theirs.step, theirs.epoch)
    assert_same_tables(ours, theirs)
    assert [picture.png for picture in measured.pictures] == [picture.png for picture in expected.pictures]


def steps_in(folder):
    return sorted(path.name for path in folder.iterdir())


# -- Numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("archived", [True, False])
def test_drift_goes_from_step_to_step_and_from_the_first_step(tmp_path, archived):
    run = Run(tmp_path / "topology" if archived else None, OPTIONS, figures=False)
    found = [measured.snapshot for measured in measure(run, (0, 3, 9))]
    first = analyse(clouds_at(0), OPTIONS)
    second = analyse(clouds_at(3), OPTIONS, previous=first, reference=first)
    third = analyse(clouds_at(9), OPTIONS, previous=second, reference=first)
    for snapshot, expected in zip(found, (first, second, third), strict=True):
        for key, table in expected.distances.items():
            np.testing.assert_array_equal(snapshot.distances[key].drift, table.drift)
            np.testing.assert_array_equal(snapshot.distances[key].drift_from_reference, table.drift_from_reference)
    assert (
        third.distances["sliced_wasserstein", 0].drift != third.distances["sliced_wasserstein", 0].drift_from_reference
    ).all()


def test_the_number_of_threads_changes_nothing():
    alone, shared = Run(None, OPTIONS), Run(None, OPTIONS)
    for step in range(2):
        expected = alone.measure(clouds_at(step), step=step, epoch=0)
        assert_same(shared.measure(clouds_at(step), step=step, epoch=0, n_threads=3), expected)


def test_a_step_that_cannot_be_analysed_is_passed_over(tmp_path):
    run = Run(tmp_path, OPTIONS, figures=False)
    measure(run, [0])
    with pytest.raises(ValueError, match="at least one layer"):
        run.measure(PointClouds({}), step=1, epoch=0)
    later = measure(run, [2])[0].snapshot
    first = analyse(clouds_at(0), OPTIONS)
    expected = analyse(clouds_at(2), OPTIONS, previous=first)
    np.testing.assert_array_equal(
        later.distances["sliced_wasserstein", 1].drift, expected.distances["sliced_wasserstein", 1].drift
    )
    assert run.history.steps == (0, 2)


# -- The archive -----------------------------------------------------------------------------------------------------


def test_every_step_is_archived_as_it_was_measured(tmp_path):
    run = Run(archive_folder(tmp_path), OPTIONS, figures=False)
    measured = measure(run, (0, 5, 10))
    assert steps_in(tmp_path / "topology") == ["step=0.npz", "step=10.npz", "step=5.npz"]
    assert run.history.steps == load_history(tmp_path).steps == (0, 5, 10)
    for loaded, expected in zip(run.history, measured, strict=True):
        assert loaded.seconds == expected.snapshot.seconds
        np.testing.assert_array_equal(
            loaded.distances["sliced_wasserstein", 1].matrix,
            expected.snapshot.distances["sliced_wasserstein", 1].matrix,
        )


def test_a_run_without_steps_has_an_empty_history_and_writes_nothing(tmp_path):
    assert len(Run(tmp_path / "topology", OPTIONS).history) == 0
    assert len(Run(None, OPTIONS).history) == 0
    assert steps_in(tmp_path) == []


def test_a_run_without_a_folder_keeps_the_last_hundred_snapshots():
    run = Run(None, AnalysisOptions(homology_dims=(0,), scale="none"), figures=False)
    clouds = clouds_at(0, n=4)
    for step in range(103):
        measured = run.measure(clouds, step=step, epoch=0)
    assert [snapshot.step for snapshot in run.history] == list(range(3, 103))
    assert run.history[-1] is measured.snapshot


# -- Going on --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stopped_after", [1, 2, 3])
def test_a_run_that_goes_on_measures_what_the_uninterrupted_run_measures(tmp_path, stopped_after):
    uninterrupted = measure(Run(tmp_path / "whole", OPTIONS), range(4))
    measure(Run(tmp_path / "parts", OPTIONS), range(stopped_after))
    resumed = Run(tmp_path / "parts", OPTIONS, continues=True)
    for measured, expected in zip(
        measure(resumed, range(stopped_after, 4)), uninterrupted[stopped_after:], strict=True
    ):
        assert_same(measured, expected)
    assert resumed.history.steps == (0, 1, 2, 3)


def test_a_run_that_goes_on_from_before_its_last_snapshots_measures_what_it_measured_there(tmp_path):
    # Checkpoints are rarer than snapshots: a run that crashes goes back by some steps.
    uninterrupted = measure(Run(tmp_path, OPTIONS), range(5))
    resumed = Run(tmp_path, OPTIONS, continues=True)
    for measured, expected in zip(measure(resumed, (2, 3)), uninterrupted[2:4], strict=True):
        assert_same(measured, expected)


def test_a_new_run_knows_nothing_of_the_snapshots_in_its_folder(tmp_path):
    measure(Run(tmp_path, OPTIONS, figures=False), range(2))
    measured = measure(Run(tmp_path, OPTIONS, figures=False), [2])[0]
    for table in measured.snapshot.distances.values():
        assert np.isnan([table.drift, table.drift_from_reference]).all()


def recorded(step, **recording):
    return dataclasses.replace(clouds_at(step, n=24), recording=recording)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("pooling", "mean", "flatten"), ("seed", 0, 1), ("points", "samples", "rows"), ("samples", "indices", "rows")],
)
def test_a_run_that_goes_on_otherwise_has_no_drift_from_what_came_before(tmp_path, name, before, after):
    earlier = Run(tmp_path, OPTIONS, figures=False)
    for step in range(2):
        earlier.measure(recorded(step, layers="auto", **{name: before}), step=step, epoch=0)
    resumed = Run(tmp_path, OPTIONS, figures=False, continues=True)
    found = [resumed.measure(recorded(step, layers="a", **{name: after}), step=step, epoch=1) for step in (2, 3)]
    for table in found[0].snapshot.distances.values():
        assert np.isnan([table.drift, table.drift_from_reference, table.drift_p]).all()
    for table in found[1].snapshot.distances.values():
        np.testing.assert_array_equal(table.drift, table.drift_from_reference)
        assert (table.drift > 0).all()
    said = f"recorded otherwise: {name} is {before!r} in step 1 and {after!r} in step 2."
    assert said in History(tmp_path)[2].problems["drift"]
    assert "drift" not in found[1].snapshot.problems
    again = Run(tmp_path, OPTIONS, figures=False, continues=True)
    snapshot = again.measure(recorded(4, layers="a", **{name: after}), step=4, epoch=2).snapshot
    expected = analyse(recorded(4), OPTIONS, previous=found[1].snapshot, reference=found[0].snapshot)
    for key, table in expected.distances.items():
        np.testing.assert_array_equal(snapshot.distances[key].drift_from_reference, table.drift_from_reference)


def test_a_run_that_goes_on_in_another_scale_has_no_drift_from_what_came_before(tmp_path):
    measure(Run(tmp_path, OPTIONS, figures=False), [0])
    resumed = Run(tmp_path, AnalysisOptions(scale="quantile"), figures=False, continues=True)
    snapshot = measure(resumed, [1])[0].snapshot
    assert all(np.isnan(table.drift).all() for table in snapshot.distances.values())
    assert "scale is 'none' in step 0 and 'quantile' in step 1" in snapshot.problems["drift"]


def test_a_run_that_goes_on_in_an_empty_folder_starts(tmp_path):
    measured = measure(Run(tmp_path / "missing", OPTIONS, figures=False, continues=True), [7])[0]
    assert measured.errors == []
    assert all(np.isnan(table.drift).all() for table in measured.snapshot.distances.values())


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def damage_an_array(path):
    """What is read at once stays whole; the bars of the first layer do not."""
    with np.load(path) as archive:
        start = archive.zip.getinfo("diagrams/0/H0.npy").header_offset
    whole = bytearray(path.read_bytes())
    whole[start + 80 : start + 100] = bytes(20)
    path.write_bytes(whole)


@pytest.mark.parametrize("damage", [truncate, damage_an_array])
def test_a_run_goes_on_past_a_damaged_snapshot(tmp_path, damage):
    measure(Run(tmp_path, OPTIONS, figures=False), range(3))
    damage(archive_path(tmp_path, 1))
    with pytest.warns(UserWarning, match=r"step=1\.npz"):
        measured = measure(Run(tmp_path, OPTIONS, figures=False, continues=True), [3])[0]
    assert_same(measured, measure(Run(None, OPTIONS, figures=False), range(4))[-1])


def test_a_run_goes_on_past_a_snapshot_that_cannot_be_used(tmp_path, monkeypatch):
    """Whatever it is that fails there: it costs the file, and no later snapshot."""
    measure(Run(tmp_path, OPTIONS, figures=False), range(3))
    uninterrupted = measure(Run(None, OPTIONS, figures=False), range(4))[-1]
    include = Ranges.include

    def fail_at_1(self, snapshot):
        if snapshot.step == 1:
            raise OverflowError("as large as that")
        include(self, snapshot)

    monkeypatch.setattr(Ranges, "include", fail_at_1)
    run = Run(tmp_path, OPTIONS, figures=False, continues=True)
    (measured,) = measure(run, [3])
    assert [str(error) for error in measured.errors] == ["Left out step 1: OverflowError: as large as that"]
    assert_same(dataclasses.replace(measured, errors=[]), uninterrupted)
    assert [each.snapshot.step for each in measure(run, [4, 5])] == [4, 5]


def test_a_run_goes_on_past_files_of_other_content(tmp_path):
    facts, arrays = whole()
    for step, (_, other, others) in enumerate(itertools.islice(crafted(), 7, None, 16)):
        write(archive_path(tmp_path, step), other | ({"step": step} if other.get("step") == 1 else {}), others)
    write(archive_path(tmp_path, 1000), facts | {"step": 1000}, arrays)
    clouds = synthetic_clouds(0.7, LAYERS, n_samples=40)
    run = Run(tmp_path, WITH_GRAPHS, figures=False, continues=True)
    with pytest.warns(UserWarning, match="Left out"):
        measured = [run.measure(clouds, step=1001, epoch=0)]
    measured.append(run.measure(clouds, step=1002, epoch=0))
    assert [each.errors for each in measured] == [[], []]
    assert Snapshot.load(archive_path(tmp_path, 1002)).step == 1002
    assert np.isfinite(measured[1].snapshot.distances["sliced_wasserstein", 0].drift).all()


# -- Failures --------------------------------------------------------------------------------------------------------


def test_a_snapshot_that_cannot_be_saved_is_not_lost(tmp_path):
    folder = tmp_path / "topology"
    folder.write_text("a file where the folder should be")
    run = Run(folder, OPTIONS)
    first, second = measure(run, range(2))
    for measured in (first, second):
        assert [isinstance(error, OSError) for error in measured.errors] == [True]
        assert len(measured.pictures) == 3
    expected = measure(Run(None, OPTIONS), range(2))
    assert_same(second, expected[1])
    assert folder.read_text() == "a file where the folder should be"


def test_options_that_json_cannot_hold_do_not_cost_the_snapshot(tmp_path):
    run = Run(tmp_path / "topology", AnalysisOptions([SlicedWasserstein(n_directions=np.int64(20))]))
    measured = measure(run, [0])[0]
    assert measured.snapshot.options["measures"][0]["options"] == {"n_directions": 20}
    assert len(measured.pictures) == 3


def test_a_save_that_fails_in_an_unexpected_way_costs_neither_numbers_nor_pictures(tmp_path, monkeypatch):
    def fail(snapshot, path):
        raise TypeError("Object of type Unknown is not JSON serializable")

    monkeypatch.setattr(Snapshot, "save", fail)
    measured = measure(Run(tmp_path, OPTIONS), [0])[0]
    assert [type(error) for error in measured.errors] == [TypeError]
    assert len(measured.pictures) == 3


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ("heatmap_figure", ["persistence_diagrams", "mapper"]),
        ("diagrams_figure", ["layer_distance", "mapper"]),
        ("mapper_figure", ["layer_distance", "persistence_diagrams"]),
        ("render", []),
    ],
)
def test_a_picture_that_cannot_be_drawn_costs_neither_the_numbers_nor_the_others(tmp_path, monkeypatch, what, left):
    with monkeypatch.context() as patch:
        patch.setattr(topocallback.views.pictures, what, no_fonts)
        run = Run(tmp_path, OPTIONS)
        measured = measure(run, [0])[0]
    assert [picture.name for picture in measured.pictures] == left
    assert [type(error).__name__ for error in measured.errors] == ["PictureError"] * (3 - len(left))
    assert all("cannot be drawn" in str(error) and "no fonts" in str(error) for error in measured.errors)
    assert run.history.steps == (0,)
    later = measure(run, [1])[0]
    assert later.errors == []
    assert len(later.pictures) == 3


def no_fonts(*_):
    raise RuntimeError("no fonts")


def test_a_picture_that_fails_at_each_step_is_given_up_and_that_is_said(monkeypatch):
    calls = []

    def fail(*_):
        calls.append(1)
        no_fonts()

    monkeypatch.setattr(topocallback.views.pictures, "mapper_figure", fail)
    said = [str(error) for measured in measure(Run(None, OPTIONS), range(6)) for error in measured.errors]
    assert len(calls) == 3
    assert ["is left out" in said[0], "is not tried again" in said[1]] == [True, True]
    assert len(said) == 2


def test_a_picture_that_fails_now_and_then_is_tried_at_each_step_and_it_is_said_once(monkeypatch):
    figure, calls = topocallback.views.pictures.diagrams_figure, []

    def fail_each_second(*arguments):
        calls.append(1)
        return figure(*arguments) if len(calls) % 2 else no_fonts()

    monkeypatch.setattr(topocallback.views.pictures, "diagrams_figure", fail_each_second)
    found = measure(Run(None, OPTIONS), range(8))
    assert [len(measured.pictures) for measured in found] == [3, 2] * 4
    assert sum(len(measured.errors) for measured in found) == 1


# -- Pictures --------------------------------------------------------------------------------------------------------


def test_every_step_has_a_heatmap_the_diagrams_and_the_mapper_graphs():
    pictures = measure(Run(None, OPTIONS), [0])[0].pictures
    assert [picture.name for picture in pictures] == ["layer_distance", "persistence_diagrams", "mapper"]
    for picture in pictures:
        with Image.open(io.BytesIO(picture.png)) as image:
            assert image.size == (picture.width, picture.height)


def test_without_mapper_graphs_there_is_no_picture_of_them():
    pictures = measure(Run(None, AnalysisOptions(mapper=False)), [0])[0].pictures
    assert [picture.name for picture in pictures] == ["layer_distance", "persistence_diagrams"]


def test_pictures_can_be_left_out():
    measured = measure(Run(None, OPTIONS, figures=False), [0])[0]
    assert (measured.pictures, measured.errors) == ([], [])


def test_pictures_are_drawn_at_most_once_in_so_many_seconds_and_of_the_last_step(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("topocallback.monitor.run.time.monotonic", lambda: now[0])
    run, drawn = Run(None, OPTIONS, figures=60.0), []
    for step in range(7):
        drawn.append(bool(measure(run, [step])[0].pictures))
        now[0] += 25.0
    assert drawn == [True, False, False, True, False, False, True]
    assert run.draw_last() is None
    every = measure(Run(None, OPTIONS), range(8))
    assert measure(run, [7])[0].pictures == []
    last = run.draw_last()
    assert last.snapshot.step == 7
    assert [picture.png for picture in last.pictures] == [picture.png for picture in every[7].pictures]
    assert run.draw_last() is None


def test_the_pictures_of_a_run_share_their_ranges(monkeypatch):
    seen = []

    def note_limits(snapshot, limits):
        seen.append(dict(limits))
        return figure(snapshot, limits)

    figure = topocallback.views.pictures.heatmap_figure
    monkeypatch.setattr(topocallback.views.pictures, "heatmap_figure", note_limits)
    run = Run(None, OPTIONS)
    for step, spread in enumerate((1.0, 0.5, 1.0, 40.0, 1.0)):
        clouds = clouds_at(0)
        larger = {layer: spread * cloud for layer, cloud in clouds.clouds.items()}
        run.measure(dataclasses.replace(clouds, clouds=larger), step=step, epoch=0)
    assert seen[0] == seen[1] == seen[2]
    assert all(seen[3][key] >= 2 * seen[2][key] for key in seen[2])
    assert seen[4] == seen[3]
