"""The batch that is running: its samples, and what is known of the rows that layers give for them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from topocallback.activations.current_batch import Arrangements, CurrentBatch
from topocallback.activations.samples import KnownSample
from topocallback.activations.views import VIEWS_FIRST

X, Y = torch.rand(3, 5, generator=torch.Generator().manual_seed(0)), torch.arange(3)
PACKED = pack_sequence([torch.zeros(n) for n in (3, 2, 1)])
PADDING = torch.tensor([[False, True], [False, False], [False, True]])


def begun(content=(X, Y), mask=None, others=(), size=3, arrangements=None, rows_are_samples=False):
    batch = CurrentBatch(content, mask, others, None, Arrangements() if arrangements is None else arrangements)
    batch.admit(KnownSample(10, 10, seed=0), np.arange(size), rows_are_samples=rows_are_samples)
    return batch


def test_a_batch_of_which_nothing_is_kept_is_empty_once_that_is_known():
    batch = CurrentBatch((X, Y), None, (), None, {})
    assert not batch.is_empty
    batch.admit(KnownSample(2, 2, seed=0), np.array([5, 6, 7]), rows_are_samples=False)
    assert batch.is_empty


def test_calls_on_samples_of_other_loaders_are_not_the_batchs():
    other = torch.rand(3, 5)
    batch = begun(others=[other])
    assert batch.owns((X,))
    assert batch.owns((X, 3, {"more": Y}))
    assert not batch.owns((other,))
    assert not batch.owns((X, other))
    assert not batch.owns((X + 1,))
    assert begun().owns((other,))


def test_packed_sequences_and_graphs_are_seen_in_the_batch():
    assert begun({"x": PACKED}).rows.packed is PACKED
    graphs = {"x": torch.zeros(4, 2), "batch": torch.tensor([0, 1, 1, 2])}
    assert begun((graphs, Y)).rows.node_counts.tolist() == [1, 2, 1]
    assert begun((graphs, Y), rows_are_samples=True).rows.node_counts is None


def test_packed_sequences_are_seen_in_a_call_and_in_a_layers():
    batch = begun()
    batch.look_at_call(nn.Identity(), (PACKED,))
    assert batch.rows.packed is PACKED
    batch = begun()
    batch.look_at_layer(nn.Identity(), (PACKED,), {})
    assert batch.rows.packed is PACKED


def test_views_are_looked_for_once_per_module_and_number():
    module, arrangements = nn.Identity(), Arrangements()
    batch = begun(([X, X + 1], Y), arrangements=arrangements)
    batch.look_at_call(module, (torch.cat([X, X + 1]),))
    assert (batch.rows.views, batch.rows.arrangement) == (2, VIEWS_FIRST)
    assert list(arrangements.views.values()) == [VIEWS_FIRST]
    batch.look_at_call(module, (X,))
    assert (batch.rows.views, batch.rows.arrangement) == (1, None)
    again = begun((X, Y), arrangements=arrangements)
    again.look_at_call(module, (torch.zeros(6, 5),))
    assert again.rows.arrangement == VIEWS_FIRST


@pytest.mark.parametrize("args", [(), (3,), (torch.tensor(1.0),), (torch.zeros(7, 5),), (torch.zeros(0, 5),), ("x",)])
def test_whatever_a_call_is_given_is_no_views(args):
    batch = begun()
    batch.look_at_call(nn.Identity(), args)
    assert batch.rows.views == 1


@pytest.mark.parametrize("mask", [PADDING, PADDING.long(), PADDING.float(), PADDING.float() * -1e9], ids=str)
def test_the_mask_that_a_layer_is_told_holds_for_the_batch(mask):
    layer = nn.TransformerEncoderLayer(4, 1, 4, batch_first=True)
    batch = begun()
    batch.look_at_layer(layer, (X,), {"src_key_padding_mask": mask})
    assert batch.rows.inside.tolist() == (~PADDING).tolist()
    batch = begun()
    batch.look_at_input(layer, (X, None, mask), {})
    assert batch.rows.inside.tolist() == (~PADDING).tolist()


def test_what_the_batch_says_stays_and_a_layers_own_comes_first_for_it():
    own = torch.ones(3, 2).bool()
    batch = begun(mask=own)
    batch.look_at_layer(nn.TransformerEncoderLayer(4, 1), (X,), {"src_key_padding_mask": PADDING})
    assert batch.rows.inside is own
    assert [mask.tolist() for mask in batch.masks] == [(~PADDING).tolist(), own.tolist()]
    batch.look_at_layer(nn.Identity(), (X,), {})
    assert [mask.tolist() for mask in batch.masks] == [own.tolist()]


def test_a_mask_of_keys_is_not_one_of_queries():
    attention, batch = nn.MultiheadAttention(4, 1), begun()
    batch.look_at_layer(attention, (X, X + 1, X), {"key_padding_mask": PADDING})
    assert batch.masks == []
    batch.look_at_layer(attention, (X, X, X), {"key_padding_mask": PADDING})
    assert len(batch.masks) == 2


@pytest.mark.parametrize("mask", ["text", torch.zeros(3), torch.zeros(4, 2), torch.zeros(3, 2, 2), None], ids=str)
def test_what_is_no_mask_is_none(mask):
    batch = begun()
    batch.look_at_input(nn.TransformerEncoderLayer(4, 1), (X,), {"src_key_padding_mask": mask})
    assert batch.masks == []
