"""Labels as classes: numbers and names, whatever kind the labels are of."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["MISSING", "are_targets", "as_labels", "is_missing", "name_classes"]

MISSING = "missing"
"""What the class of those that have no label is called; it is the last one."""

_MOST_BINS = 10


def name_classes(labels: ArrayLike, order: Sequence[str] = ()) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels as class numbers.

    Args:
        labels: (n,) labels: integers, truth values, text, or real numbers, or anything that ``as_labels`` makes these
            of. Real numbers that are not all whole are regression targets: they are put in up to 10 bins of equally
            many points. Those that are missing are a class of their own, the last one.
        order: The classes' names in the order that they should have; by default that which the labels come with, as
            pandas' categories do, else that of the labels.

    Returns:
        (n,) class numbers, and the names of the classes that occur in the order of their numbers.

    Raises:
        ValueError: If ``labels`` is neither of shape (n,) nor one-hot of shape (n, K), or holds what is no label.

    Example:
        >>> name_classes([7, 3, 7])
        (array([1, 0, 1]), ('3', '7'))
        >>> name_classes([0.5, 1.5, 2.5, np.nan])[1]
        ('0.5', '1.5', '2.5', 'missing')
        >>> name_classes(["dog", None, "cat"])
        (array([1, 2, 0]), ('cat', 'dog', 'missing'))
    """
    values, own_order = as_labels(labels)
    order = tuple(order) or own_order
    missing = is_missing(values)
    present = np.asarray(values[~missing].tolist()) if values.dtype.hasobject else values[~missing]
    if present.dtype.kind == "f" and not order and are_targets(present):
        of_present, names = _binned(present)
    else:
        found, of_present = np.unique(present, return_inverse=True)
        of_present, names = _in_order(of_present, [_name(value) for value in found], order)
    codes = np.full(len(values), len(names), dtype=np.int64)
    codes[~missing] = of_present
    return codes, (*names, _name_of_missing(names)) if missing.any() else tuple(names)


def as_labels(labels: ArrayLike, name: str = "labels") -> tuple[NDArray[Any], tuple[str, ...]]:
    """Labels as an array, of whatever kind people have them.

    Args:
        labels: (n,) numbers, truth values, text, dates or a mixture, of which some may be missing (``None``, NaN, NaT,
            pandas' ``NA``, masked), as an array, a list, or a series or categories of pandas; or one-hot (n, K), whose
            classes are called by their columns.
        name: What the caller calls the labels.

    Returns:
        (n,) numbers, where NaN is missing, truth values or text; an array of objects, where ``None`` is missing, if
        some truth values or texts are. And the order of the classes' names, if the labels come with one.

    Raises:
        ValueError: If ``labels`` is neither of shape (n,) nor one-hot, or holds what is no label.

    Example:
        >>> as_labels(["b", None, "a"])
        (array(['b', None, 'a'], dtype=object), ())
        >>> as_labels([[0, 1], [1, 0]])
        (array([1, 0]), ('0', '1'))
    """
    values = _as_array(labels, name)
    categories = getattr(getattr(labels, "dtype", None), "categories", None)
    order: tuple[str, ...] = () if categories is None else tuple(_name(value) for value in np.asarray(categories))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2:
        columns = np.asarray(getattr(labels, "columns", np.arange(values.shape[1])))
        values, order = _of_one_hot(values, columns, name), tuple(_name(column) for column in columns)
    if values.ndim != 1:
        raise ValueError(f"Expected `{name}` to be of shape (n,), or one-hot (n, K), got {values.shape}.")
    return values if values.dtype.kind in "biufU" else _of_objects(values, name), order


