"""A run's history: in the order of its steps, read when it is asked, without what cannot be read."""

import os
import warnings

import pytest
from record_tools import assert_equal, damage, example, write_run

from topocallback.records.archive import archive_path
from topocallback.records.history import History
from topocallback.records.runs import load_history
from topocallback.records.snapshot import Snapshot


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


def in_every_way(history):
    """The steps that a history gives, asked in every way that a sequence can be."""
    return {
        "list": lambda: [snapshot.step for snapshot in history],
        "reversed": lambda: [snapshot.step for snapshot in reversed(history)][::-1],
        "slice": lambda: [snapshot.step for snapshot in history[:]],
        "slice backwards": lambda: [snapshot.step for snapshot in history[::-1]][::-1],
        "readable": lambda: [snapshot.step for _, snapshot in history.readable()],
        "index": lambda: [history[0].step, history[1].step],
        "index from the end": lambda: [history[-1].step, history[-2].step][::-1],
    }


@pytest.mark.parametrize("way", in_every_way(None))
@pytest.mark.parametrize("damaged", [1, 2, 3])
def test_a_history_is_without_what_turns_out_to_be_damaged_however_it_is_asked(tmp_path, way, damaged):
    write_run(tmp_path, steps=(1, 2, 3))
    damage(archive_path(tmp_path / "topology", damaged), "scales")
    history = load_history(tmp_path)
    whole = [step for step in (1, 2, 3) if step != damaged]
    if way == "index" and damaged == 3:
        whole_found = in_every_way(history)[way]()  # which does not come to it
        assert (whole_found, len(history)) == (whole, 3)
        return
    if way == "index from the end" and damaged == 1:
        assert (in_every_way(history)[way](), len(history)) == (whole, 3)
        return
    with pytest.warns(UserWarning, match=rf"Left out .*step={damaged}\.npz") as caught:
        found = in_every_way(history)[way]()
    assert found == whole
    assert len(caught) == 1
    assert (list(history.steps), len(history), len(history.paths)) == (whole, 2, 2)
    for ask in in_every_way(history).values():  # and nobody is told twice
        assert ask() == whole


def test_a_slice_that_has_lost_a_snapshot_has_the_next_one(tmp_path):
    history = with_a_step_that_ends_early(tmp_path)
    with pytest.warns(UserWarning, match="step=2"):
        assert [snapshot.step for snapshot in history[:2]] == [1, 3]


def test_a_history_of_which_nothing_can_be_read_is_empty(tmp_path):
    write_run(tmp_path, steps=(1, 2))
    for path in (tmp_path / "topology").iterdir():
        damage(path, "scales")
    history = load_history(tmp_path)
    with pytest.warns(UserWarning, match="Left out"), pytest.raises(IndexError):
        history[-1]
    assert (len(history), list(history), history[:]) == (0, [], [])


def test_files_that_are_links_are_read_and_those_that_lead_nowhere_are_left_out(tmp_path):
    write_run(tmp_path / "disk", steps=(1, 2))
    (tmp_path / "topology").mkdir()
    for step in (1, 2, 3):
        archive_path(tmp_path / "topology", step).symlink_to(archive_path(tmp_path / "disk" / "topology", step))
    archive_path(tmp_path / "topology", 4).symlink_to("step=4.npz")
    archive_path(tmp_path / "topology", 5).mkdir()
    with pytest.warns(UserWarning, match=r"Left out .*step=[345]\.npz") as caught:
        history = load_history(tmp_path)
    assert [snapshot.step for snapshot in history] == [1, 2]
    assert len(caught) == 3


def test_a_history_in_a_store_is_that_of_the_same_files_on_a_disk(tmp_path, store):
    write_run(tmp_path, steps=(10, 9))
    write_run(f"{store}/[a b]*", steps=(10, 9))
    here, there = load_history(f"file://{tmp_path}"), load_history(f"{store}/[a b]*")
    assert here.folder == tmp_path / "topology"
    assert [str(path) for path in there.paths] == [f"{store}/[a b]*/topology/step={step}.npz" for step in (9, 10)]
    for mine, other in zip(here, there, strict=True):
        assert_equal(mine, other)


def test_an_object_of_a_store_that_does_not_answer_is_left_out(store, monkeypatch):
    write_run(store, steps=(1, 2))
    history = load_history(store)
    cat_file = type(history.folder.fs).cat_file

    def fail(self, path, *args, **options):
        if "step=1." in path:
            raise RuntimeError("no route to host")  # such libraries raise what they like
        return cat_file(self, path, *args, **options)

    monkeypatch.setattr(type(history.folder.fs), "cat_file", fail)
    with pytest.warns(UserWarning, match=r"Left out .*step=1\.npz.*no route to host"):
        assert [snapshot.step for snapshot in history] == [2]


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


def test_snapshots_in_memory_stand_among_those_on_disk(tmp_path):
    write_run(tmp_path, steps=(1, 3))
    history = History(tmp_path / "topology", {2: example(2), 3: example(3, layers=("other",))})
    assert history.steps == (1, 2, 3)
    assert [snapshot.step for snapshot in history] == [1, 2, 3]
    assert history[-1].layers == ("other",)
    assert "3 snapshots, 2 of them in memory" in repr(history)


def test_beside_snapshots_in_memory_a_damaged_file_is_left_out(tmp_path):
    write_run(tmp_path, steps=(1, 3))
    damage(archive_path(tmp_path / "topology", 1), "scales")
    history = History(tmp_path / "topology", {2: example(2)})
    with pytest.warns(UserWarning, match=r"Left out .*step=1\.npz"):
        assert [snapshot.step for snapshot in history] == [2, 3]
