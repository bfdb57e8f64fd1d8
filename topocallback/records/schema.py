"""A record as a file: one JSON text of facts, arrays beside it, and the number of the schema that both follow."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from topocallback.records.files import Arrays, damaged_or_foreign, read_arrays, save_arrays
from topocallback.records.left_out import LeftOutWarning
from topocallback.records.tables import is_of_a_table

__all__ = ["SCHEMA_VERSION", "NewerSchemaError", "Stored", "load_record", "read_facts", "save_record"]

SCHEMA_VERSION = 2

Record = TypeVar("Record")


class NewerSchemaError(ValueError):
    """A file that a newer version of the package has written."""


@dataclass
class Stored:
    """What is in a record's file.

    Attributes:
        facts: The JSON text's content.
        arrays: The arrays.
        left_out: A sentence for every table that cannot be read; reading adds to it.
    """

    facts: Mapping[str, Any]
    arrays: Arrays
    left_out: list[str] = field(default_factory=list)


def save_record(path: str | os.PathLike[str], facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Write a record.

    Args:
        path: Where to; missing folders are made.
        facts: What JSON can hold; numbers of NumPy are written as numbers.
        arrays: Name to array, none of objects.

    Returns:
        The path.

    Raises:
        OSError: If the file cannot be written; no partial file stays behind.
    """
    # The names of the arrays as well: a file that has lost one is not taken for one that never had it.
    text = json.dumps({"schema": SCHEMA_VERSION, **facts, "arrays": list(arrays)}, default=_plain)
    return save_arrays(path, {"facts": np.array(text), **arrays})


def load_record(
    path: str | os.PathLike[str],
    what: str,
    build: Callable[[Stored], Record],
    from_schema1: Callable[[Stored], Stored],
) -> Record:
    """Read a record; nothing is ever unpickled.

    Args:
        path: The file.
        what: What is expected in it, for the message: ``"a snapshot"``.
        build: Makes the record from what is stored.
        from_schema1: Makes of what is stored in schema 1 what schema 2 stores.

    Returns:
        The record.

    Raises:
        ValueError: If the file is not a whole record, or comes from a newer version of the package.
        OSError: If the file cannot be opened.

    Warns:
        UserWarning: For every table that is left out because it cannot be read.
    """
    arrays = read_arrays(path, what)
    try:
        stored = Stored(_facts_in(arrays), arrays)
        stored = _checked(from_schema1(stored) if stored.facts["schema"] < SCHEMA_VERSION else stored)
        record = build(stored)
    except NewerSchemaError:
        raise
    except Exception as error:  # whatever is wrong with it, it is the file that is wrong
        raise damaged_or_foreign(path, what, error) from error
    for sentence in stored.left_out:
        warnings.warn(f"Left out of {path}: {sentence}", LeftOutWarning, stacklevel=3)
    return record


def read_facts(path: str | os.PathLike[str], what: str) -> Mapping[str, Any]:
    """The facts of a record without its arrays: what tells a whole file from a damaged one without reading it all.

    Args:
        path: The file.
        what: What is expected in it, for the message.

    Raises:
        ValueError: If the file is no record, or comes from a newer version of the package.
        OSError: If the file cannot be opened.
    """
    arrays = read_arrays(path, what, only=("facts",))
    try:
        return _facts_in(arrays)
    except NewerSchemaError:
        raise
    except Exception as error:
        raise damaged_or_foreign(path, what, error) from error


def _facts_in(arrays: Arrays) -> Mapping[str, Any]:
    facts = json.loads(str(arrays["facts"]))
    schema = facts["schema"]
    if schema > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"Expected a file of schema {SCHEMA_VERSION} or older, got {schema}: update topocallback to read it."
        )
    return dict(facts)


def _checked(stored: Stored) -> Stored:
    """What is stored, where nothing but tables is damaged."""
    lost = {name: ValueError("it is missing") for name in stored.facts.get("arrays", ()) if name not in stored.arrays}
    stored.arrays = stored.arrays.joined_by(lost)
    for name in stored.arrays.damaged:
        if not is_of_a_table(name):
            stored.arrays[name]  # raises
    return stored


def _plain(value: Any) -> Any:
    """A number of NumPy as JSON holds it."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"Expected what JSON can hold, got {value!r}.")
