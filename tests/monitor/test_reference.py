"""What a run's drift is measured from: its first snapshot, another run, or a network that was recorded for it."""

import numpy as np
import pytest

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import MEASURES
from topocallback.monitor.reference import RecordedReference, check_reference
from topocallback.monitor.run import Run
from topocallback.records.point_clouds import PointClouds
from topocallback.records.runs import load_history

OPTIONS = AnalysisOptions(["sliced_wasserstein", "cka"], homology_dims=(0,), mapper=False)
OF_DIAGRAMS = AnalysisOptions(homology_dims=(0,), mapper=False)


def clouds_at(step, n=48, **fields):
    rng = np.random.default_rng(0)
    start = {layer: rng.normal(size=(n, 3)) for layer in "ab"}
    rng = np.random.default_rng(100 + step)
    return PointClouds(
        {layer: cloud + 0.1 * step * rng.normal(size=cloud.shape) for layer, cloud in start.items()}, **fields
    )


def run_of(folder, options=OPTIONS, **arguments):
    return Run(folder, options, figures=False, **arguments)


def measure(run, *steps, **arguments):
    return [run.measure(clouds_at(step), step=step, epoch=0, **arguments).snapshot for step in steps]


def drifts(snapshot, measure="cka"):
    table = snapshot.distances.choose(measure)
    return table.drift, table.drift_from_reference


def test_by_default_it_is_the_runs_first_snapshot(tmp_path):
    first, _, third = measure(run_of(tmp_path / "topology"), 0, 3, 9)
    assert (first.reference, third.reference) == ("", "the run's first snapshot, step 0")
    expected = [MEASURES["cka"]()(clouds_at(9)[layer], clouds_at(0)[layer]) for layer in "ab"]
    np.testing.assert_allclose(drifts(third)[1], expected, atol=2e-3)
    assert np.isnan(drifts(first)).all()


def test_a_run_that_is_gone_on_with_has_the_drift_of_one_that_was_not_interrupted(tmp_path):
    whole = measure(run_of(tmp_path / "whole"), 0, 3, 9)
    measure(run_of(tmp_path / "topology"), 0, 3)
    again = run_of(tmp_path / "topology")
    again.go_on()
    (found,) = measure(again, 9)
    for measure_name in ("cka", "sliced_wasserstein"):
        np.testing.assert_array_equal(drifts(found, measure_name), drifts(whole[2], measure_name))


def test_clouds_are_kept_in_two_files_and_only_where_a_distance_needs_them(tmp_path):
    measure(run_of(tmp_path / "a"), 0)
    measure(run_of(tmp_path / "b", OF_DIAGRAMS), 0)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "last_clouds.npz", "reference_clouds.npz", "step=0.npz",
    ]  # fmt: skip
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["step=0.npz"]


def test_what_the_clouds_take_is_said_where_it_is_much(tmp_path, monkeypatch):
    few, many = run_of(tmp_path / "few"), run_of(tmp_path / "many")
    assert few.measure(clouds_at(0), step=0, epoch=0).notes == []
    monkeypatch.setattr("topocallback.monitor.run._WORTH_A_WORD", 500)
    (note,) = many.measure(clouds_at(0), step=0, epoch=0).notes
    assert note.startswith("distances that need more than diagrams take 576 bytes beside the archive")


def test_clouds_that_cannot_be_read_cost_their_drift_and_nothing_else(tmp_path):
    measure(run_of(tmp_path / "topology"), 0, 3)
    (tmp_path / "topology" / "last_clouds.npz").write_bytes(b"nothing")
    again = run_of(tmp_path / "topology")
    again.go_on()
    measured = again.measure(clouds_at(9), step=9, epoch=0)
    drift, from_reference = drifts(measured.snapshot)
    assert np.isnan(drift).all()
    assert np.isfinite(from_reference).all()
    assert np.isfinite(drifts(measured.snapshot, "sliced_wasserstein")).all()
    assert "last_clouds.npz" in str(measured.errors[0])


# -- Another run -----------------------------------------------------------------------------------------------------


def test_another_runs_last_snapshot_is_the_reference_for_every_distance(tmp_path):
    other = measure(run_of(tmp_path / "other" / "topology"), 0, 3)
    (first, second) = measure(run_of(tmp_path / "topology", reference=str(tmp_path / "other")), 5, 9)
    assert first.reference == f"step 3 of run {tmp_path / 'other'}"
    expected = [MEASURES["cka"]()(clouds_at(9)[layer], clouds_at(3)[layer]) for layer in "ab"]
    np.testing.assert_allclose(drifts(second)[1], expected, atol=2e-3)
    by_hand = analyse(clouds_at(9), OPTIONS, reference=other[-1])
    np.testing.assert_array_equal(drifts(second, "sliced_wasserstein")[1], drifts(by_hand, "sliced_wasserstein")[1])


