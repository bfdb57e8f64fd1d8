"""Where records lie: which folder is a run's, what counts as a snapshot, and a history that reads when it is asked."""

import dataclasses
import os
import warnings
from pathlib import Path

import pytest
from record_tools import assert_equal, damage, example, files_below, write_run

from topocallback.records.archive import (
    History,
    archive_folder,
    archive_path,
    comparison_path,
    find_runs,
    load_histories,
    load_history,
    load_inputs,
    new_folder,
    run_directory,
    save_inputs,
)
from topocallback.records.snapshot import Snapshot


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


# -- Names -----------------------------------------------------------------------------------------------------------


def test_files_have_the_names_that_the_documentation_tells(tmp_path):
    assert archive_folder("logs") == Path("logs/topology")
    assert archive_folder("logs", 2) == Path("logs/topology-v2")
    assert archive_path("logs/topology", 7) == Path("logs/topology/step=7.npz")
    assert comparison_path("out") == Path("out/comparison.npz")


def test_a_run_is_called_by_its_log_directory_and_one_started_anew_by_its_archive_too():
    assert run_directory("logs/seed=0/topology") == Path("logs/seed=0")
    assert run_directory("logs/seed=0/topology-v1") == Path("logs/seed=0/topology-v1")


# -- The folder of a new run -----------------------------------------------------------------------------------------


def test_a_directory_without_snapshots_gives_the_first_folder(tmp_path):
    assert new_folder(tmp_path / "logs", continues=False) == tmp_path / "logs" / "topology"
    assert new_folder(tmp_path / "logs", continues=True) == tmp_path / "logs" / "topology"


def test_every_new_run_gets_a_folder_of_its_own(tmp_path):
    names = []
    for _ in range(12):  # beyond nine, where names are not in the order of their numbers
        folder = new_folder(tmp_path, continues=False)
        example(0).save(archive_path(folder, 0))
        names.append(folder.name)
    assert names == ["topology", *(f"topology-v{i}" for i in range(1, 12))]


def test_a_folder_without_a_whole_snapshot_is_taken(tmp_path):
    touch(tmp_path / "topology" / ".step=0.npz.17.partial")
    touch(tmp_path / "topology" / "step=x.npz")
    assert new_folder(tmp_path, continues=False).name == "topology"


def test_a_resumed_run_goes_on_where_load_history_reads(tmp_path):
    for version in (0, 1, 10):  # the others have been deleted
        write_run(tmp_path, steps=(version,), version=version)
        assert new_folder(tmp_path, continues=True) == load_history(tmp_path).folder
    assert new_folder(tmp_path, continues=True).name == "topology-v10"
    assert new_folder(tmp_path, continues=False).name == "topology-v11"


# -- The inputs ------------------------------------------------------------------------------------------------------


SHEET = '{"version": 1, "tile": 8, "columns": 2, "sample_ids": [3, 5, 18446744073709551615]}'


def test_saved_inputs_are_read_as_they_were(tmp_path):
    save_inputs(tmp_path / "topology", b"\x89PNG", SHEET)
    assert files_below(tmp_path) == ["topology/inputs.json", "topology/inputs.png"]
    assert load_inputs(tmp_path / "topology") == (b"\x89PNG", SHEET)


@pytest.mark.parametrize(
    "facts",
    [
        b"no JSON",
        b"",
        b"{}",
        b"[1]",
        b"\xff\xfe",
        b"[" * 100_000,
        *[
            SHEET.replace("8,", f"{value},", 1).encode()
            for value in ("NaN", "true", "-8", "0", "8.5", '"8"', "9" * 5000)
        ],
        SHEET.replace("[3", "[NaN").encode(),
        SHEET.replace("[3", "[[3]").encode(),
        SHEET.replace("[3, 5, 18446744073709551615]", "{}").encode(),
        SHEET.replace("}", ', "weather": 1e999}').encode(),
    ],
)
def test_inputs_that_are_damaged_are_none_and_said(tmp_path, facts):
    save_inputs(tmp_path, b"", "")
    (tmp_path / "inputs.json").write_bytes(facts)
    with pytest.warns(UserWarning, match="Left out the sampled inputs in "):
        assert load_inputs(tmp_path) is None


