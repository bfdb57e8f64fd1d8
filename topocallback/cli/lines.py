"""What is said on standard error: a line each."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from topocallback.records.wording import shown_lines

__all__ = ["warnings_as_lines"]


@contextmanager
def warnings_as_lines() -> Iterator[list[type[Warning]]]:
    """The package's own warnings as plain lines, as soon as they come.

    Yields:
        The categories of those that have come.
    """
    said: list[type[Warning]] = []

    def say(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        said.append(category)
        print(shown_lines(f"topocallback: {message}"), file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = say
        yield said
