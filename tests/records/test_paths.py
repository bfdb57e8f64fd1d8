"""Paths and addresses: what is on a disk stays a plain path, however it is written."""

from pathlib import Path

import pytest
from upath import UPath

from topocallback.records.archive import archive_path
from topocallback.records.files import write_atomically
from topocallback.records.paths import as_path, entries, files_below, is_local, modified, read_whole


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("logs/run", Path("logs/run")),
        ("/logs/a b%20", Path("/logs/a b%20")),
        ("file:///logs/a b%20", Path("/logs/a b%20")),
        ("file:/logs", Path("/logs")),  # what Lightning makes of it
        ("local:///logs", Path("/logs")),
        (UPath("file:///logs"), Path("/logs")),
        (UPath("/logs"), Path("/logs")),
        (Path("/logs"), Path("/logs")),
        ("time=12:30", Path("time=12:30")),
        (r"C:\logs", Path(r"C:\logs")),
        ("a/b://c", Path("a/b://c")),
    ],
)
def test_what_is_on_a_disk_is_a_plain_path(given, expected):
    found = as_path(given)
    assert isinstance(found, Path)
    assert is_local(found)
    assert found == expected


@pytest.mark.parametrize("given", ["memory://logs/run", UPath("memory://logs/run"), "memory:///logs/run"])
def test_an_address_stays_one(given):
    found = as_path(given)
    assert not is_local(found)
    assert str(found / "topology") == "memory://logs/run/topology"
    assert as_path(found) is found


def test_a_kind_of_address_that_nobody_knows_is_an_error():
    with pytest.raises(ValueError, match="nonsense"):
        as_path("nonsense://logs")


def test_a_file_in_a_store_is_written_whole_or_not_at_all(store):
    path = as_path(f"{store}/deep/er/file")
    assert str(write_atomically(str(path), lambda file: file.write(b"first"))) == str(path)

    def fail(file):
        file.write(b"sec")
        raise RuntimeError("a full disk")

    with pytest.raises(RuntimeError, match="full"):
        write_atomically(path, fail)
    assert read_whole(path) == b"first"
    assert [found.name for found in entries(path.parent)] == ["file"]
    assert [str(found) for found in files_below(as_path(store))] == [str(path)]
    assert modified(path) > 1e9
    assert modified(path.with_name("nothing")) == 0


def test_what_is_not_there_has_no_entries(tmp_path, store):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("link")
    for path in (tmp_path / "nowhere", tmp_path / "file", tmp_path / "link", as_path(f"{store}/nowhere")):
        assert entries(path) == []


def test_what_a_stores_library_raises_is_an_error_of_the_system(store, monkeypatch):
    path = archive_path(store, 1)

    def fail(*args, **options):
        raise RuntimeError("no credentials")

    for operation in ("pipe_file", "cat_file", "ls", "find"):
        monkeypatch.setattr(type(path.fs), operation, fail)
    for refused in (
        lambda: write_atomically(path, lambda file: file.write(b"1")),
        lambda: read_whole(path),
        lambda: entries(path.parent),
        lambda: files_below(path.parent),
    ):
        with pytest.raises(OSError, match="RuntimeError: no credentials"):
            refused()
