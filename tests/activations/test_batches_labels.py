"""What a batch itself says: how many samples it has, and their labels."""

import collections

import numpy as np
import pytest
import torch

from topocallback.activations.batches import batch_size, find_labels


def sketch(value):
    """A short name for a parameter: tensors by their shape."""
    if isinstance(value, torch.Tensor):
        return "x".join(map(str, value.shape)) or "scalar"
    if isinstance(value, dict):
        return f"{{{' '.join(f'{key}:{sketch(item)}' for key, item in value.items())}}}"
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__}({' '.join(map(sketch, value))})"
    return type(value).__name__ if isinstance(value, np.ndarray) else str(value)


# -- Sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch", "size"),
    [
        (torch.zeros(3, 2), 3),
        (torch.zeros(0, 2), 0),
        (torch.tensor(1.0), 1),
        ((torch.zeros(3, 2), torch.zeros(4)), 3),
        ([None, "text", torch.zeros(5)], 5),
        ({"x": torch.zeros(3, 2), "y": torch.zeros(3)}, 3),
        ({"x": {"pixels": torch.zeros(7, 2)}}, 7),
        (torch.eye(4).to_sparse(), 4),
        ("text", None),
        ([], None),
        (None, None),
        (np.zeros((3, 2)), None),
    ],
    ids=sketch,
)
def test_a_batch_is_as_large_as_its_first_tensor_is_long(batch, size):
    assert batch_size(batch) == size


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged], ids=str)
def test_a_nested_batch_is_as_large_as_its_number_of_tensors(layout):
    sentences = [torch.zeros(length, 3) for length in (2, 4, 3)]
    assert batch_size((torch.nested.nested_tensor(sentences, layout=layout), torch.zeros(3))) == 3


# -- Labels -----------------------------------------------------------------------------------------------------------

X = torch.zeros(3, 2)
Y = torch.tensor([1, 0, 2])
Batch = collections.namedtuple("Batch", ["x", "y"])


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
    ],
    ids=sketch,
)
def test_labels_are_found_where_they_are(batch, labels):
    found = find_labels(batch, labels, 3)
    assert found.shape == (3,)
    assert found.tolist() == [1, 0, 2]


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
        ((X, [1, 0, 2]), "auto"),
        ((X, Y[:2]), "auto"),
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


def test_a_batch_of_unknown_size_has_no_labels():
    assert find_labels((X, Y), 1, None) is None
    assert find_labels((X, Y), "auto", None) is None


def test_a_batch_of_one_sample_may_have_its_label_as_a_single_number():
    assert find_labels((X[:1], torch.tensor(4)), "auto", 1).tolist() == [4]


def test_an_empty_batch_has_no_label_for_each_of_no_samples():
    assert find_labels((X[:0], Y[:0]), 1, 0).tolist() == []


def test_labels_are_detached():
    assert not find_labels((X, torch.ones(3, requires_grad=True)), 1, 3).requires_grad


@pytest.mark.parametrize(
    ("batch", "labels", "has"),
    [
        ((X, Y), 2, "type tuple"),
        ((X, Y), "y", "type tuple"),
        ([X], 1, "type list"),
        ({"x": X, "y": Y}, "z", r"the keys \['x', 'y'\]"),
        ({"x": X}, 0, r"the keys \['x'\]"),
        (X, 5, "type Tensor"),
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
        (torch.zeros(2), r"shape \(2,\)"),
        (torch.zeros(3, 1, 1), r"shape \(3, 1, 1\)"),
        (torch.zeros(3, dtype=torch.complex64), r"shape \(3,\)"),
        ([1, 2, 3], "list"),
        ("abc", "str"),
        (None, "NoneType"),
    ],
    ids=sketch,
)
def test_a_place_with_something_else_is_an_error(value, got):
    with pytest.raises(ValueError, match=rf"`labels='y'` to hold one number for each of 3 samples, got {got}"):
        find_labels({"x": X, "y": value}, "y", 3)
