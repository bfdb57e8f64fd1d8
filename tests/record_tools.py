"""What tests of records share: comparing two records value by value, and listing the files of a folder."""

import dataclasses
from collections.abc import Mapping

import numpy as np


def assert_equal(found, expected):
    """Equal in type, dtype, shape, order and every value, NaN included."""
    assert type(found) is type(expected)
    if dataclasses.is_dataclass(expected):
        for field in dataclasses.fields(expected):
            assert_equal(getattr(found, field.name), getattr(expected, field.name))
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected, strict=True)
    elif isinstance(expected, Mapping):
        assert list(found) == list(expected)
        for key in expected:
            assert_equal(found[key], expected[key])
    elif isinstance(expected, list):
        for item, other in zip(found, expected, strict=True):
            assert_equal(item, other)
    else:
        assert found == expected


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
