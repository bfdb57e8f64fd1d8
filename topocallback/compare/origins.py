"""Whose code it is: a library's, which its version tells, or the user's own, which has to be read."""

from __future__ import annotations

import dis
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

__all__ = ["binary_of", "global_names", "imported_names", "is_library", "version_of"]

_FOLDERS = {"site-packages", "dist-packages"}
# Wherever they lie: reading all of their code would take minutes.
_LIBRARIES = {"lightning", "lightning_fabric", "numpy", "pytorch_lightning", "topocallback", "torch", "torchmetrics"}
_GLOBALS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "LOAD_CLASSDEREF"}


def is_library(module: str) -> bool:
    """Whether a module is part of Python or of an installed package, imported or not.

    Args:
        module: Its full name.

    Example:
        >>> is_library("torch.nn"), is_library("collections"), is_library("__main__")
        (True, True, False)
    """
    top = module.partition(".")[0]
    if top == "__main__":  # whoever runs it, as `python -m pytest` does
        return False
    if top in _LIBRARIES or top in sys.stdlib_module_names:
        return True
    found = sys.modules.get(module) or sys.modules.get(top)
    if found is None:
        return _is_in_library(_origin(top))
    file = getattr(found, "__file__", None)
    return _is_in_library(file or next(iter(getattr(found, "__path__", ())), None))


def _origin(top: str) -> str | None:
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    return None if spec is None else spec.origin


@functools.lru_cache(maxsize=4096)
def _is_in_library(file: str | None) -> bool:
    return file is not None and not _FOLDERS.isdisjoint(Path(file).parts)


def version_of(module: str) -> str:
    """The package of a library's module, and its version.

    Example:
        >>> version_of("numpy.linalg").startswith("numpy ")
        True
    """
    top = module.partition(".")[0]
    return f"{top} {getattr(sys.modules.get(top), '__version__', '')}"


@functools.lru_cache(maxsize=256)
def _hash_of_file(path: str, _size: int, _modified: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def binary_of(module: str) -> str | None:
    """A hash of the file of a compiled module, of which no code can be read; ``None`` for one in Python.

    Example:
        >>> binary_of("json") is None
        True
    """
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or file.endswith((".py", ".pyc")):
        return None
    status = Path(file).stat()
    return _hash_of_file(file, status.st_size, status.st_mtime_ns)


def global_names(code: CodeType) -> set[str]:
    """The global names that code asks for, that of its inner functions included.

    Example:
        >>> sorted(global_names(compile("lambda x: scale * len(x.size)", "", "eval")))
        ['len', 'scale']
    """
    return {str(each.argval) for part in _parts(code) for each in dis.get_instructions(part) if each.opname in _GLOBALS}


def imported_names(code: CodeType, package: str) -> set[str]:
    """The modules that code imports while it runs.

    Args:
        code: The code.
        package: The package that relative imports start from.

    Example:
        >>> sorted(imported_names(compile("import a.b; from . import c; from .d import e", "", "exec"), "own"))
        ['a.b', 'own', 'own.d']
    """
    found = set()
    for part in _parts(code):
        instructions = list(dis.get_instructions(part))
        for i, each in enumerate(instructions):
            if each.opname == "IMPORT_NAME":
                level = next((int(b.argval) for b in instructions[max(0, i - 2) : i] if isinstance(b.argval, int)), 0)
                found.add(_absolute(level, str(each.argval), package))
    return found


def _absolute(level: int, name: str, package: str) -> str:
    try:
        return importlib.util.resolve_name("." * level + name, package or None)
    except ImportError:
        return name


def _parts(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts(constant)
