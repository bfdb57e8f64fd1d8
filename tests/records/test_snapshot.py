"""Snapshot and History: what is measured comes back from disk, whole or not at all."""

import contextlib
import dataclasses
import gc
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from record_tools import assert_equal, files_below

from topocallback.records.snapshot import SCHEMA_VERSION, History, Snapshot, archive_folder, archive_path, load_history

ODD_NAMES = ("layers.0/conv 1", "слой.層", "<img src=x onerror=alert(1)>", "", "facts", "../../up")


def example(step=3, layers=ODD_NAMES, labels=None, n=6):
    """A snapshot with a value in every field."""
    rng = np.random.default_rng(step)
    count = len(layers)

    def table(*shape):
        return {f"{name}_H{dim}": rng.normal(size=shape) for name in ("sliced_wasserstein", "a/b") for dim in (0, 1)}

    return Snapshot(
        step=step,
        epoch=step // 2,
        layers=tuple(layers),
        homology_dims=(0, 1),
        sample_ids=np.arange(n, dtype=np.int64) * 7,
        labels=labels,
        diagrams={layer: [np.array([[0, 0.5], [0, np.inf]]), np.empty((0, 2))] for layer in layers},
        distances=table(count, count),
        noise={key: np.full(count, np.nan) for key in table()},
        drift=table(count),
        drift_from_first=table(count),
        statistics={"bars_H0": np.arange(count, dtype=np.float64), "persistent_entropy_H1": rng.normal(size=count)},
        scales=rng.uniform(1, 2, size=count),
        problems={layers[0]: "3 of 6 points hold NaN or infinity and were left out.", "gone": "“never” called"},
        seconds={"total": 0.1 + 0.2, "diagrams": 1e-300},
        options={"homology_dims": [0, 1], "measures": ["sliced_wasserstein", "a/b"], "scale": "quantile"},
        versions={"numpy": np.__version__},
    )


def write_run(log_dir, steps=(0, 1, 2)):
    for step in steps:
        example(step).save(archive_path(archive_folder(log_dir), step))
    return log_dir


def assert_left_out(path, leaving):
    """Of the history in its folder, with one warning."""
    with pytest.warns(UserWarning, match="no readable snapshot") as caught:
        history = History(path.parent)
    messages = [str(warning.message) for warning in caught if warning.category is UserWarning]
    assert [str(path) in message for message in messages] == [True]
    assert history.steps == leaving


def rewrite_facts(path, **changes):
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["facts"] = np.array(json.dumps(json.loads(str(arrays["facts"])) | changes))
    np.savez_compressed(path, **arrays)


# -- There and back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [None, np.array([3, 1, 4, 1, 5, 9]), np.array([0.5, np.nan, 2, 3, 4, 5], dtype=np.float32), np.arange(6) > 2],
    ids=["none", "int", "float", "bool"],
)
def test_a_snapshot_comes_back_equal_in_every_field(tmp_path, labels):
    snapshot = example(labels=labels)
    assert_equal(Snapshot.load(snapshot.save(tmp_path / "step=3.npz")), snapshot)


@pytest.mark.parametrize("layer", ODD_NAMES)
def test_a_layers_name_makes_no_difference_to_the_files_written(tmp_path, layer):
    path = example(layers=(layer,)).save(tmp_path / "run" / "step=3.npz")
    assert files_below(tmp_path) == ["run/step=3.npz"]
    with np.load(path) as archive:
        assert not any(name.startswith(("/", ".")) or ".." in name for name in archive.files)
    assert Snapshot.load(path).layers == (layer,)


def test_saving_makes_missing_folders_and_returns_the_path(tmp_path):
    path = tmp_path / "not" / "yet" / "step=3.npz"
    assert example().save(str(path)) == path
    assert files_below(tmp_path) == ["not/yet/step=3.npz"]


def test_a_step_that_is_saved_again_replaces_the_earlier_one(tmp_path):
    path = tmp_path / "step=3.npz"
    example(1).save(path)
    example(2).save(path)
    assert_equal(Snapshot.load(path), example(2))


def test_nothing_in_a_file_is_pickled(tmp_path):
    path = example(labels=np.arange(6)).save(tmp_path / "step=3.npz")
    with np.load(path, allow_pickle=False) as archive:
        assert {"facts", "sample_ids", "labels", "scales", "distances/a/b_H1"} < set(archive.files)
        assert all(archive[name].dtype != object for name in archive.files)
        assert json.loads(str(archive["facts"]))["schema"] == SCHEMA_VERSION