def test_inputs_that_are_not_there_are_none(tmp_path):
    assert load_inputs(tmp_path) is None
    save_inputs(tmp_path, b"", SHEET)
    (tmp_path / "inputs.png").unlink()
    assert load_inputs(tmp_path) is None


# -- Finding runs ----------------------------------------------------------------------------------------------------


def test_a_run_is_found_by_its_directory_its_archive_and_the_folder_above(tmp_path):
    touch(tmp_path / "logs" / "version_3" / "topology" / "step=5.npz")
    archive = tmp_path / "logs" / "version_3" / "topology"
    for path in (archive, archive.parent, archive.parent.parent):
        assert find_runs(path) == {"version_3": archive}
    assert find_runs(tmp_path) == find_runs(str(tmp_path)) == {"logs/version_3": archive}


@pytest.mark.parametrize("inside", ["version_3", "version_3/topology"])
def test_a_run_is_found_by_the_current_directory(tmp_path, monkeypatch, inside):
    touch(tmp_path / "version_3" / "topology" / "step=5.npz")
    monkeypatch.chdir(tmp_path / inside)
    assert list(find_runs(".")) == ["version_3"]


def test_a_run_that_was_started_again_is_a_run_of_its_own(tmp_path):
    for name in ("topology", "topology-v2", "topology-v10"):
        touch(tmp_path / "run" / name / "step=5.npz")
    names = ["run", "run/topology-v2", "run/topology-v10"]
    assert list(find_runs(tmp_path)) == list(find_runs(tmp_path / "run")) == names
    assert list(find_runs(tmp_path / "run" / "topology-v2")) == ["run/topology-v2"]


def test_an_archive_that_somebody_has_renamed_is_found_by_itself(tmp_path):
    touch(tmp_path / "kept" / "step=5.npz")
    assert find_runs(tmp_path / "kept") == {"kept": tmp_path / "kept"}
    with pytest.raises(FileNotFoundError, match="below"):
        find_runs(tmp_path)


def test_other_files_are_no_runs(tmp_path):
    touch(tmp_path / "run" / "checkpoints" / "step=5.npz")
    touch(tmp_path / "run" / "topology" / ".step=5.npz.1.partial")
    touch(tmp_path / "run" / "topology" / "step=x.npz")
    touch(tmp_path / "run" / "topology" / "inputs.png")
    touch(tmp_path / "run" / "topology-old" / "step=5.npz")
    with pytest.raises(FileNotFoundError, match=r"topology/step=<n>\.npz\) below"):
        find_runs(tmp_path)


@pytest.mark.parametrize("path", ["nowhere", "file"])
def test_what_is_no_folder_is_named(tmp_path, path):
    touch(tmp_path / "file")
    with pytest.raises(FileNotFoundError, match=f"Expected a folder of runs.*{path}"):
        find_runs(tmp_path / path)


def test_a_run_below_a_link_is_found_and_called_as_the_link(tmp_path):
    touch(tmp_path / "disk" / "version_3" / "topology" / "step=5.npz")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "mine").symlink_to(tmp_path / "disk" / "version_3")
    assert find_runs(tmp_path / "logs") == {"mine": tmp_path / "logs" / "mine" / "topology"}


def test_a_topology_folder_may_be_a_link_to_a_folder_of_any_name(tmp_path):
    touch(tmp_path / "disk" / "abc" / "step=5.npz")
    link = tmp_path / "logs" / "run" / "topology"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "disk" / "abc")
    assert find_runs(tmp_path / "logs") == find_runs(link.parent) == find_runs(link) == {"run": link}


def test_a_link_of_any_name_may_lead_to_a_topology_folder(tmp_path):
    archive = tmp_path / "version_3" / "topology"
    touch(archive / "step=5.npz")
    (tmp_path / "link").symlink_to(archive)
    assert find_runs(tmp_path / "link") == {"version_3": archive}


def test_a_run_is_called_by_its_own_name_and_not_by_a_link_to_it(tmp_path):
    touch(tmp_path / "version_3" / "topology" / "step=5.npz")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "latest").symlink_to(tmp_path / "version_3")
    assert list(find_runs(tmp_path)) == ["version_3"]


