"""Slots: rows written as samples come, in memory that does not grow, and who has arrived."""

import numpy as np
import pytest
import torch

from topocallback.activations.samples import bottom_k, start_sample
from topocallback.activations.slots import Slots, arrived

N = 50


def write_all(sample, batches, width=2):
    """Slots after every kept row of every batch was written: a sample's row is its index, over and over."""
    slots = Slots(len(sample.ids))
    for ids in map(np.array, batches):
        rows, places = sample.admit(ids)
        values = torch.from_numpy(ids)[:, None].expand(-1, width).float()
        slots.write(places, ids[rows], values[torch.from_numpy(rows)])
    return slots


@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
def test_every_slot_holds_the_row_of_the_sample_it_says(length):
    sample = start_sample(8, length, seed=3)
    order = np.random.default_rng(0).permutation(N)
    slots = write_all(sample, [order[:7], order[:0], order[7:30], order[30:]])
    ids = arrived(sample, [slots])
    assert sorted(ids.tolist()) == bottom_k(N, 8, seed=3).tolist()
    assert slots.held.tolist() == ids.tolist()
    assert slots.rows.tolist() == [[index, index] for index in ids.tolist()]


def test_rows_stay_in_one_tensor_that_keeps_nothing_of_what_was_written():
    slots = Slots(3)
    first = torch.ones(2, 4)
    slots.write(np.array([0, 2]), np.array([5, 6]), first)
    tensor = slots.rows
    first.zero_()
    slots.write(np.array([2]), np.array([7]), torch.full((1, 4), 2.0))
    assert slots.rows is tensor
    assert tensor.tolist() == [[1.0] * 4, [0.0] * 4, [2.0] * 4]
    assert slots.held.tolist() == [5, -1, 7]


def test_a_first_batch_without_rows_decides_on_width_and_type_and_fills_no_slot():
    slots = Slots(2)
    slots.write(np.arange(0), np.arange(0), torch.zeros(0, 3, dtype=torch.int64))
    assert (slots.rows.shape, slots.rows.dtype, slots.held.tolist()) == ((2, 3), torch.int64, [-1, -1])
    slots.write(np.array([1]), np.array([9]), torch.full((1, 3), 2.9))
    assert slots.rows.tolist() == [[0, 0, 0], [2, 2, 2]]


def test_slots_may_hold_single_numbers():
    slots = Slots(2)
    slots.write(np.array([1]), np.array([4]), torch.tensor([7]))
    assert slots.rows.tolist() == [0, 7]


@pytest.mark.parametrize("first", [True, False], ids=["inference mode first", "inference mode second"])
def test_what_is_written_inside_of_inference_mode_can_be_written_to_outside_of_it(first):
    slots = Slots(2)
    for place, inference in enumerate((first, not first)):
        with torch.inference_mode(inference):
            slots.write(np.array([place]), np.array([place]), torch.full((1, 1), place + 1.0))
    assert slots.rows.tolist() == [[1.0], [2.0]]


def test_a_cleared_slot_holds_no_sample():
    slots = Slots(3)
    slots.write(np.arange(3), np.arange(3), torch.ones(3, 1))
    slots.clear(np.array([1]))
    assert slots.held.tolist() == [0, -1, 2]


# -- Who has arrived -------------------------------------------------------------------------------------------------


def test_samples_that_never_came_have_not_arrived():
    sample = start_sample(20, N, seed=0)
    ids = arrived(sample, [write_all(sample, [range(10)])])
    assert ids.tolist() == [index if index < 10 else -1 for index in sample.ids.tolist()]


def test_one_table_is_enough_to_have_arrived():
    sample = start_sample(4, 4, seed=0)
    tables = [Slots(4), Slots(4)]
    for table, index in zip(tables, (1, 3), strict=True):
        table.write(np.array([index]), np.array([index]), torch.ones(1, 1))
    assert arrived(sample, tables).tolist() == [-1, 1, -1, 3]


def test_a_row_of_a_sample_that_lost_its_slot_has_not_arrived():
    sample = start_sample(1, None, seed=0)
    first = bottom_k(N, 1, seed=0).tolist()
    second = [index for index in bottom_k(N, 2, seed=0).tolist() if index not in first]
    slots = write_all(sample, [second])
    assert arrived(sample, [slots]).tolist() == second
    sample.admit(np.array(first))  # takes the slot, and its row does not come
    assert arrived(sample, [slots]).tolist() == [-1]


def test_nobody_has_arrived_where_there_is_no_table_and_no_row():
    sample = start_sample(3, None, seed=0)
    assert arrived(sample, []).tolist() == arrived(sample, [Slots(3)]).tolist() == [-1, -1, -1]
