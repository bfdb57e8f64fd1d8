"""What a run was set back from is put aside: not lost, and not mixed in."""

import pytest
from record_tools import files_below, write_run

from topocallback.records.runs import find_runs, load_history
from topocallback.records.set_aside import set_aside


def test_what_is_put_aside_can_still_be_read_and_is_no_run_of_its_own(tmp_path):
    write_run(tmp_path / "run", steps=(1, 2, 3, 4))
    archive = tmp_path / "run" / "topology"
    first = set_aside(archive, [3, 4])
    second = set_aside(archive, [2])
    assert [first.name, second.name] == ["set-aside", "set-aside-v1"]
    assert load_history(tmp_path / "run").steps == (1,)
    assert (load_history(first).steps, load_history(second).steps) == ((3, 4), (2,))
    assert find_runs(tmp_path) == {"run": archive}


def test_in_a_store_it_is_the_same(store):
    write_run(store, steps=(1, 2))
    there = set_aside(load_history(store).folder, [2])
    assert str(there) == f"{store}/topology/set-aside"
    assert (load_history(store).steps, load_history(there).steps) == ((1,), (2,))
    assert list(find_runs(store)) == [store.removeprefix("memory://")]


def test_what_is_not_there_cannot_be_put_aside(tmp_path):
    write_run(tmp_path, steps=(1, 2))
    with pytest.raises(FileNotFoundError):
        set_aside(tmp_path / "topology", [1, 3])
    assert [file for file in files_below(tmp_path / "topology") if "/" not in file] == ["step=1.npz", "step=2.npz"]
