"""A run's folder is its own: whoever starts at the same time, continues, or died before it wrote anything."""

import errno
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys

import pytest
from record_tools import example, files_below, write_run

import topocallback.records.claims
from topocallback.records.archive import archive_path
from topocallback.records.claims import Claim, claim_folder, hold
from topocallback.records.inputs import save_inputs
from topocallback.records.runs import load_history

CLAIM_AND_WAIT = """
import sys, time
from topocallback.records.claims import claim_folder
claim = claim_folder(sys.argv[1], continues=sys.argv[2] == "continues")
print(claim.folder, flush=True)
sys.stdin.readline()
"""


def claimed(log_dir, *, continues):
    """The name of the folder that a run claims, which ends at once."""
    claim = claim_folder(log_dir, continues=continues)
    claim.release()
    return claim.folder.name


class Process:
    """Another process that has claimed a folder."""

    def __init__(self, log_dir, how="new"):
        command = [sys.executable, "-c", CLAIM_AND_WAIT, str(log_dir), how]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.folder = self._process.stdout.readline().strip()

    def die(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


@pytest.fixture
def processes():
    started = []

    def start(*arguments):
        started.append(Process(*arguments))
        return started[-1]

    yield start
    for process in started:
        process.die()


# -- New runs --------------------------------------------------------------------------------------------------------


def test_the_first_run_of_a_directory_archives_under_topology(tmp_path):
    assert claimed(tmp_path / "a" / "logs", continues=False) == "topology"
    assert claimed(tmp_path / "b" / "logs", continues=True) == "topology"
    assert files_below(tmp_path) == ["a/logs/topology/.claim", "b/logs/topology/.claim"]


def test_every_new_run_gets_a_folder_of_its_own(tmp_path):
    names = []
    for _ in range(12):  # beyond nine, where names are not in the order of their numbers
        names.append(claimed(tmp_path, continues=False))
        example(0).save(archive_path(tmp_path / names[-1], 0))
    assert names == ["topology", *(f"topology-v{i}" for i in range(1, 12))]


def test_runs_that_start_in_one_process_before_either_has_written_have_folders_of_their_own(tmp_path):
    first, second = (claim_folder(tmp_path, continues=False) for _ in range(2))
    assert [first.folder.name, second.folder.name] == ["topology", "topology-v1"]
    first.release()
    second.release()


def claim_and_write(log_dir, number, at_once, done):
    at_once.wait()
    claim = claim_folder(log_dir, continues=False)
    example(number).save(archive_path(claim.folder, number))
    done.wait()


def test_runs_that_start_at_the_same_moment_have_folders_of_their_own(tmp_path):
    processes = multiprocessing.get_context("fork")
    for attempt in range(20):
        at_once, done = processes.Barrier(4), processes.Barrier(4)
        log_dir = tmp_path / str(attempt)
        started = [processes.Process(target=claim_and_write, args=(log_dir, i, at_once, done)) for i in range(4)]
        for each in started:
            each.start()
        for each in started:
            each.join(60)
        found = sorted(file for file in files_below(log_dir) if file.endswith(".npz"))
        assert len({file.split("/")[0] for file in found}) == len(found) == 4


@pytest.mark.parametrize("left", [".step=0.npz.17.partial", "step=x.npz", ".claim"])
def test_a_folder_without_a_whole_snapshot_is_taken(tmp_path, left):
    (tmp_path / "topology").mkdir()
    (tmp_path / "topology" / left).touch()
    assert claimed(tmp_path, continues=False) == "topology"


def test_a_folder_with_the_inputs_of_another_run_is_not_taken(tmp_path):
    save_inputs(tmp_path / "topology", b"\x89PNG", '{"tile": 8}')
    assert claimed(tmp_path, continues=False) == "topology-v1"


def test_the_folder_of_a_run_that_died_before_its_first_snapshot_is_taken(tmp_path, processes):
    other = processes(tmp_path)
    assert other.folder == str(tmp_path / "topology")
    assert claimed(tmp_path, continues=False) == "topology-v1"
    other.die()
    assert claimed(tmp_path, continues=False) == "topology"


def test_a_folder_that_is_a_link_to_an_empty_one_is_taken_by_one_run(tmp_path):
    (tmp_path / "disk").mkdir()
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "topology").symlink_to(tmp_path / "disk")
    first, second = (claim_folder(tmp_path / name, continues=False) for name in "ab")
    assert [first.folder, second.folder] == [tmp_path / "a" / "topology", tmp_path / "b" / "topology-v1"]
    first.release()
    second.release()


@pytest.mark.parametrize("target", ["nowhere", "file", "topology"])
def test_what_is_no_folder_is_passed_by(tmp_path, target):
    (tmp_path / "file").touch()
    (tmp_path / "topology").symlink_to(target)
    assert claimed(tmp_path, continues=False) == "topology-v1"


def test_an_empty_folder_is_no_run(tmp_path):
    write_run(tmp_path, steps=(1,))
    claim = claim_folder(tmp_path, continues=False)
    assert claim.folder.name == "topology-v1"
    assert load_history(tmp_path).steps == (1,)
    claim.release()


# -- Runs that go on -------------------------------------------------------------------------------------------------


