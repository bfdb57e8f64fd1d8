"""The labels of a batch: where they are, what they are, and what is none."""

import collections
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from topocallback.activations.labels import MISSING, TextLabels, find_labels, known_labels, take_labels


def sketch(value):
    """A short name for a parameter: tensors by their shape."""
    if isinstance(value, torch.Tensor):
        return "x".join(map(str, value.shape)) or "scalar"
    if isinstance(value, dict):
        return f"{{{' '.join(f'{key}:{sketch(item)}' for key, item in value.items())}}}"
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__}({' '.join(map(sketch, value))})"
    return type(value).__name__ if isinstance(value, np.ndarray) else str(value)


# -- Where they are ---------------------------------------------------------------------------------------------------

X = torch.zeros(3, 2)
Y = torch.tensor([1, 0, 2])
Batch = collections.namedtuple("Batch", ["x", "y"])


@dataclasses.dataclass
class Fields:
    """A batch as a dataclass."""

    x: torch.Tensor
    label: torch.Tensor


@pytest.mark.parametrize(
    ("batch", "labels"),
    [
        ((X, Y), "auto"),
        ([X, Y], "auto"),
        ((X, Y, torch.ones(3)), "auto"),
        (Batch(X, Y), "auto"),
        ((X, Y[:, None]), "auto"),
        ((X, Y.float()), "auto"),
        ({"x": X, "label": Y}, "auto"),
        ({"x": X, "labels": Y}, "auto"),
        ({"x": X, "y": Y}, "auto"),
        ({"x": X, "target": Y}, "auto"),
        ({"target": X, "label": Y}, "auto"),
        (collections.OrderedDict(x=X, y=Y), "auto"),
        ((X, Y), 1),
        ((X, Y), -1),
        ((Y, X), 0),
        ((X, X, Y[:, None]), 2),
        ({"x": X, "class": Y}, "class"),
        ({"x": X, 7: Y}, 7),
        ({"auto": Y, "y": Y}, "auto"),
        ((X, [1, 0, 2]), "auto"),
        ((X, (1, 0, 2)), "auto"),
        ((X, Y.numpy()), "auto"),
        ((X, [torch.tensor(1), torch.tensor(0), torch.tensor(2)]), "auto"),
        ((X, "a name", Y), "auto"),
        (Fields(X, Y), "auto"),
        (Fields(X, Y), "label"),
        (SimpleNamespace(x=X, target=Y), "auto"),
        (collections.UserDict(x=X, labels=Y), "auto"),
    ],
    ids=sketch,
)
def test_labels_are_found_where_they_are(batch, labels):
    values = find_labels(batch, labels, 3).values
    assert values.shape == (3,)
    assert values.tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("batch", "labels"),
    [
        ((X, Y), None),
        ({"x": X, "y": Y}, None),
        (X, "auto"),
        ((X,), "auto"),
        ([], "auto"),
        ("text", "auto"),
        (None, "auto"),
        ((X, X), "auto"),
        ((X, [1, 0]), "auto"),
        ((X, [1, "two", 3]), "auto"),
        ((X, [{}, {}, {}]), "auto"),
        ((X, "abc"), "auto"),
        ((X, Y[:2]), "auto"),
        ((X, torch.tensor([[0, 1], [1, 1], [1, 0]])), "auto"),
        ((X, torch.zeros(3, 1, 1)), "auto"),
        ((X, torch.tensor(1)), "auto"),
        ((X, torch.zeros(3, dtype=torch.complex64)), "auto"),
        ((X, {"boxes": Y}), "auto"),
        ({"x": X}, "auto"),
        ({"x": X, "y": "text"}, "auto"),
    ],
    ids=sketch,
)
def test_there_may_be_no_labels(batch, labels):
    assert find_labels(batch, labels, 3) is None


def test_a_batch_of_unknown_size_has_no_labels_unless_they_were_asked_for():
    assert find_labels((X, Y), "auto", None) is None
    with pytest.raises(ValueError, match="`labels=1` cannot be used: nothing tells how many samples"):
        find_labels((X, Y), 1, None)


def test_a_batch_of_one_sample_may_have_its_label_as_a_single_number():
    assert find_labels((X[:1], torch.tensor(4)), "auto", 1).values.tolist() == [4]


def test_an_empty_batch_has_no_label_for_each_of_no_samples():
    assert find_labels((X[:0], Y[:0]), 1, 0).values.tolist() == []


def test_labels_are_detached():
    assert not find_labels((X, torch.ones(3, requires_grad=True)), 1, 3).values.requires_grad


