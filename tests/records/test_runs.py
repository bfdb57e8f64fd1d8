"""Which runs there are below a folder, what they are called, and which history a path leads to."""

import dataclasses
from pathlib import Path

import pytest
from record_tools import example, touch, write_run

from topocallback.records.archive import archive_folder, archive_path
from topocallback.records.runs import find_runs, load_histories, load_history


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


def test_an_archive_in_the_same_tree_as_a_link_to_it_is_found_by_the_link(tmp_path):
    touch(tmp_path / "store" / "abc" / "step=5.npz")  # whose own name is no archive's
    (tmp_path / "zrun").mkdir()
    (tmp_path / "zrun" / "topology").symlink_to(tmp_path / "store" / "abc")
    assert find_runs(tmp_path) == {"zrun": tmp_path / "zrun" / "topology"}


def test_of_several_log_directories_with_one_archive_the_one_with_events_gives_the_name(tmp_path):
    touch(tmp_path / "store" / "topology" / "step=5.npz")
    for name in ("run", "zcopy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "topology").symlink_to(tmp_path / "store" / "topology")
    assert list(find_runs(tmp_path)) == ["store"]
    touch(tmp_path / "run" / "events.out.tfevents.1.host.1.0")
    assert list(find_runs(tmp_path)) == ["run"]


def test_a_chain_of_links_is_followed(tmp_path):
    touch(tmp_path / "disk" / "x" / "step=5.npz")
    logs = tmp_path / "logs"
    (logs / "a").mkdir(parents=True)
    (logs / "a" / "run").symlink_to(tmp_path / "second")
    (tmp_path / "second").symlink_to(tmp_path / "third")
    (tmp_path / "third").mkdir()
    (tmp_path / "third" / "topology").symlink_to(tmp_path / "third" / "archive")
    (tmp_path / "third" / "archive").symlink_to(tmp_path / "disk" / "x")
    assert list(find_runs(logs)) == ["a/run"]


def test_runs_in_a_store_are_found_and_called_as_on_a_disk(tmp_path, store):
    for place in (tmp_path, store):
        for name in ("version_3/topology", "version_3/topology-v1", "deep/er/topology", "deep/er/topology/set-aside"):
            example(1).save(archive_path(f"{place}/logs/{name}", 1))
    assert list(find_runs(f"{store}/logs")) == list(find_runs(tmp_path / "logs"))
    assert list(find_runs(f"{store}/logs/version_3")) == list(find_runs(tmp_path / "logs" / "version_3"))
    assert list(find_runs(f"{store}/logs/version_3/topology")) == ["version_3"]
    assert find_runs(f"file://{tmp_path}/logs") == find_runs(tmp_path / "logs")
    assert [str(history.folder) for history in load_histories(f"{store}/logs")] == [
        f"{store}/logs/deep/er/topology",
        f"{store}/logs/version_3/topology-v1",
    ]
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load_history(f"{store}/nowhere")
    with pytest.raises(FileNotFoundError, match=r"runs below it: \['memory://.*/logs/deep/er'"):
        load_history(f"{store}/logs")


# -- The history that a path leads to --------------------------------------------------------------------------------


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


def test_runs_that_were_not_recorded_alike_are_named_with_both_values(tmp_path):
    for run, pooling in (("a", "mean"), ("b", "mean"), ("c", "flatten")):
        snapshot = dataclasses.replace(example(), recording={"pooling": pooling})
        snapshot.save(archive_path(archive_folder(tmp_path / run), 3))
    with pytest.warns(
        UserWarning, match=r"not recorded alike: pooling is 'mean' in .*a and 'flatten' in .*c\."
    ) as caught:
        assert len(load_histories(tmp_path)) == 3
    assert len(caught) == 1
