"""The front end's modules as one script, for a page that has to do without a server.

Each module becomes a function that gives what the module exports, called in the order in which modules need each other.
It takes the few forms of import and export that our own modules use, and says so when it meets another one.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["bundle"]

_IMPORT = re.compile(r"""^import\s*\{([^}]*)\}\s*from\s*["']\./([\w-]+\.js)["'];?[ \t]*$""", re.MULTILINE)
_EXPORT = re.compile(r"^export\s+((?:async\s+)?function\*?|const|class)\s+(\w+)", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle(folder: Path, entry: str = "index.js") -> str:
    """One script that does what a module and those it imports do.

    Args:
        folder: Where the modules are.
        entry: The file name of the module to start from.

    Returns:
        A script; the entry's exports are the properties of a constant ``entry``.

    Raises:
        ValueError: If modules import each other in a circle, or use a form of import or export that is none of
            ``import { a, b as c } from "./other.js"``, ``export function``, ``export const`` and ``export class``.
        OSError: If a module cannot be read.
    """
    bundled: dict[str, str] = {}
    _add(folder, entry, bundled, ())
    # In strings and comments alike, this means the same to JavaScript and nothing to HTML.
    script = "\n".join(bundled.values()).replace("</", "<\\/").replace("<!--", "<\\!--")
    return f'"use strict";\n{script}\nconst entry = {_variable(entry)};\n'


def _add(folder: Path, name: str, bundled: dict[str, str], importers: tuple[str, ...]) -> None:
    """Add a module after those that it imports."""
    if name in importers:
        raise ValueError(f"Expected modules that do not import each other in a circle, got {[*importers, name]}.")
    if name in bundled:
        return
    source = (folder / name).read_text(encoding="utf-8")
    for _, other in _IMPORT.findall(source):
        _add(folder, other, bundled, (*importers, name))
    bundled[name] = _as_function(name, source)


def _as_function(name: str, source: str) -> str:
    exported = [identifier for _, identifier in _EXPORT.findall(source)]
    body = _EXPORT.sub(r"\1 \2", _IMPORT.sub(_destructuring, source))
    if other := _OTHER.search(body):
        raise ValueError(f"Expected {name} to import and export in the forms that can be bundled, got {other[0]!r}.")
    return f"const {_variable(name)} = (() => {{\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();"


def _destructuring(statement: re.Match[str]) -> str:
    names = [re.sub(r"\s+as\s+", ": ", part.strip()) for part in statement[1].split(",") if part.strip()]
    return f"const {{ {', '.join(names)} }} = {_variable(statement[2])};"


def _variable(name: str) -> str:
    """A name for a module's exports that no module uses itself."""
    return "$" + re.sub(r"\W", "_", name)