def test_the_place_of_labels_is_how_python_reaches_them():
    assert find_labels((X, Y), -1, 3).place == "batch[1]"
    assert find_labels({"y": Y}, "auto", 3).place == "batch['y']"
    assert find_labels(SimpleNamespace(y=Y), "auto", 3).place == "batch.y"


def test_what_is_known_to_be_something_else_is_no_label():
    lengths = torch.tensor([2, 1, 2])
    assert find_labels((X, lengths, Y), "auto", 3, taken="batch[1]").place == "batch[2]"
    assert find_labels((X, lengths), "auto", 3, taken="batch[1]") is None
    assert find_labels({"y": lengths, "target": Y}, "auto", 3, taken="batch['y']").place == "batch['target']"


@pytest.mark.parametrize("sequences", [torch.ones(3, 7).long(), torch.ones(3, 7, 2), torch.ones(3, 2, 7)], ids=sketch)
def test_lengths_of_sequences_that_are_all_full_are_not_taken_for_classes(sequences):
    full = torch.full((3,), 7)
    assert find_labels((sequences, full, Y), "auto", 3).place == "batch[2]"
    assert find_labels((sequences, Y, full), "auto", 3).place == "batch[1]"
    assert find_labels((sequences, full), "auto", 3).place == "batch[1]"  # it may as well be a class


def test_a_class_that_is_as_large_as_sequences_are_long_is_one_where_earlier_batches_had_classes():
    tokens, label, place = torch.ones(1, 7).long(), torch.tensor([7]), torch.tensor([12])
    assert find_labels((tokens, label, place), "auto", 1, earlier="batch[1]").place == "batch[1]"
    assert find_labels((tokens, label, label), "auto", 1, earlier="batch[2]").place == "batch[2]"
    assert find_labels((tokens.float(), label, place), "auto", 1).place == "batch[1]"  # the row of a table


def test_a_class_is_a_class_whatever_the_number_of_an_images_channels():
    assert find_labels((torch.ones(3, 3, 8, 8), torch.full((3,), 3), torch.arange(3)), "auto", 3).place == "batch[1]"


@pytest.mark.parametrize(
    ("batch", "labels", "has"),
    [
        ((X, Y), 2, "type tuple"),
        ((X, Y), "y", "type tuple"),
        ([X], 1, "type list"),
        ({"x": X, "y": Y}, "z", r"the keys \['x', 'y'\]"),
        ({"x": X}, 0, r"the keys \['x'\]"),
        (X, 5, r"shape \(3, 2\)"),
        (None, 1, "type NoneType"),
    ],
    ids=sketch,
)
def test_a_place_that_the_batch_does_not_have_is_an_error(batch, labels, has):
    with pytest.raises(ValueError, match=rf"Expected `labels={labels!r}` to be in the batch, which has {has}"):
        find_labels(batch, labels, 3)


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (torch.zeros(3, 2), r"shape \(3, 2\)"),
        (torch.eye(3).to_sparse(), r"shape \(3, 3\)"),
        (torch.zeros(2), r"shape \(2,\)"),
        (torch.zeros(3, 1, 1), r"shape \(3, 1, 1\)"),
        (torch.zeros(3, dtype=torch.complex64), r"shape \(3,\)"),
        ([1, 2], "type list of length 2"),
        ([1, "a", None], "type list of length 3"),
        ("abc", "type str"),
        ({"class": Y}, "type dict"),
        (torch.tensor([[0, 1], [1, 1], [0, 1]]), r"shape \(3, 2\)"),
        (None, "type NoneType"),
    ],
    ids=sketch,
)
def test_a_place_with_something_else_is_an_error(value, got):
    with pytest.raises(ValueError, match=rf"`labels='y'` to hold one label for each of 3 samples, got {got}"):
        find_labels({"x": X, "y": value}, "y", 3)


# -- What they are ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.bool, torch.uint8, torch.float16], ids=str)
def test_the_place_of_a_single_one_is_the_class(dtype):
    one_hot = torch.eye(4)[[2, 0, 3]].to(dtype)
    assert find_labels((X, one_hot), "auto", 3).values.tolist() == [2, 0, 3]
    assert find_labels((X[:1], one_hot[:1]), 1, 1).values.tolist() == [2]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_one_hot_rows_are_the_classes_they_were_made_of(classes):
    one_hot = torch.nn.functional.one_hot(torch.tensor(classes), 6)
    assert find_labels({"y": one_hot}, "y", len(classes)).values.tolist() == classes


