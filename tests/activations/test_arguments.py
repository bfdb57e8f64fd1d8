"""What a call is given, and what its arguments tell."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from topocallback.activations.arguments import (
    arguments_by_name,
    counts_of_nodes,
    mask_of_tokens,
    packed_in,
    says_its_size,
    told_of_padding,
)

PACKED = pack_sequence([torch.zeros(2), torch.zeros(1)])


class Model(nn.Module):
    def forward(self, x, *rest, lengths=None, **more):
        return x


def test_arguments_have_the_names_of_forward():
    assert arguments_by_name(Model(), (1, 2), {"lengths": 3, "z": 4}) == {
        "x": 1, "rest": (2,), "lengths": 3, "more": {"z": 4},
    }  # fmt: skip
    assert arguments_by_name(nn.Linear(1, 1), (1, 2), {}) == {"0": 1, "1": 2}  # a call that is about to fail
    scripted = torch.jit.script(nn.Linear(1, 1))
    assert 1 in arguments_by_name(scripted, (1,), {}).values()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"x": PACKED}, True),
        ({"rest": (torch.zeros(3), PACKED)}, True),
        ({"x": torch.zeros(3, 2), "edge_index": 0, "batch": torch.tensor([0, 0, 1])}, True),
        ({"x": torch.zeros(5, 3), "attention_mask": torch.ones(3, 5)}, True),
        ({"x": torch.zeros(5, 3)}, False),
        ({}, False),
    ],
)
def test_packed_sequences_graphs_and_masks_say_how_many_samples_there_are(arguments, expected):
    assert says_its_size(arguments) is expected


def test_packed_sequences_are_found_in_lists_and_mappings():
    assert len(list(packed_in([{"a": PACKED}, (PACKED, 3)]))) == 2
    assert list(packed_in(torch.zeros(3))) == []


def test_nodes_are_counted_for_as_many_graphs_as_there_are_samples():
    graphs = {"x": torch.zeros(3, 2), "batch": torch.tensor([0, 0, 1])}
    assert counts_of_nodes({"graphs": graphs}, 2).tolist() == [2, 1]
    assert counts_of_nodes(graphs, 3) is None
    assert counts_of_nodes(None, 3) is None


def test_only_what_holds_a_chosen_layer_is_asked_for_its_mask():
    first, second = nn.TransformerEncoderLayer(4, 1), nn.TransformerEncoderLayer(4, 1)
    model = nn.ModuleList([first, second, nn.Linear(1, 1), torch.jit.script(nn.Linear(1, 1))])
    assert told_of_padding(model, [first.linear1]) == [first]
    assert told_of_padding(model, [second.self_attn]) == [second, second.self_attn]
    assert told_of_padding(model, [model[2]]) == []


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 1, batch_first=True)

    def forward(self, x, padding):
        return self.attention(x, x, x, key_padding_mask=padding)[0]


def test_attention_inside_of_a_chosen_layer_is_asked_too_unless_it_would_compute_in_another_way():
    block, layer = Block(), nn.TransformerEncoderLayer(4, 1)
    model = nn.Sequential(block, nn.Sequential(layer))
    assert told_of_padding(model, [block]) == [block.attention]
    assert told_of_padding(model, [model[1]]) == []
    assert told_of_padding(model, [layer]) == [layer]


def test_embeddings_that_know_which_token_pads_are_asked_wherever_they_are():
    model = nn.ModuleList([nn.Embedding(5, 2, padding_idx=1), nn.Embedding(5, 2), nn.Linear(2, 2)])
    assert told_of_padding(model, [model[2]]) == [model[0]]


def test_an_embeddings_tokens_say_what_is_padding():
    embedding, tokens = nn.Embedding(5, 2, padding_idx=1), torch.tensor([[3, 0, 1], [4, 1, 1]])
    expected = [[True, True, False], [True, False, False]]
    assert mask_of_tokens(embedding, (tokens,), {}, 2).tolist() == expected
    assert mask_of_tokens(embedding, (), {"input": tokens}, 2).tolist() == expected
    assert mask_of_tokens(embedding, (tokens.T,), {}, 2, transposed=True).tolist() == expected
    for other in (tokens.T, tokens[0], tokens[None], None):
        assert mask_of_tokens(embedding, (other,), {}, 2) is None
    assert mask_of_tokens(nn.Embedding(5, 2), (tokens,), {}, 2) is None
