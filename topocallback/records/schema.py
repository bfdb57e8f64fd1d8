"""A record as a file: one JSON text of facts, arrays beside it, and the number of the schema that both follow."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from topocallback.records.expected import Expected, take
from topocallback.records.facts import as_text, check_facts, facts_from
from topocallback.records.files import Arrays, damaged_or_foreign, read_arrays, save_arrays
from topocallback.records.left_out import LeftOutWarning

__all__ = ["SCHEMA_VERSION", "NewerSchemaError", "Stored", "load_record", "read_facts", "save_record"]

SCHEMA_VERSION = 2

Record = TypeVar("Record")

_TEXT = Expected("U", ())


class NewerSchemaError(ValueError):
    """A file that a newer version of the package has written."""


@dataclass
class Stored:
    """What is in a record's file.

    Attributes:
        facts: The JSON text's content.
        arrays: The arrays.
        left_out: A sentence for everything that costs nothing but itself and cannot be read; reading adds to it.
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
        ValueError: If an array holds objects, or the facts are more than a reader would take.
        OSError: If the file cannot be written; no partial file stays behind.
    """
    # All arrays as well: a file that has lost one, or has another one in its place, is not taken for a whole one.
    listed = {name: _form(np.asarray(array)) for name, array in arrays.items()}
    text = as_text({"schema": SCHEMA_VERSION, **facts, "arrays": listed}, _plain)
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
        UserWarning: For every table, Mapper graph, layer's parts or neighbours left out because they cannot be read.
    """
    arrays = read_arrays(path, what)
    try:
        facts = _facts_in(arrays)
        stored = Stored(facts, _listed(arrays, facts.get("arrays")))
        stored = from_schema1(stored) if facts["schema"] < SCHEMA_VERSION else stored
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
    facts = facts_from(str(take(arrays, "facts", _TEXT)))
    schema = facts["schema"]
    if isinstance(schema, int) and schema > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"Expected a file of schema {SCHEMA_VERSION} or older, got {schema}: update topocallback to read it."
        )
    check_facts(facts)
    return facts


def _listed(arrays: Arrays, listed: Mapping[str, list[Any]] | Sequence[str] | None) -> Arrays:
    """What a file holds and its facts list, which is all that was written into it.

    Earlier versions listed names alone, and the first ones nothing.
    """
    if listed is None:
        return arrays
    forms = listed if isinstance(listed, Mapping) else dict.fromkeys(listed)
    damaged = arrays.damaged  # which needs no second reason
    problems = {
        name: ValueError(problem)
        for name, form in forms.items()
        if name not in damaged and (problem := _unlike(name, arrays, form))
    }
    return arrays.only(forms).joined_by(problems)


def _unlike(name: str, arrays: Arrays, form: list[Any] | None) -> str:
    """What is wrong with an array by how it is listed."""
    if name not in arrays:
        return "it is missing"
    if form is None or (found := _form(arrays[name])) == form:
        return ""
    return f"it is {' '.join(map(str, found))} instead of {' '.join(map(str, form))}, as it is listed"


def _form(array: NDArray[Any]) -> list[Any]:
    """How an array is listed: its type, and the lengths of its axes."""
    return [array.dtype.str, list(array.shape)]


def _plain(value: Any) -> Any:
    """A number of NumPy as JSON holds it."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"Expected what JSON can hold, got {value!r}.")
