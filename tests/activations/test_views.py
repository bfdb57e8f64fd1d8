"""Several rows per sample in one call: which row is which sample's, and what is not known."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recording_tools import generator
from torch import nn

from topocallback.activations.recorder import ActivationRecorder
from topocallback.activations.views import SAMPLES_FIRST, VIEWS_FIRST, find_arrangement, split_views

SIZES = st.integers(2, 6)


def rows(*shape):
    return torch.rand(shape, generator=generator(sum(shape)))


@given(SIZES, SIZES)
def test_joined_views_have_all_first_views_first(n, k):
    views = rows(k, n, 3).unbind()
    assert find_arrangement(torch.cat(views), views, n) == VIEWS_FIRST


@given(SIZES, SIZES)
def test_flattened_samples_have_all_views_of_the_first_sample_first(n, k):
    stack = rows(n, k, 2, 2)
    assert find_arrangement(stack.flatten(0, 1), [stack, torch.arange(n)], n) == SAMPLES_FIRST
    assert find_arrangement(stack.transpose(0, 1).flatten(0, 1), [stack], n) == VIEWS_FIRST


@given(SIZES, SIZES.filter(lambda k: k % 2))
def test_views_may_come_stacked_before_the_samples(n, k):
    stack = rows(k, n, 3)
    if k != n:
        assert find_arrangement(stack.flatten(0, 1), [stack], n) == VIEWS_FIRST
        assert find_arrangement(stack.transpose(0, 1).flatten(0, 1), [stack], n) == SAMPLES_FIRST


@given(SIZES, SIZES)
def test_rows_of_another_arrangement_are_never_guessed(n, k):
    views = rows(k, n, 3).unbind()
    mixed = torch.cat(views).roll(1, 0)
    assert find_arrangement(mixed, views, n) is None
    assert find_arrangement(torch.cat(views) * 2, views, n) is None
    assert find_arrangement(torch.cat(views), views[:-1], n) is None
    assert find_arrangement(torch.cat(views), [], n) is None


def test_rows_that_are_all_alike_do_not_tell():
    stack = torch.zeros(4, 2, 3)
    assert find_arrangement(stack.flatten(0, 1), [stack], 4) is None


def test_rows_of_one_sample_are_its_own_in_any_arrangement():
    assert find_arrangement(rows(3, 5), [], 1) is not None


def test_views_in_another_precision_are_recognised():
    views = rows(2, 4, 3).double().unbind()
    assert find_arrangement(torch.cat(views).half(), views, 4) == VIEWS_FIRST
    whole = torch.randint(0, 255, (2, 4, 3), dtype=torch.uint8, generator=generator(0)).unbind()
    assert find_arrangement(torch.cat(whole).float(), whole, 4) == VIEWS_FIRST


def test_sparse_rows_are_not_looked_at():
    assert find_arrangement(torch.eye(8).to_sparse(), [torch.eye(4).to_sparse()], 4) is None


@given(SIZES, SIZES)
def test_parts_have_one_row_per_sample(n, k):
    output = rows(n, k, 3)
    for view in range(k):
        assert torch.equal(split_views(output.flatten(0, 1), n, SAMPLES_FIRST)[view], output[:, view])
        assert torch.equal(split_views(output.transpose(0, 1).flatten(0, 1), n, VIEWS_FIRST)[view], output[:, view])


# -- Recorded ----------------------------------------------------------------------------------------------------------


def record_views(join, calls, sizes=(4, 4, 1), k=2):
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    with ActivationRecorder(model, "*", n_samples=99, calls=calls) as recorder, torch.no_grad():
        for number, size in enumerate(sizes):
            views = rows(k, size, 3 + 0 * number)
            recorder.start_batch(size, batch=(list(views), torch.arange(size)))
            model(join(views))
            recorder.end_batch()
    expected = [torch.cat([model(rows(k, size, 3)[view]) for size in sizes]).detach() for view in range(k)]
    return recorder.point_clouds(), expected


@pytest.mark.parametrize("join", [lambda v: v.flatten(0, 1), lambda v: torch.cat(list(v))], ids=["flatten", "cat"])
@pytest.mark.parametrize(("calls", "view"), [("first", 0), ("last", 1)])
def test_one_view_of_each_sample_is_recorded(join, calls, view):
    clouds, expected = record_views(join, calls)
    assert clouds.problems == {}
    torch.testing.assert_close(torch.from_numpy(clouds.clouds["1"]), expected[view])


def test_each_view_is_a_cloud_of_its_own():
    clouds, expected = record_views(lambda v: v.flatten(0, 1), "each", k=3)
    assert clouds.layers == ("0@0", "0@1", "0@2", "1@0", "1@1", "1@2")
    for view in range(3):
        torch.testing.assert_close(torch.from_numpy(clouds.clouds[f"1@{view}"]), expected[view])


def test_rows_that_cannot_be_told_apart_cost_the_layer_and_say_why():
    clouds, _ = record_views(lambda v: torch.cat(list(v)) + torch.randn(1), "first", sizes=(4, 4))
    assert clouds.layers == ()
    assert "which of 8 rows is which of the batch's 4 samples" in clouds.problems["0"]