@pytest.mark.parametrize(
    "missing", [None, float("nan"), np.float32("nan"), np.datetime64("NaT")], ids=["None", "nan", "float32", "NaT"]
)
def test_texts_may_be_missing(missing):
    missing = missing if not isinstance(missing, np.datetime64) else type("NaTType", (), {})()
    for values in (["cat", missing, "dog"], np.array(["cat", missing, "dog"], dtype=object)):
        assert find_labels((X, values), "auto", 3).values == ["cat", None, "dog"]


def test_texts_are_texts_in_whatever_array_they_come():
    expected = ["cat", "dog", ""]
    for values in (
        expected,
        tuple(expected),
        np.array(expected),
        np.array(expected, dtype=object),
        [b"cat", b"dog", b""],
    ):
        assert find_labels({"label": values}, "auto", 3).values == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1, None, 2], [1, MISSING, 2]), ([None, None, None], [MISSING] * 3), ([True, None, False], [1, MISSING, 0])],
    ids=str,
)
def test_numbers_may_be_missing(values, expected):
    found = find_labels((X, values), 1, 3).values
    assert found.dtype == torch.int64
    assert found.tolist() == expected


def test_real_numbers_stay_real():
    for values in (
        [0.5, None, 2],
        [np.float32(0.5), float("nan"), np.int64(2)],
        np.array([0.5, np.nan, 2], dtype=">f4"),
    ):
        found = find_labels((X, values), 1, 3).values
        assert found.is_floating_point()
        np.testing.assert_array_equal(found, [0.5, np.nan, 2])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["<i4", ">i4", "u1", "<u2", ">u4", "u8", "?", "f2", ">f8", "g"])
def test_arrays_of_every_kind_of_number_are_labels(kind):
    values = np.array([1, 0, 1], dtype=kind)
    values.flags.writeable = False
    assert find_labels((X, values), "auto", 3).values.tolist() == [1, 0, 1]
    assert find_labels((X, values[::-1]), "auto", 3).values.tolist() == [1, 0, 1]


@pytest.mark.parametrize("dtype", [torch.uint16, torch.uint32, torch.uint64, torch.int8, torch.bfloat16], ids=str)
def test_tensors_of_rare_types_are_labels_of_which_rows_can_be_taken(dtype):
    values = find_labels((X, torch.tensor([1, 0, 1]).to(dtype)), "auto", 3).values
    assert values.index_select(0, torch.tensor([2, 1])).tolist() == [1, 0]


def test_the_number_that_losses_ignore_is_no_class():
    assert np.isnan(known_labels(np.array([3, MISSING]))).tolist() == [False, True]
    assert known_labels(np.array([0.5, -100.0])).tolist() == [0.5, -100.0]  # real numbers may be anything
    assert known_labels(np.array([3, 1])).dtype == np.int64


@given(st.lists(st.one_of(st.none(), st.text(max_size=5)), max_size=6))
def test_texts_come_back_from_their_numbers(values):
    labels = TextLabels()
    assert labels.decode(labels.encode(values)).tolist() == values


@given(st.lists(st.text(max_size=5), min_size=1, max_size=6))
def test_numbers_of_texts_are_the_same_in_every_process(values):
    assert TextLabels().encode(values).tolist() == TextLabels().encode(values).tolist()
    assert MISSING not in TextLabels().encode(values).tolist()
    assert len(set(TextLabels().encode(values).tolist())) == len(set(values))


BIG = 2**63 + 5


@pytest.mark.parametrize(
    "values",
    [
        torch.from_numpy(np.array([3, BIG], dtype=np.uint64)),
        np.array([3, BIG], dtype=np.uint64),
        [3, BIG],
        [np.uint64(3), np.uint64(BIG)],
    ],
    ids=["tensor", "array", "list", "numbers"],
)
def test_labels_too_large_for_an_integer_of_torch_are_text(values):
    found = find_labels((torch.zeros(2, 2), values), "auto", 2)
    assert found.values == ["3", str(BIG)]


def test_numbers_of_batches_without_a_large_one_are_text_beside_it():
    text = TextLabels()
    codes = torch.cat([text.encode(["3", str(BIG)]), torch.tensor([3, MISSING])])
    assert text.decode(codes).tolist() == ["3", str(BIG), "3", None]


@pytest.mark.parametrize("dtype", [torch.uint16, torch.uint32, torch.uint64], ids=str)
def test_unsigned_labels_are_taken(dtype):
    assert take_labels(torch.arange(4).to(dtype), np.array([1, 3])).tolist() == [1, 3]
