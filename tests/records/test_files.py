"""Files of arrays: written whole or not at all, read without unpickling, closed on every path."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from record_tools import damage, files_below

from topocallback.records.files import damaged_or_foreign, read_arrays, save_arrays
from topocallback.records.history import History
from topocallback.records.snapshot import Snapshot

NUMBERS = {"a/0": np.arange(200.0), "b": np.arange(6).reshape(2, 3), "text": np.array("слой")}


def read(path):
    return read_arrays(path, "numbers")


# -- Writing ---------------------------------------------------------------------------------------------------------


def test_saving_makes_missing_folders_and_returns_the_path(tmp_path):
    path = tmp_path / "not" / "yet" / "file.npz"
    assert save_arrays(str(path), NUMBERS) == path
    assert files_below(tmp_path) == ["not/yet/file.npz"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["writing", "renaming"])
def test_a_save_that_fails_leaves_what_was_there_and_no_partial_file(tmp_path, monkeypatch, where, error):
    path = save_arrays(tmp_path / "file.npz", NUMBERS)

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
        save_arrays(path, {"a/0": np.zeros(3)})
    assert files_below(tmp_path) == ["file.npz"]
    np.testing.assert_array_equal(read(path)["a/0"], NUMBERS["a/0"])


def test_arrays_that_only_a_pickle_could_hold_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"[Oo]bject arrays: \['labels'\]"):
        save_arrays(tmp_path / "file.npz", {"labels": np.array(["cat", None], dtype=object)})
    assert files_below(tmp_path) == []


_SAVE = """
import os, signal, sys
import numpy as np
from topocallback.records.results import Results
from topocallback.records.snapshot import Snapshot

def save(step):
    bars = np.sort(np.random.default_rng(step).normal(size=(2000, 2)))
    Snapshot(
        step=step, epoch=0, layers=("a",), homology_dims=(0,), n_points=np.array([500]), sample_ids=np.arange(500),
        labels=None, diagrams={"a": [bars]}, distances=Results(), statistics=Results(), scales=np.ones(1),
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
        expected = np.sort(np.random.default_rng(1).normal(size=(2000, 2)))
        np.testing.assert_array_equal(History(tmp_path)[0].diagrams["a"][0], expected)


# -- Reading ---------------------------------------------------------------------------------------------------------


@given(
    hnp.arrays(
        st.sampled_from(["f8", "f4", "i8", "u2", "?", "U3"]),
        hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
    ),
    st.sampled_from(["distances/0/matrix", "../../up", "слой", "a b", ".npy", ""]),
)
def test_what_is_saved_is_read_as_it_was(array, name):
    with tempfile.TemporaryDirectory() as folder:
        found = read(save_arrays(f"{folder}/file.npz", {name: array, "other": np.arange(3)}))
    assert list(found) == [name, "other"]
    np.testing.assert_array_equal(found[name], array, strict=True)


def test_only_the_arrays_that_are_asked_for_are_read(tmp_path):
    path = save_arrays(tmp_path / "file.npz", NUMBERS)
    damage(path, "a/0")
    assert list(read_arrays(path, "numbers", only=("b", "nothing"))) == ["b"]


def test_a_damaged_array_costs_itself_and_no_other(tmp_path):
    path = save_arrays(tmp_path / "file.npz", NUMBERS)
    damage(path, "a/0")
    found = read(path)
    assert list(found.damaged) == ["a/0"]
    assert "a/0" in found
    np.testing.assert_array_equal(found["b"], NUMBERS["b"])
    with pytest.raises(ValueError, match="its array 'a/0' is damaged"):
        found.get("a/0")
    assert found.get("nothing") is None


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "file.npz")
    with pytest.raises(IsADirectoryError):
        read(tmp_path)


@pytest.mark.parametrize("share", np.linspace(0, 1, 20, endpoint=False).round(2))
def test_a_truncated_file_is_refused(tmp_path, share):
    path = save_arrays(tmp_path / "file.npz", NUMBERS)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"Expected numbers in .*file\.npz, got a damaged or foreign file \(.+\)\.$"):
        read(path)


def test_a_file_with_a_flipped_bit_is_the_same_or_says_what_is_damaged(tmp_path):
    path = save_arrays(tmp_path / "file.npz", NUMBERS)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused, named, unexpected = 0, 0, set()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            found = read(path)
        except ValueError:
            refused += 1
        except Exception as error:
            unexpected.add(type(error))
        else:
            named += bool(found.damaged)
            for name in set(found) - set(found.damaged):
                np.testing.assert_array_equal(found[name], NUMBERS[name])
    assert refused > 10
    assert named > 100
    assert not unexpected


def truncated(path):
    path.write_bytes(path.read_bytes()[:-1])


def with_a_damaged_array(path):
    damage(path, "b")


@pytest.mark.parametrize("spoil", [truncated, with_a_damaged_array])
def test_a_damaged_file_is_closed_again(tmp_path, spoil):
    path = save_arrays(tmp_path / "file.npz", NUMBERS)
    spoil(path)
    before = len(os.listdir("/proc/self/fd"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            kept = read(path)
        except ValueError as error:
            kept = error
        assert len(os.listdir("/proc/self/fd")) == before
        del kept
        gc.collect()
    assert [warning.category for warning in caught if warning.category is ResourceWarning] == []


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return open, (self.trace, "w")


def write_pickled_npz(path, trace):
    np.savez(path, x=np.array([Evil(trace)], dtype=object))


def write_pickle(path, trace):
    path.write_bytes(pickle.dumps(Evil(trace)))


def write_pickle_in_a_zip(path, trace):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", pickle.dumps(Evil(trace)))


@pytest.mark.parametrize("write", [write_pickled_npz, write_pickle, write_pickle_in_a_zip])
def test_nothing_is_ever_unpickled(tmp_path, write):
    write(tmp_path / "file.npz", tmp_path / "was unpickled")
    with pytest.raises(ValueError, match=r"damaged"):
        read(tmp_path / "file.npz")["x"]
    assert not (tmp_path / "was unpickled").exists()


def write_single_array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


@pytest.mark.parametrize(
    "write",
    [write_single_array, lambda path: path.write_bytes(b""), lambda path: path.write_text("step,loss\n1,0.5\n")],
    ids=["single array", "empty", "text"],
)
def test_a_foreign_file_is_refused(tmp_path, write):
    write(tmp_path / "file.npz")
    with pytest.raises(ValueError, match="got a damaged or foreign file"):
        read(tmp_path / "file.npz")


def test_an_error_without_words_still_gives_a_sentence():
    assert str(damaged_or_foreign("x.npz", "a snapshot", EOFError())).endswith("foreign file (EOFError).")
    assert str(damaged_or_foreign("x.npz", "a snapshot", KeyError("step"))).endswith("foreign file (it has no 'step').")
