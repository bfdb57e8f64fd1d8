"""What is said where something that is on disk cannot be read, and the rest is."""

from __future__ import annotations

__all__ = ["LeftOutWarning"]


class LeftOutWarning(UserWarning):
    """Something was left out: the command line's exit code says so as well."""
