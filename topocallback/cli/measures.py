"""Measures as a command line writes them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import yaml

from topocallback.cli.current_folder import import_from_current_folder
from topocallback.measures.base import Measure
from topocallback.measures.table import MEASURES, MeasureLike, resolve

__all__ = ["measure_of_argument"]


def measure_of_argument(argument: str) -> Measure:
    """The measure that an argument stands for.

    Args:
        argument: A name in the table of measures, or ``package.name`` of a measure or function of one's own; behind a
            colon its options, ``option=value`` with commas between them, values as in YAML.

    Raises:
        ValueError: If there is no such measure or option, or an option is out of its range.
        TypeError: If what ``package.name`` names is no measure.

    Example:
        >>> measure_of_argument("wasserstein:order=2,ground_norm=.inf").name
        'wasserstein(order=2, ground_norm=inf)'
    """
    name, _, written = argument.partition(":")
    found: MeasureLike = _imported(name) if "." in name else MEASURES.get(name, name)
    options = _options(argument, written)
    if not options:
        return resolve(found)
    if not isinstance(found, type):
        resolve(found)  # says which names there are
        raise ValueError(f"Expected a measure with options, got {argument!r}: {name} takes none.")
    try:
        return resolve(found(**options))
    except TypeError as error:
        raise ValueError(f"Expected options of {name}, got {argument!r}: {error}.") from error


def _imported(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    import_from_current_folder()
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"Expected a measure's name or package.name, got {name!r}: {error}.") from error


def _options(argument: str, written: str) -> Mapping[str, Any]:
    options = {}
    for part in filter(None, written.split(",")):
        option, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"Expected name:option=value,option=value, got {argument!r}.")
        options[option.strip()] = yaml.safe_load(value)
    return options