def test_numbers_of_numpy_are_saved_as_numbers(tmp_path):
    snapshot = dataclasses.replace(example(), step=np.int64(3), epoch=np.int64(1), options={"n": np.int64(5)})
    loaded = Snapshot.load(snapshot.save(tmp_path / "step=3.npz"))
    assert (loaded.step, loaded.epoch, loaded.options) == (3, 1, {"n": 5})


def test_a_snapshot_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        example().step = 4


# -- Whole or not at all ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["writing", "renaming"])
def test_a_save_that_fails_leaves_what_was_there_and_no_partial_file(tmp_path, monkeypatch, where, error):
    path = example(1).save(tmp_path / "step=3.npz")

    def write_some_and_fail(file, **arrays):
        file.write(b"PK\x03\x04 the beginning of a file")
        raise error

    def fail(source, target):
        assert Path(source).stat().st_size > 0
        raise error

    if where == "writing":
        monkeypatch.setattr(np, "savez_compressed", write_some_and_fail)
    else:
        monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(type(error)):
        example(2).save(path)
    assert files_below(tmp_path) == ["step=3.npz"]
    assert_equal(Snapshot.load(path), example(1))


def test_labels_that_only_a_pickle_could_hold_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        example(labels=np.array(["cat", None] * 3, dtype=object)).save(tmp_path / "step=3.npz")
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("share", np.linspace(0, 1, 20, endpoint=False).round(2))
def test_a_truncated_file_is_refused_and_left_out(tmp_path, share):
    write_run(tmp_path, steps=(1, 2))
    path = tmp_path / "topology" / "step=2.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"."):
        Snapshot.load(path)
    assert_left_out(path, leaving=(1,))


@pytest.mark.parametrize("read", [Snapshot.load, lambda path: History(path.parent)], ids=["load", "history"])
def test_a_damaged_file_is_closed_again(tmp_path, read):
    path = example().save(tmp_path / "step=3.npz")
    path.write_bytes(path.read_bytes()[:-1])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.suppress(ValueError):
            read(path)
        gc.collect()
    assert [warning.category for warning in caught if warning.category is ResourceWarning] == []


def test_a_file_that_lacks_its_last_byte_is_refused(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="damaged or foreign"):
        Snapshot.load(path)