def test_links_in_a_circle_end(tmp_path):
    touch(tmp_path / "logs" / "run" / "topology" / "step=5.npz")
    (tmp_path / "logs" / "run" / "up").symlink_to(tmp_path / "logs")
    (tmp_path / "logs" / "itself").symlink_to("itself")
    (tmp_path / "logs" / "gone").symlink_to("nowhere")
    (tmp_path / "logs" / "outside").symlink_to(tmp_path)
    assert list(find_runs(tmp_path / "logs")) == ["run"]


# -- A run's history -------------------------------------------------------------------------------------------------


def test_a_history_is_in_the_order_of_its_steps(tmp_path):
    write_run(tmp_path, steps=(10, 9, 100, 0))
    history = History(tmp_path / "topology")
    assert history.steps == (0, 9, 10, 100)
    assert len(history) == 4
    assert [snapshot.step for snapshot in history] == [0, 9, 10, 100]
    assert [snapshot.step for snapshot in reversed(history)] == [100, 10, 9, 0]


def test_a_history_is_indexed_like_a_list(tmp_path):
    write_run(tmp_path, steps=(0, 9, 10, 100))
    history = History(tmp_path / "topology")
    assert_equal(history[1], example(9))
    assert history[-1].step == 100
    assert [snapshot.step for snapshot in history[1:3]] == [9, 10]
    assert [snapshot.step for snapshot in history[::-2]] == [100, 9]
    assert history[4:] == []
    with pytest.raises(IndexError):
        history[4]


def test_a_history_reads_a_snapshot_only_when_it_is_asked_for(tmp_path, monkeypatch):
    write_run(tmp_path, steps=range(5))
    loaded, load = [], Snapshot.load
    monkeypatch.setattr(Snapshot, "load", lambda path: loaded.append(path.name) or load(path))
    history = load_history(tmp_path)
    assert (len(history), history.steps) == (5, (0, 1, 2, 3, 4))
    assert repr(history)
    assert loaded == []
    assert history[2].step == 2
    assert next(iter(history)).step == 0
    assert loaded == ["step=2.npz", "step=0.npz"]


def test_a_history_says_what_it_holds(tmp_path):
    write_run(tmp_path, steps=(7, 5))
    folder = tmp_path / "topology"
    assert repr(History(folder)) == f"History({str(folder)!r}: 2 snapshots, steps [5, 7])"


@pytest.mark.parametrize("folder", [".", "missing"])
def test_a_folder_without_snapshots_is_an_empty_history(tmp_path, folder):
    history = History(tmp_path / folder)
    assert (len(history), history.steps, list(history)) == (0, (), [])


def test_other_files_are_no_part_of_a_history(tmp_path):
    write_run(tmp_path, steps=(1,))
    for name in (".step=2.npz.17.partial", "step=x.npz", "step=3.npz.bak", "mystep=4.npz", "notes.txt", "step=-1.npz"):
        (tmp_path / "topology" / name).write_text("not a snapshot")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_history(tmp_path).steps == (1,)


@pytest.mark.parametrize("as_type", [str, Path])
@pytest.mark.parametrize("below", [".", "topology"])
def test_a_history_is_loaded_from_the_run_or_from_its_topology_folder(tmp_path, below, as_type):
    write_run(tmp_path)
    assert load_history(as_type(tmp_path / below)).steps == (0, 1, 2)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"got .*nowhere: no such folder"):
        load_history(tmp_path / "nowhere")


def test_a_folder_of_runs_names_the_runs(tmp_path):
    for version in (0, 1):
        write_run(tmp_path / "logs" / f"version_{version}")
    with pytest.raises(FileNotFoundError, match=r"runs below it: \['.*version_0', '.*version_1'\]"):
        load_history(tmp_path)


def test_a_folder_without_any_run_says_so(tmp_path):
    (tmp_path / "topology").mkdir()
    with pytest.raises(FileNotFoundError, match="none below it either"):
        load_history(tmp_path)


def test_the_hint_leads_to_runs_behind_links(tmp_path):
    write_run(tmp_path / "disk" / "run")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "mine").symlink_to(tmp_path / "disk" / "run")
    with pytest.raises(FileNotFoundError, match=r"runs below it: \['.*logs/mine'\]"):
        load_history(tmp_path / "logs")


def test_the_last_run_in_a_log_directory_counts(tmp_path):
    for version in (0, 2, 10):
        write_run(tmp_path, steps=(version,), version=version)
    assert load_history(tmp_path).steps == (10,)
    assert load_history(tmp_path / "topology-v2").steps == (2,)