def test_another_run_that_kept_no_clouds_is_the_reference_of_distances_between_diagrams_and_it_is_said(tmp_path):
    measure(run_of(tmp_path / "other" / "topology", OF_DIAGRAMS), 0)
    (found,) = measure(run_of(tmp_path / "topology", reference=str(tmp_path / "other")), 5)
    assert np.isnan(drifts(found)[1]).all()
    assert np.isfinite(drifts(found, "sliced_wasserstein")[1]).all()
    assert found.problems["reference"] == (
        f"Nothing is held against step 0 of run {tmp_path / 'other'} by CKA distance (0 alike, 1 unlike): that run "
        "kept no clouds, which only a run does that is measured by a distance that needs them."
    )


def test_another_run_that_was_recorded_otherwise_is_no_reference_and_it_is_said(tmp_path):
    run_of(tmp_path / "other" / "topology").measure(clouds_at(0, recording={"pooling": "mean"}), step=0, epoch=0)
    run = run_of(tmp_path / "topology", reference=str(tmp_path / "other"))
    found = run.measure(clouds_at(1, recording={"pooling": "flatten"}), step=1, epoch=0).snapshot
    assert np.isnan(drifts(found)[1]).all()
    assert found.reference == ""
    assert "which was recorded otherwise: pooling is 'mean' in" in found.problems["reference"]


def test_a_folder_without_snapshots_is_no_reference_and_it_is_said(tmp_path):
    (tmp_path / "other").mkdir()
    run = run_of(tmp_path / "topology", reference=str(tmp_path / "other"))
    first, second = measure(run, 0, 3)
    assert np.isnan(drifts(second)[1]).all()
    assert np.isfinite(drifts(second)[0]).all()
    assert first.problems["reference"].startswith("FileNotFoundError: Expected snapshots")


# -- A network that was recorded for it ------------------------------------------------------------------------------


def test_a_network_that_was_recorded_is_the_reference_from_the_first_snapshot_on(tmp_path):
    run = run_of(tmp_path / "topology", reference="untrained")
    (first,) = measure(run, 3, reference=RecordedReference(clouds_at(0)))
    (second,) = measure(run, 9)
    for step, found in ((3, first), (9, second)):
        assert found.reference == "the untrained network"
        expected = [MEASURES["cka"]()(clouds_at(step)[layer], clouds_at(0)[layer]) for layer in "ab"]
        np.testing.assert_allclose(drifts(found)[1], expected, atol=2e-3)
    assert [snapshot.step for snapshot in load_history(tmp_path)] == [3, 9]


def test_it_is_there_when_the_run_is_gone_on_with(tmp_path):
    whole = run_of(tmp_path / "whole" / "topology", reference="untrained")
    measure(whole, 3, reference=RecordedReference(clouds_at(0)))
    (expected,) = measure(whole, 9)
    measure(run_of(tmp_path / "topology", reference="untrained"), 3, reference=RecordedReference(clouds_at(0)))
    again = run_of(tmp_path / "topology", reference="untrained")
    again.go_on()
    (found,) = measure(again, 9)
    for name in ("cka", "sliced_wasserstein"):
        np.testing.assert_array_equal(drifts(found, name), drifts(expected, name))


def test_where_it_was_never_recorded_there_is_none_and_it_is_said(tmp_path):
    measure(run_of(tmp_path / "topology"), 3)
    again = run_of(tmp_path / "topology", reference="untrained")
    again.go_on()
    (found,) = measure(again, 9)
    assert np.isnan(drifts(found)[1]).all()
    assert "the untrained network is not known" in found.problems["reference"]


def test_why_it_could_not_be_recorded_is_said(tmp_path):
    run = run_of(tmp_path / "topology", reference="untrained")
    (found,) = measure(run, 3, reference=RecordedReference(None, "The data are no items."))
    assert found.problems["reference"].endswith("The data are no items.")


# -- The option ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["first", "untrained"])
def test_words_are_themselves(given):
    assert check_reference(given) == given


def test_a_path_has_to_exist(tmp_path):
    assert check_reference(tmp_path) == str(tmp_path)
    with pytest.raises(ValueError, match=r"Expected `reference` to be 'first', .* there is no such file or folder"):
        check_reference(tmp_path / "not there")
    with pytest.raises(TypeError, match=r"Expected `reference` to be 'first', .* got 3"):
        check_reference(3)