def test_a_file_with_a_flipped_bit_is_the_same_or_refused(tmp_path):
    path = example(layers=("a", "b")).save(tmp_path / "step=3.npz")
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused, unexpected = 0, set()
    for position in np.unique(rng.integers(len(whole), size=400)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            loaded = Snapshot.load(path)
        except (ValueError, OSError):
            refused += 1
        except Exception as error:
            unexpected.add(type(error))
        else:
            assert_equal(loaded, example(layers=("a", "b")))
    assert refused > 100
    assert not unexpected


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


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return open, (self.trace, "w")


def write_foreign_npz(path, trace):
    np.savez(path, x=np.zeros(3))


def write_pickled_npz(path, trace):
    np.savez(path, facts=np.array([Evil(trace)], dtype=object))


def write_snapshot_with_pickled_labels(path, trace):
    with np.load(example().save(path)) as archive:
        arrays = dict(archive)
    np.savez(path, **(arrays | {"facts": np.array(Evil(trace), dtype=object)}))


def write_pickle(path, trace):
    path.write_bytes(pickle.dumps(Evil(trace)))


def write_single_array(path, trace):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def write_facts_of_another_kind(path, trace):
    np.savez(path, facts=np.array(json.dumps([1, 2])))


def write_facts_that_are_no_json(path, trace):
    np.savez(path, facts=np.array("{"))


def write_facts_without_schema(path, trace):
    np.savez(path, facts=np.array(json.dumps({"step": 1})))


@pytest.mark.parametrize(
    "write",
    [
        write_foreign_npz,
        write_pickled_npz,
        write_snapshot_with_pickled_labels,
        write_pickle,
        write_single_array,
        write_facts_of_another_kind,
        write_facts_that_are_no_json,
        write_facts_without_schema,
        lambda path, trace: path.write_bytes(b""),
        lambda path, trace: path.write_text("step,loss\n1,0.5\n"),
    ],
)
def test_a_foreign_file_is_refused_and_left_out_and_nothing_is_unpickled(tmp_path, write):
    folder, trace = tmp_path / "topology", tmp_path / "was unpickled"
    example(1).save(folder / "step=1.npz")
    write(folder / "step=2.npz", trace)
    with pytest.raises(ValueError, match=r"."):
        Snapshot.load(folder / "step=2.npz")
    assert_left_out(folder / "step=2.npz", leaving=(1,))
    assert not trace.exists()


def test_a_snapshot_of_a_newer_version_is_refused_with_what_to_do(tmp_path):
    path = example(2).save(tmp_path / "step=2.npz")
    rewrite_facts(path, schema=SCHEMA_VERSION + 1, epochs_are_now_called="rounds")
    with pytest.raises(ValueError, match=rf"schema {SCHEMA_VERSION} or older, got {SCHEMA_VERSION + 1}: update topo"):
        Snapshot.load(path)
    with pytest.warns(UserWarning, match="newer version"):
        assert len(History(tmp_path)) == 0


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Snapshot.load(tmp_path / "step=1.npz")


_SAVE = """
import os, signal, sys
import numpy as np
from topocallback.records.snapshot import Snapshot

def save(step):
    bars = np.random.default_rng(step).normal(size=(2000, 2))
    Snapshot(
        step=step, epoch=0, layers=("a",), homology_dims=(0,), sample_ids=np.arange(500), labels=None,
        diagrams={"a": [bars]}, distances={"m_H0": np.zeros((1, 1))}, noise={}, drift={}, drift_from_first={},
        statistics={}, scales=np.ones(1),
    ).save(f"{sys.argv[1]}/step={step}.npz")

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def write_some_and_die(file, **arrays):
    file.write(b"PK some bytes")
    file.flush()
    die()
"""
_SAVE_FOREVER = f"""{_SAVE}
for count in range(10**9):
    save(count % 5)
    print("saved", flush=True)
"""


@pytest.mark.parametrize(("saves", "seconds"), [(1, 0.0013), (2, 0.0042), (4, 0.0071), (9, 0.0117)])
def test_a_process_that_is_killed_while_it_saves_leaves_only_whole_files(tmp_path, saves, seconds):
    command = [sys.executable, "-c", _SAVE_FOREVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(saves):
            assert process.stdout.readline() == "saved\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
    written = sorted(tmp_path.glob("step=*.npz"))
    assert len(written) >= min(saves, 5)
    assert all(Snapshot.load(path).diagrams["a"][0].shape == (2000, 2) for path in written)
    assert len(History(tmp_path)) == len(written)  # and a partial file is none of them


@pytest.mark.parametrize("death", ["np.savez_compressed = write_some_and_die", "os.fsync = die", "os.replace = die"])
def test_a_process_that_dies_in_the_middle_of_a_save_leaves_the_earlier_file(tmp_path, death):
    script = f"{_SAVE}\nsave(1)\n{death}\nsave(int(sys.argv[2]))"
    for step in (1, 2):  # one that is there already, and one that is new
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path), str(step)])
        assert done.returncode == -signal.SIGKILL
        assert History(tmp_path).steps == (1,)
        expected = np.random.default_rng(1).normal(size=(2000, 2))
        np.testing.assert_array_equal(History(tmp_path)[0].diagrams["a"][0], expected)


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


# -- Tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("measure", "name"), [(None, "sliced_wasserstein"), ("a/b", "a/b")])
@pytest.mark.parametrize("table", ["distances", "noise", "drift", "drift_from_first"])
def test_a_total_adds_up_the_homology_dimensions(table, measure, name):
    snapshot = example()
    values = getattr(snapshot, table)
    np.testing.assert_array_equal(snapshot.total(values, measure), values[f"{name}_H0"] + values[f"{name}_H1"])


def test_a_total_of_a_measure_that_was_not_taken_is_a_key_error():
    snapshot = example()
    with pytest.raises(KeyError, match="bottleneck"):
        snapshot.total(snapshot.drift, "bottleneck")


def test_measures_are_named_once_and_in_their_order():
    assert example().measure_names == ("sliced_wasserstein", "a/b")
    names = dict.fromkeys(["of_H1_kind_H0", "of_H1_kind_H12", "b_H0"], np.zeros((1, 1)))
    assert dataclasses.replace(example(), distances=names).measure_names == ("of_H1_kind", "b")
