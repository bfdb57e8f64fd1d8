"""What goes wrong in a monitor: a warning that is given once, or an exception where one is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from lightning.pytorch.utilities import rank_zero_info

from topocallback.records.wording import shown_lines

__all__ = ["Reports"]


class Reports:
    """Turns what fails into warnings, each sentence once, or raises it.

    Args:
        on_error: ``"warn"`` or ``"raise"``.

    Raises:
        ValueError: If ``on_error`` is neither.

    Example:
        >>> reports = Reports("raise")
        >>> with reports.guarded("dividing"):
        ...     1 / 0
        Traceback (most recent call last):
        ...
        ZeroDivisionError: division by zero
    """

    def __init__(self, on_error: str) -> None:
        if on_error not in ("warn", "raise"):
            raise ValueError(f"Expected `on_error` to be 'warn' or 'raise', got {on_error!r}.")
        self.on_error = on_error
        self._given: set[str] = set()
        self._named: set[tuple[str, str]] = set()

    @contextmanager
    def guarded(self, doing: str, cleanup: Callable[[], None] | None = None) -> Iterator[None]:
        """What fails inside of the block does not leave it, unless exceptions are asked for.

        Args:
            doing: What the block does, for the warning.
            cleanup: What to do first if it fails.
        """
        try:
            yield
        except Exception as error:
            if cleanup is not None:
                cleanup()
            self.fail(doing, error)

    def fail(self, doing: str, error: BaseException) -> None:
        """Report an exception: raise it if exceptions are asked for."""
        if self.on_error == "raise":
            raise error
        self.warn(f"{type(error).__name__} while {doing}: {error}")

    def complain(self, message: str) -> None:
        """Report a mistake of the user's: a RuntimeError if exceptions are asked for."""
        if self.on_error == "raise":
            raise RuntimeError(f"TopologyMonitor: {message}")
        self.warn(message)

    def news(self, about: str, layers: Iterable[str]) -> list[str]:
        """The layers of which something has not been said yet; from now on it has been.

        Args:
            about: What there is to say of them.
            layers: The layers.
        """
        new = [layer for layer in layers if (about, layer) not in self._named]
        self._named |= {(about, layer) for layer in new}
        return new

    def tell(self, about: str, message: str) -> None:
        """Say on the first process how it is, once.

        Args:
            about: What it is said of.
            message: How it is.
        """
        if about not in self._given:
            self._given.add(about)
            rank_zero_info(f"TopologyMonitor: {shown_lines(message)}")

    def warn(self, message: str) -> None:
        """Give a warning, unless the same one has been given before."""
        if message not in self._given:
            self._given.add(message)
            warnings.warn(f"TopologyMonitor: {shown_lines(message)}", UserWarning, stacklevel=2)