def test_a_resumed_run_goes_on_where_load_history_reads(tmp_path):
    for version in (0, 1, 10):  # the others have been deleted
        write_run(tmp_path, steps=(version,), version=version)
        assert claimed(tmp_path, continues=True) == load_history(tmp_path).folder.name
    assert claimed(tmp_path, continues=True) == "topology-v10"
    assert claimed(tmp_path, continues=False) == "topology-v11"


def test_a_run_does_not_go_on_in_a_folder_that_a_living_process_holds(tmp_path, processes):
    write_run(tmp_path)
    other = processes(tmp_path, "continues")
    assert other.folder == str(tmp_path / "topology")
    claim = claim_folder(tmp_path, continues=True)
    assert claim.folder.name == "topology-v1"
    assert str(tmp_path / "topology") in claim.note
    assert str(claim.folder) in claim.note
    assert hold(tmp_path / "topology") is None
    claim.release()
    other.die()
    os.remove(tmp_path / "topology-v1" / ".claim")
    free = claim_folder(tmp_path, continues=True)
    assert (free.folder.name, free.note) == ("topology", "")
    free.release()


def test_a_run_goes_on_in_the_folder_of_the_latest_run_although_that_wrote_nothing(tmp_path):
    write_run(tmp_path)  # by an earlier run, which is another one
    assert claimed(tmp_path, continues=False) == "topology-v1"
    assert claimed(tmp_path, continues=True) == "topology-v1"


FORK = r"""
import os, sys, time
from topocallback.records.claims import claim_folder
claim = claim_folder(sys.argv[1], continues=False)
child = os.fork()
if child == 0:
    os.write(1, b"forked\n")  # at once, for both write to one pipe
    time.sleep(600)
    os._exit(0)
os.write(1, f"{child}\n".encode())
time.sleep(600)
"""


def test_a_forked_process_does_not_hold_the_folder_of_one_that_died(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", FORK, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with parent:
        said = {parent.stdout.readline().strip() for _ in range(2)}
        (child,) = said - {"forked"}
        try:
            assert hold(tmp_path / "topology") is None
            parent.kill()
            parent.wait()
            again = hold(tmp_path / "topology")
            assert again is not None
            again.release()
        finally:
            os.kill(int(child), signal.SIGKILL)
            parent.kill()


def test_a_claim_that_nobody_has_any_more_is_given_up(tmp_path):
    claim = claim_folder(tmp_path, continues=False)
    folder = claim.folder
    del claim
    again = hold(folder)
    assert again is not None
    again.release()
    again.release()
    assert not again.is_held


def test_a_claim_travels_without_its_lock(tmp_path):
    claim = claim_folder(tmp_path, continues=False)
    copy = pickle.loads(pickle.dumps(claim))
    assert (copy.folder, copy.lock) == (claim.folder, None)
    copy.release()
    assert hold(claim.folder) is None
    claim.release()


# -- Where there are no locks ----------------------------------------------------------------------------------------


def no_locks(monkeypatch, kind):
    if kind == "Windows":
        monkeypatch.setattr(topocallback.records.claims, "fcntl", None)
        return

    def refuse(descriptor, operation):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(topocallback.records.claims.fcntl, "flock", refuse)


@pytest.mark.parametrize("kind", ["Windows", "no locks"])
def test_without_locks_a_new_run_has_a_folder_that_it_made_itself(tmp_path, monkeypatch, kind):
    no_locks(monkeypatch, kind)
    claims = [claim_folder(tmp_path, continues=False) for _ in range(3)]
    assert [claim.folder.name for claim in claims] == ["topology", "topology-v1", "topology-v2"]
    assert [claim.note for claim in claims] == ["", "", ""]


@pytest.mark.parametrize("kind", ["Windows", "no locks"])
def test_without_locks_a_run_that_goes_on_says_what_is_not_known(tmp_path, monkeypatch, kind):
    no_locks(monkeypatch, kind)
    write_run(tmp_path)
    claim = claim_folder(tmp_path, continues=True)
    assert claim.folder == tmp_path / "topology"
    assert "has no locks" in claim.note


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        claim_folder(tmp_path / "file", continues=False)


# -- In a store ------------------------------------------------------------------------------------------------------


def test_in_a_store_every_new_run_has_a_folder_of_its_own(store):
    claims = [claim_folder(store, continues=False) for _ in range(3)]
    assert [str(claim.folder) for claim in claims] == [
        f"{store}/topology",
        f"{store}/topology-v1",
        f"{store}/topology-v2",
    ]
    assert all(isinstance(claim, Claim) and not claim.note for claim in claims)


def test_in_a_store_of_two_that_claim_at_once_not_both_have_the_folder(store, monkeypatch):
    other = []
    write = topocallback.records.claims.write_whole

    def write_after_another(path, content):
        if not other:
            other.append(path.with_name(".claim-other"))
            write(other[0], b"")
        write(path, content)

    monkeypatch.setattr(topocallback.records.claims, "write_whole", write_after_another)
    assert claim_folder(store, continues=False).folder.name == "topology-v1"
    assert other[0].exists()


def test_in_a_store_a_run_that_goes_on_says_what_is_not_known(store):
    claim_folder(store, continues=False)
    claim = claim_folder(store, continues=True)
    assert str(claim.folder) == f"{store}/topology"
    assert "has no locks" in claim.note