def test_the_last_run_in_each_log_directory_of_a_folder_counts(tmp_path):
    write_run(tmp_path / "b", steps=(1,))
    write_run(tmp_path / "b", steps=(2,), version=1)
    write_run(tmp_path / "a" / "deep", steps=(3,))
    assert [history.steps for history in load_histories(tmp_path)] == [(3,), (2,)]
    assert [history.steps for history in load_histories(tmp_path / "b")] == [(2,)]
    assert [history.steps for history in load_histories(tmp_path / "b" / "topology")] == [(1,)]
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load_histories(tmp_path / "c")


def test_a_history_names_the_files_of_its_steps(tmp_path):
    write_run(tmp_path, steps=(10, 9))
    assert load_history(tmp_path).paths == tuple(tmp_path / "topology" / f"step={step}.npz" for step in (9, 10))


# -- Damage ----------------------------------------------------------------------------------------------------------


def test_a_damaged_file_is_left_out_of_a_history_with_one_warning(tmp_path):
    write_run(tmp_path, steps=(1, 2))
    path = archive_path(tmp_path / "topology", 2)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="no readable snapshot") as caught:
        history = History(path.parent)
    assert [str(path) in str(warning.message) for warning in caught] == [True]
    assert history.steps == (1,)


def test_a_history_with_damaged_files_can_always_be_listed(tmp_path):
    path = example(layers=("a", "b")).save(tmp_path / "step=3.npz")
    whole, unexpected = path.read_bytes(), set()
    directory = whole.index(b"PK\x01\x02")  # the table of contents
    for position in range(directory, len(whole), 11):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                assert len(History(tmp_path)) <= 1
            except Exception as error:
                unexpected.add(type(error))
    assert not unexpected


def with_a_step_that_ends_early(tmp_path):
    """Its table of contents and its facts are whole, so that only reading it to the end finds the damage."""
    write_run(tmp_path, steps=(1, 2, 3))
    damage(archive_path(tmp_path / "topology", 2), "scales")
    return load_history(tmp_path)


def test_a_run_is_gone_through_without_the_files_that_cannot_be_read_to_their_end(tmp_path):
    history = with_a_step_that_ends_early(tmp_path)
    assert history.steps == (1, 2, 3)
    with pytest.warns(UserWarning, match=r"Left out .*step=2\.npz: .*'scales' is damaged") as caught:
        found = list(history.readable())
    assert len(caught) == 1
    assert [(path.name, snapshot.step) for path, snapshot in found] == [("step=1.npz", 1), ("step=3.npz", 3)]


def test_who_wants_to_be_told_is_told_instead_of_warned(tmp_path):
    told = []
    history = with_a_step_that_ends_early(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = list(history.readable(left_out=lambda path, error: told.append((path.name, str(error)))))
    assert [snapshot.step for _, snapshot in found] == [1, 3]
    assert [name for name, _ in told] == ["step=2.npz"]
    assert "damaged" in told[0][1]


@pytest.mark.parametrize(("before", "steps"), [(1, []), (2, [1]), (3, [1, 2]), (99, [1, 2, 3]), (None, [1, 2, 3])])
def test_a_resumed_run_takes_in_what_was_measured_before_its_step(tmp_path, before, steps):
    write_run(tmp_path, steps=(1, 2, 3))
    assert [snapshot.step for _, snapshot in load_history(tmp_path).readable(before=before)] == steps


def test_a_file_that_has_gone_meanwhile_is_left_out(tmp_path):
    history = load_history(write_run(tmp_path, steps=(1, 2)))
    os.remove(archive_path(history.folder, 1))
    with pytest.warns(UserWarning, match="No such file"):
        assert [snapshot.step for _, snapshot in history.readable()] == [2]


def test_runs_that_were_not_recorded_alike_are_named_with_both_values(tmp_path):
    for run, pooling in (("a", "mean"), ("b", "mean"), ("c", "flatten")):
        snapshot = dataclasses.replace(example(), recording={"pooling": pooling})
        snapshot.save(archive_path(archive_folder(tmp_path / run), 3))
    with pytest.warns(
        UserWarning, match=r"not recorded alike: pooling is 'mean' in .*a and 'flatten' in .*c\."
    ) as caught:
        assert len(load_histories(tmp_path)) == 3
    assert len(caught) == 1
