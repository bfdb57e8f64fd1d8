"""Paths on a disk or in an object store, such as ``s3://bucket/logs``, under one interface: that of ``pathlib``."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

__all__ = [
    "PathLike",
    "as_path",
    "entries",
    "files_below",
    "is_local",
    "modified",
    "opened",
    "read_whole",
    "write_whole",
]

PathLike = str | os.PathLike[str]

# Lightning makes `file:/logs` of the `file:///logs` that it is given.
_LOCAL = re.compile(r"(?:file|local):(?://)?(.+)", re.DOTALL)
_STORE = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")


def as_path(path: PathLike) -> Path:
    """A path to work with: ``pathlib``'s for what is on a disk, else one of ``universal_pathlib``.

    Args:
        path: A path, or an address that fsspec knows: ``file:///logs``, ``memory://logs``, ``s3://bucket/logs``.

    Returns:
        The path. What both kinds can do is the same, but only one on a disk is a file to the operating system.

    Raises:
        ValueError: If the address is of a kind that fsspec does not know.

    Example:
        >>> as_path("file:///logs/run").as_posix(), as_path("logs").as_posix()
        ('/logs/run', 'logs')
        >>> str(as_path("memory://logs") / "run")
        'memory://logs/run'
    """
    if isinstance(path, Path):
        return path
    if hasattr(type(path), "fs"):  # universal_pathlib's own, some of which are no `os.PathLike`
        found: Any = path
        return Path(found.path) if found.protocol in ("file", "local") else cast(Path, found)
    text = os.fspath(path)
    if (local := _LOCAL.fullmatch(text)) is not None:
        return Path(local[1])
    if _STORE.match(text) is None:
        return Path(text)
    from upath import UPath  # 0.3 s, and few need it

    return cast(Path, UPath(text))


def is_local(path: Path) -> bool:
    """Whether it is on a disk of this machine, or mounted like one."""
    return isinstance(path, Path)


def entries(folder: Path) -> list[Path]:
    """What is in a folder; nothing if there is no such folder, or it cannot be looked into.

    Raises:
        OSError: If a store does not answer.
    """
    if is_local(folder):
        try:
            return list(folder.iterdir())
        except OSError:
            return []
    with _as_os_errors(folder):
        _store(folder).invalidate_cache(folder.path)  # type: ignore[attr-defined]  # others write there as well
        try:
            return list(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []


def files_below(folder: Path) -> list[Path]:
    """Every object of a store below a folder.

    Raises:
        OSError: If the store does not answer.
    """
    with _as_os_errors(folder):
        store, top = _store(folder), str(folder.path).rstrip("/")  # type: ignore[attr-defined]
        store.invalidate_cache()
        return [folder / name[len(top) :].lstrip("/") for name in store.find(top)]


def read_whole(path: Path) -> bytes:
    """The content of a file.

    Raises:
        OSError: If it cannot be read, whatever a store's own library raises.
    """
    if is_local(path):
        return path.read_bytes()
    with _as_os_errors(path):
        return bytes(_store(path).cat_file(path.path))  # type: ignore[attr-defined]


def opened(path: Path) -> IO[bytes]:
    """A file to read from, anywhere in it; an object of a store is read as a whole.

    Raises:
        OSError: If it cannot be opened.
    """
    return path.open("rb") if is_local(path) else io.BytesIO(read_whole(path))


def write_whole(path: Path, content: bytes) -> None:
    """Put an object into a store: readers see all of it or the one before it.

    Raises:
        OSError: If it cannot be written, whatever the store's own library raises.
    """
    with _as_os_errors(path):
        store = _store(path)
        # Some stores have folders; of the others, some refuse what looks like making a bucket.
        with contextlib.suppress(Exception):
            store.makedirs(path.parent.path, exist_ok=True)  # type: ignore[attr-defined]
        store.pipe_file(path.path, content)  # type: ignore[attr-defined]


def modified(path: Path) -> float:
    """When a file was last written, in seconds since 1970; 0 where a store does not say."""
    if is_local(path):
        return path.stat().st_mtime
    try:
        return float(_store(path).modified(path.path).timestamp())  # type: ignore[attr-defined]
    except Exception:
        return 0.0


def _store(path: Path) -> Any:
    return path.fs  # type: ignore[attr-defined]


@contextlib.contextmanager
def _as_os_errors(path: Path) -> Iterator[None]:
    """A store's library has errors of its own: of a network, of credentials, of a package that is not installed."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{path}: {type(error).__name__}: {error}") from error
