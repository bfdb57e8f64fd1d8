"""Where modules are looked for that a command line names."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["forget_current_folder", "import_from_current_folder"]


def import_from_current_folder() -> None:
    """Look for modules in the current folder as well: ``--model my_model.Classifier`` is there.

    A console script does not. It comes last, so that a file there is taken for no package that is installed, and only
    where a command line names something to import, so that nothing in a folder runs because somebody is in it.

    Example:
        >>> import_from_current_folder()
        >>> str(Path.cwd()) in sys.path
        True
    """
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))


def forget_current_folder() -> None:
    """Undo that ``python -m`` looks for every module in the current folder first."""
    if sys.path and not getattr(sys.flags, "safe_path", False) and sys.path[0] in ("", str(Path.cwd())):
        del sys.path[0]