def is_missing(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,) which of the labels that ``as_labels`` gave are missing.

    Example:
        >>> is_missing(np.array([1.0, np.nan])), is_missing(np.array(["a", None], dtype=object))
        (array([False,  True]), array([False,  True]))
    """
    if labels.dtype.hasobject:
        return np.array([_is_nothing(label) for label in labels], dtype=bool)
    return np.isnan(labels) if labels.dtype.kind == "f" else np.zeros(len(labels), dtype=bool)


def are_targets(labels: NDArray[np.floating]) -> bool:
    """Whether real numbers are targets of a regression: not all whole, and more different ones than there are bins.

    Example:
        >>> are_targets(np.linspace(0, 1, 100)), are_targets(np.array([0.5, 1.5, np.nan]))
        (True, False)
    """
    finite = labels[np.isfinite(labels)]
    return bool((finite != np.round(finite)).any() and len(np.unique(finite)) > _MOST_BINS)


def _as_array(labels: ArrayLike, name: str) -> NDArray[Any]:
    if isinstance(labels, np.ma.MaskedArray):
        unmasked = np.array(labels.data, dtype=object)
        unmasked[np.ma.getmaskarray(labels)] = None
        return unmasked
    try:
        values = np.asarray(labels)
    except ValueError as error:
        raise ValueError(f"Expected `{name}` to be of shape (n,), or one-hot (n, K), got {error}.") from error
    # NumPy makes the text "nan" of NaN among texts.
    return np.asarray(labels, dtype=object) if values.dtype.kind in "US" and not hasattr(labels, "dtype") else values


def _of_one_hot(values: NDArray[Any], columns: NDArray[Any], name: str) -> NDArray[Any]:
    try:
        hot = values.astype(np.float64)
    except (TypeError, ValueError):
        hot = np.full(values.shape, np.nan)
    if not np.isin(hot, (0, 1)).all() or (bad := int((hot.sum(axis=1) != 1).sum())):
        what = "other values than 0 and 1" if not np.isin(hot, (0, 1)).all() else f"{bad} rows without exactly one 1"
        raise ValueError(
            f"Expected `{name}` of shape {values.shape} to be one-hot, got {what}. Give one label per sample; of "
            f"probabilities, `{name}.argmax(axis=1)`."
        )
    return np.asarray(columns[hot.argmax(axis=1)] if len(columns) else np.empty(len(values), dtype=np.int64))


def _of_objects(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Objects, bytes and dates as numbers, truth values or text, whichever they all are."""
    items = [str(item) for item in values] if values.dtype.kind in "mM" else values.tolist()
    missing = is_missing(values) if values.dtype.hasobject else np.isin(items, ["NaT"])
    present = [item for item, is_nothing in zip(items, missing, strict=True) if not is_nothing]
    kinds = {_kind(item, name) for item in present}
    if kinds == {"number"}:
        numbers = np.array([np.nan if gone else item for item, gone in zip(items, missing, strict=True)])
        if not numbers.dtype.hasobject:  # as numbers are that no type can hold
            return numbers
    found = [item if kinds == {"truth"} else _text(item) for item in present]
    if not missing.any():
        return np.array(found, dtype=None if found else np.float64)
    mixed = np.full(len(values), None, dtype=object)
    mixed[~missing] = found
    return mixed if present else np.full(len(values), np.nan)


def _kind(item: Any, name: str) -> str:
    if isinstance(item, (list, tuple, dict, set, np.ndarray, complex)):
        raise ValueError(f"Expected `{name}` to hold one label per sample, got {type(item).__name__}: {item!r}.")
    if isinstance(item, (bool, np.bool_)):
        return "truth"
    return "number" if isinstance(item, (int, float, np.integer, np.floating)) else "text"


def _is_nothing(item: Any) -> bool:
    if item is None:
        return True
    try:
        return bool(item != item)  # NaN and NaT
    except TypeError:  # pandas.NA is neither equal nor unequal to itself
        return True
    except ValueError:  # an array, which is no label at all
        return False


def _binned(values: NDArray[np.floating]) -> tuple[NDArray[np.int64], list[str]]:
    finite = values[np.isfinite(values)]
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, _MOST_BINS + 1)))
    # As many digits as it takes to tell the edges apart: years need more than three.
    digits = next(d for d in range(3, 18) if d == 17 or len({f"{edge:.{d}g}" for edge in edges}) == len(edges))
    names = [f"{low:.{digits}g} to {high:.{digits}g}" for low, high in itertools.pairwise(edges)]
    codes = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(names) - 1).astype(np.int64)
    for infinity in (-np.inf, np.inf):  # is in no bin
        if (there := values == infinity).any():
            codes[there] = len(names)
            names.append(str(infinity))
    return codes, names


def _in_order(
    codes: NDArray[np.int64], names: Sequence[str], order: Sequence[str]
) -> tuple[NDArray[np.int64], list[str]]:
    """Classes in a given order; those that it does not know come last, as they were."""
    places = {name: place for place, name in enumerate(order)}
    sequence = sorted(range(len(names)), key=lambda code: places.get(names[code], len(places)))
    ranks = np.argsort(np.array(sequence, dtype=np.int64))
    return ranks[codes].astype(np.int64), [names[code] for code in sequence]


def _text(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if np.isfinite(value) and value == round(value) else str(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _name(value: Any) -> str:
    text = _text(value)
    return text if text.strip() else repr(text)  # so that an empty one can be seen


def _name_of_missing(names: Sequence[str]) -> str:
    name = MISSING
    while name in names:
        name = f"({name})"
    return name
