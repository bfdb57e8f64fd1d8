"""Disks: nothing is written where the run would be left without room."""

import errno
import os
import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest

from topocallback.monitor.disks import Disks

GB = 1_000_000_000


def disk(*, total, free, files=1000, free_files=1000):
    return SimpleNamespace(
        f_frsize=4096, f_blocks=total // 4096, f_bavail=free // 4096, f_files=files, f_favail=free_files
    )


@pytest.mark.parametrize(
    ("found", "size", "is_refused"),
    [
        (disk(total=100 * GB, free=50 * GB), 1_000_000, False),
        (disk(total=100 * GB, free=190_000_000), 0, True),
        (disk(total=100 * GB, free=201_000_000), 500_000, False),
        (disk(total=100 * GB, free=201_000_000), 2_000_000, True),
        (disk(total=10_000_000, free=1_500_000), 0, False),
        (disk(total=10_000_000, free=900_000), 0, True),
        (disk(total=100 * GB, free=50 * GB, free_files=3), 0, True),
        (disk(total=100 * GB, free=50 * GB, files=0, free_files=0), 0, False),
    ],
)
def test_the_last_of_a_disk_is_the_runs_own(tmp_path, monkeypatch, found, size, is_refused):
    monkeypatch.setattr(os, "statvfs", lambda path: found)
    assert (Disks().refusal(tmp_path, size) is not None) == is_refused


def test_what_may_still_wait_to_be_written_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "statvfs", lambda path: disk(total=100 * GB, free=203_000_000))
    disks = Disks()
    assert disks.refusal(tmp_path, 2_000_000) is None
    assert disks.refusal(tmp_path, 2_000_000) is not None


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_write_that_failed_for_want_of_room_ends_writing_on_that_disk_for_the_run(tmp_path, code):
    disks = Disks()
    refusal = disks.note_failure(tmp_path / "a", OSError(code, os.strerror(code)))
    assert os.strerror(code) in refusal
    assert disks.refusal(tmp_path / "b", 0) == refusal
    disks.begin()
    assert disks.refusal(tmp_path / "b", 0) is None


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOTDIR])
def test_other_failures_say_nothing_of_the_disk(tmp_path, code):
    disks = Disks()
    assert disks.note_failure(tmp_path, OSError(code, os.strerror(code))) is None
    assert disks.refusal(tmp_path, 0) is None


def test_a_folder_that_is_not_there_yet_is_on_the_disk_of_the_nearest_one_that_is(tmp_path):
    disks = Disks()
    disks.note_failure(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    assert disks.refusal(tmp_path / "not" / "there", 0) is not None
    assert Disks().refusal(Path("not") / "there", 0) is None


def test_a_system_that_cannot_say_refuses_nothing(tmp_path, monkeypatch):
    def fails(path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "statvfs", fails)
    assert Disks().refusal(tmp_path, GB) is None
    monkeypatch.delattr(os, "statvfs")
    assert Disks().refusal(tmp_path, GB) is None


def test_disks_travel_to_other_processes():
    assert pickle.loads(pickle.dumps(Disks())).refusal(Path(), 0) is None
