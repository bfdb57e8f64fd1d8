"""How much memory there is for this process, and sizes in words."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["available_memory", "look_again", "size_in_words"]

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
# Of a container or a job: the limit, what is in use, and what of that the system gives back when it is asked to.
_VERSION_2 = ("memory.max", "memory.current", "inactive_file")
_VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def available_memory(root: Path = Path("/")) -> int | None:
    """How many bytes this process may still take without swapping, or being ended for it.

    On Linux what the system says is available, or what its control groups (containers, jobs of a cluster) leave of
    their limits, if that is less.

    Args:
        root: Where the file system begins.

    Returns:
        The number; ``None`` where the system does not tell, as outside of Linux.

    Example:
        >>> available_memory(Path("/nowhere")) is None
        True
    """
    return _available(root, int(time.monotonic())) if sys.platform == "linux" else None


def look_again() -> None:
    """Have ``available_memory`` read anew, where much has been given back since a moment ago."""
    _available.cache_clear()


def size_in_words(count: float) -> str:
    """A number of bytes with two digits and a unit.

    Example:
        >>> size_in_words(800), size_in_words(1_234_000_000), size_in_words(95_100_000)
        ('800 bytes', '1.2 GB', '95 MB')
    """
    power = 0
    while count >= 1000 and power < len(_UNITS) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.1f} {_UNITS[power]}" if power and count < 10 else f"{count:.0f} {_UNITS[power]}"


@functools.lru_cache(maxsize=1)
def _available(root: Path, _second: int) -> int | None:
    """It takes 1 ms to read, a third of what the distance of two clouds of 60 points takes: once a second will do."""
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        of_system = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None
    return max(0, min([of_system, *_left_by_groups(root)]))


def _left_by_groups(root: Path) -> Iterator[int]:
    """What each control group of this process, and each that holds one, leaves of its limit."""
    try:
        groups = [line.split(":", 2) for line in (root / "proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return
    for _, controllers, path in (group for group in groups if len(group) == 3):
        if controllers not in ("", "memory") and "memory" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        folder = top / path.strip("/")
        for each in (folder, *folder.parents):
            left = _left_by(each, _VERSION_1 if controllers else _VERSION_2)
            if left is not None:
                yield left
            if each == top:
                break


def _left_by(folder: Path, names: tuple[str, str, str]) -> int | None:
    limit, used, reclaimable = names
    try:
        most = int((folder / limit).read_text())  # "max" for none
        in_use = int((folder / used).read_text())
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return most - in_use + int(statistics.get(reclaimable, 0))
    except (OSError, ValueError):
        return None
