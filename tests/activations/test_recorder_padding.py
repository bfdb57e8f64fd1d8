"""Padding never counts: padded sequences give what each of them gives alone, however much they are padded."""

import numpy as np
import pytest
import torch
from recording_tools import generator
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.data import DataLoader

from topocallback.activations.indices import BatchIndices
from topocallback.activations.options import ValidationOptions
from topocallback.activations.positions import Positions
from topocallback.activations.recorder import ActivationRecorder
from topocallback.activations.validation import ValidationRecorder

LENGTHS = [3, 1, 6, 2, 5, 4, 6, 2, 1, 3, 4, 5]
N, WIDTH, LONGEST = len(LENGTHS), 8, 9

POOLINGS = [
    "auto",
    "max_norm",
    "random",
    "mean",
    "token",
    "last",
    Positions(3),
    lambda a: a.reshape(len(a), -1, a.shape[-1]).mean(dim=1),
]
NAMES = ["auto", "max_norm", "random", "mean", "token", "last", "Positions", "function"]


def sentences():
    return [torch.randn(length, WIDTH, generator=generator(i)) for i, length in enumerate(LENGTHS)]


def padded(indices, longest, left=False):
    """(n, longest, WIDTH) sentences, and (n, longest) which positions are theirs."""
    x = torch.zeros(len(indices), longest, WIDTH)
    inside = torch.zeros(len(indices), longest, dtype=torch.bool)
    for row, index in enumerate(indices):
        own = sentences()[index]
        where = slice(longest - len(own), longest) if left else slice(len(own))
        x[row, where], inside[row, where] = own, True
    return x, inside


class Encoder(nn.Module):
    """Every position for itself, so that nothing but pooling can bring padding in."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(WIDTH, 5)
        self.act = nn.Tanh()
        self.norm = nn.LayerNorm(5)

    def forward(self, x, *rest, **more):
        return self.norm(self.act(self.first(x) + 1))


def batch_of(form, x, inside, indices):
    """A batch as people make it."""
    lengths, y = inside.sum(dim=1), torch.tensor(indices) % 3
    added = torch.zeros(inside.shape).masked_fill(~inside, float("-inf"))
    return {
        "attention_mask": {"x": x, "attention_mask": inside.long(), "y": y},
        "attention_mask of real numbers": {"x": x, "attention_mask": inside.float(), "y": y},
        "attention_mask that is added": {"x": x, "attention_mask": added, "y": y},
        "attention_mask that is added, per head": {"x": x, "attention_mask": added[:, None, None], "y": y},
        "array": {"x": x, "attention_mask": inside.numpy(), "y": y},
        "padding_mask": {"x": x, "padding_mask": ~inside, "y": y},
        "padding_mask of numbers": {"x": x, "src_key_padding_mask": (~inside).long(), "y": y},
        "padding_mask that is added": {"x": x, "key_padding_mask": added, "y": y},
        "lengths": {"x": x, "lengths": lengths, "y": y},
        "lengths as a list": {"x": x, "lengths": lengths.tolist(), "y": y},
        "lengths as an array": {"x": x, "seq_lens": lengths.numpy(), "y": y},
        "lengths in a column": {"x": x, "lengths": lengths[:, None], "y": y},
        "lengths in a tuple": (x, lengths, y),
        "lengths at the end of a tuple": (x, y, lengths),
        "mask in a tuple": (x, inside, y),
        "mask of padding in a tuple": (x, ~inside, y),
        "mask of numbers in a tuple": (x, inside.float(), y),
    }[form]


MASKS = [
    "attention_mask", "attention_mask of real numbers", "attention_mask that is added",
    "attention_mask that is added, per head", "array", "padding_mask", "padding_mask of numbers",
    "padding_mask that is added", "mask in a tuple", "mask of padding in a tuple", "mask of numbers in a tuple",
]  # fmt: skip
LENGTHS_IN = [
    "lengths", "lengths as a list", "lengths as an array", "lengths in a column", "lengths in a tuple",
    "lengths at the end of a tuple",
]  # fmt: skip


def alone(pooling):
    """What every sentence gives without any padding."""
    with ActivationRecorder(Encoder(), "**", n_samples=N, pooling=pooling) as recorder, torch.no_grad():
        for sentence in sentences():
            recorder.start_batch(1)
            recorder.module(sentence[None])
    return recorder.point_clouds()


def validated(form, pooling, batch_size, longest=LONGEST, left=False):
    """What a validation records of padded batches."""
    loader = DataLoader(range(N), batch_size=batch_size, collate_fn=list)
    options = ValidationOptions("**", pooling, n_samples=N)
    model = Encoder()
    with ValidationRecorder(model, options, BatchIndices(loader)) as recorder, torch.no_grad():
        for indices in loader:
            x, inside = padded(indices, longest or max(LENGTHS[i] for i in indices), left)
            recorder.start_batch(batch_of(form, x, inside, indices), 0)
            model(x)
            recorder.end_batch()
    return recorder


def assert_close(clouds, expected):
    assert clouds.problems == {}
    assert clouds.sample_ids.tolist() == expected.sample_ids.tolist()
    for layer in expected.layers:
        np.testing.assert_array_equal(clouds.owners_of(layer), expected.owners_of(layer))
        np.testing.assert_allclose(clouds.clouds[layer], expected.clouds[layer], atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS, ids=NAMES)
@pytest.mark.parametrize("form", [*MASKS, *LENGTHS_IN])
def test_padded_sequences_give_what_each_gives_alone(form, pooling):
    recorder = validated(form, pooling, batch_size=5)
    assert_close(recorder.recording().to_point_clouds(), alone(pooling))
    assert recorder.recording().to_point_clouds().labels.tolist() == [i % 3 for i in range(N)]


@pytest.mark.parametrize("pooling", POOLINGS, ids=NAMES)
@pytest.mark.parametrize("form", MASKS)
def test_padding_on_the_left_does_not_count_either(form, pooling):
    assert_close(validated(form, pooling, batch_size=5, left=True).recording().to_point_clouds(), alone(pooling))


@pytest.mark.parametrize("batch_size", [1, 2, 64])
@pytest.mark.parametrize("longest", [None, 6, 20], ids=["as long as needed", "as long as the longest", "long"])
@pytest.mark.parametrize(
    "form",
    [
        "attention_mask",
        "lengths",
        "padding_mask",
        "lengths in a tuple",
        "mask in a tuple",
        "mask of padding in a tuple",
    ],
)
def test_batch_size_and_length_of_padding_do_not_matter(form, batch_size, longest):
    for pooling in ("mean", "random", "last"):
        recorder = validated(form, pooling, batch_size, longest)
        assert_close(recorder.recording().to_point_clouds(), alone(pooling))
        assert recorder.recording().to_point_clouds().labels.tolist() == [i % 3 for i in range(N)]


def test_what_a_padded_position_holds_does_not_matter():
    class Spoilt(Encoder):
        def forward(self, x, inside):
            return self.norm(self.first(x).masked_fill(~inside[..., None], float("nan")))

    for pooling in POOLINGS[:-1]:
        model = Spoilt()
        with ActivationRecorder(model, "norm", n_samples=N, pooling=pooling) as recorder, torch.no_grad():
            x, inside = padded(range(N), LONGEST)
            recorder.start_batch(N, mask=inside)
            model(x, inside)
        assert np.isfinite(recorder.point_clouds().clouds["norm"]).all()


def test_a_sample_that_is_all_padding_gives_nan_and_leaves_the_others_alone():
    x, inside = padded(range(N), LONGEST)
    inside[4] = False
    for pooling in POOLINGS[:6]:
        with ActivationRecorder(Encoder(), "norm", n_samples=N, pooling=pooling) as recorder, torch.no_grad():
            recorder.start_batch(N, mask=inside)
            recorder.module(x)
        rows = recorder.point_clouds().clouds["norm"]
        assert np.isnan(rows).any(axis=1).nonzero()[0].tolist() == [4]
    with ActivationRecorder(Encoder(), "norm", n_samples=N, pooling=Positions(2)) as recorder, torch.no_grad():
        recorder.start_batch(N, mask=inside)
        recorder.module(x)
    assert 4 not in recorder.point_clouds().owners_of("norm").tolist()


# -- What tells --------------------------------------------------------------------------------------------------------


class Packed(nn.Module):
    def __init__(self, batch_first, packs):
        super().__init__()
        torch.manual_seed(0)
        self.lstm = nn.LSTM(WIDTH, 5, batch_first=batch_first)
        self.head = nn.Linear(5, 3)
        self.packs = packs

    def forward(self, x, lengths):
        first = self.lstm.batch_first
        if self.packs:
            x = pack_padded_sequence(x, lengths, batch_first=first, enforce_sorted=False)
        output = self.lstm(x)[0]
        if self.packs:
            return self.head(output.data)
        return self.head(output)


@pytest.mark.parametrize("pooling", POOLINGS, ids=NAMES)
@pytest.mark.parametrize("packs", [True, False], ids=["packed", "padded"])
@pytest.mark.parametrize("batch_first", [True, False], ids=["samples first", "steps first"])
@pytest.mark.parametrize("batch_size", [1, 6, 12])
def test_recurrent_layers_give_one_vector_per_sequence_without_anybody_saying_so(
    pooling, packs, batch_first, batch_size
):
    model = Packed(batch_first, packs)

    def run(size, longest):
        with ActivationRecorder(model, "**", n_samples=N, pooling=pooling) as recorder, torch.no_grad():
            for start in range(0, N, size):
                indices = range(start, start + size)
                x, inside = padded(indices, max(LENGTHS[start : start + size]) if packs else longest)
                lengths = inside.sum(dim=1)
                model(x if batch_first else x.transpose(0, 1), lengths)
        return recorder.point_clouds()

    expected = None
    with ActivationRecorder(model, "**", n_samples=N, pooling=pooling) as recorder, torch.no_grad():
        for sentence in sentences():
            recorder.start_batch(1)
            model(sentence[None] if batch_first else sentence[:, None], torch.tensor([len(sentence)]))
    expected = recorder.point_clouds()
    assert_close(run(batch_size, 6), expected)
    assert_close(run(batch_size, LONGEST), expected)


class Transformer(nn.Module):
    def __init__(self, batch_first, by_name):
        super().__init__()
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, dropout=0.0, batch_first=batch_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.by_name = by_name

    def forward(self, x, inside):
        if self.by_name:
            return self.encoder(x, src_key_padding_mask=~inside)
        return self.encoder(x, None, ~inside)


@pytest.mark.parametrize("by_name", [True, False], ids=["by name", "by position"])
@pytest.mark.parametrize("batch_first", [True, False], ids=["samples first", "steps first"])
def test_the_mask_that_a_layer_is_given_is_the_batchs(by_name, batch_first):
    model = Transformer(batch_first, by_name).train()  # without the fast path, which calls no inner layers
    layers = ["encoder.layers.?", "encoder.layers.?.linear1", "encoder.layers.?.norm1", "encoder"]
    for pooling in ("mean", "random", "token", "last"):
        with ActivationRecorder(model, layers, n_samples=N, pooling=pooling) as recorder, torch.no_grad():
            for start in range(0, N, 4):
                x, inside = padded(range(start, start + 4), LONGEST)
                recorder.start_batch(4)
                model(x if batch_first else x.transpose(0, 1), inside)
        with ActivationRecorder(model, layers, n_samples=N, pooling=pooling) as single, torch.no_grad():
            for sentence in sentences():
                single.start_batch(1)
                x = sentence[None] if batch_first else sentence[:, None]
                model(x, torch.ones(1, len(sentence), dtype=torch.bool))
        assert_close(recorder.point_clouds(), single.point_clouds())


class ReadsTokens(nn.Module):
    """Embeds tokens, changes what the embedding gave in place, and makes its mask for itself."""

    def __init__(self, way):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(20, WIDTH, padding_idx=0 if way == "embedding" else None)
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.block = AttentionBlock()
        self.gru = nn.GRU(WIDTH, 5, batch_first=True)
        self.way = way

    def forward(self, tokens):
        x = self.embedding(tokens)
        x.mul_(2)
        if self.way == "embedding":
            return self.gru(x)[0]
        if self.way == "attention":
            return self.block(x, tokens == 0)
        return self.encoder(x, src_key_padding_mask=tokens == 0)


class AttentionBlock(nn.Module):
    """A block of one's own, whose mask has a name of its own."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True)

    def forward(self, x, ignored):
        return x + self.attention(x, x, x, key_padding_mask=ignored)[0]


LAST_LAYERS = {"embedding": "gru", "attention": "block", "encoder": "encoder.layers.0"}


def tokens_of(indices):
    """(n, longest) tokens, zeros behind each sentence."""
    longest = max(LENGTHS[i] for i in indices)
    return torch.tensor([[1 + (7 * i + j) % 19 if j < LENGTHS[i] else 0 for j in range(longest)] for i in indices])


@pytest.mark.parametrize("pooling", POOLINGS, ids=NAMES)
@pytest.mark.parametrize("way", LAST_LAYERS)
def test_what_tells_of_padding_later_in_a_batch_holds_for_the_layers_before_it(way, pooling):
    model = ReadsTokens(way).eval()
    layers = ["embedding", LAST_LAYERS[way]]

    def recorded(batches):
        with ActivationRecorder(model, layers, n_samples=N, pooling=pooling) as recorder, torch.no_grad():
            for batch in batches:
                recorder.start_batch(len(batch))
                model(tokens_of(batch))
                recorder.end_batch()
        assert all("masked" in said or pooling == POOLINGS[-1] for said in recorder.pooled.values())
        assert recorder.counting_positions() == []
        return recorder.point_clouds()

    assert_close(recorded([range(5), range(5, N)]), alone_in(model, layers, pooling))


def alone_in(model, layers, pooling):
    """What every sentence gives in a batch of its own, where there is no padding."""
    with ActivationRecorder(model, layers, n_samples=N, pooling=pooling) as recorder, torch.no_grad():
        for i in range(N):
            recorder.start_batch(1)
            model(tokens_of([i]))
    return recorder.point_clouds()


def test_an_encoder_that_is_called_alone_says_its_mask_as_well():
    model = ReadsTokens("encoder").eval()
    with ActivationRecorder(model, ["embedding", "encoder.layers.0.norm2"], n_samples=N) as recorder, torch.no_grad():
        tokens = tokens_of(range(N))
        recorder.start_batch(N)
        x = model.embedding(tokens)
        model.encoder(2 * x, src_key_padding_mask=tokens == 0)
        recorder.end_batch()
    expected = alone_in(model, ["embedding", "encoder.layers.0.norm2"], "auto")
    assert_close(recorder.point_clouds(), expected)


def test_a_second_call_takes_the_place_of_a_first_one_that_waits():
    model = ReadsTokens("encoder").eval()
    for calls, expected in (("first", 1.0), ("last", 2.0)):
        with ActivationRecorder(model, "embedding", n_samples=2, calls=calls) as recorder, torch.no_grad():
            model.embedding.weight.fill_(1.0)
            recorder.start_batch(2)
            model.embedding(torch.tensor([[1, 2], [3, 4]]))
            model.embedding.weight.fill_(2.0)
            model.embedding(torch.tensor([[1, 2], [3, 4]]))
            recorder.end_batch()
        assert (recorder.point_clouds().clouds["embedding"] == expected).all()


def test_padding_that_nothing_tells_is_said():
    loader = DataLoader(range(N), batch_size=6, collate_fn=list)
    model = Encoder()
    with ValidationRecorder(model, ValidationOptions("**", n_samples=N), BatchIndices(loader)) as recorder:
        for indices in loader:
            x, _ = padded(indices, LONGEST)
            recorder.start_batch((x, torch.tensor(indices) % 3), 0)
            model(x)
            recorder.end_batch()
    [note] = recorder.notes()
    assert "sequences look padded, and padding counts in the clouds of" in note


def test_spectrograms_are_padded_behind_their_channels():
    class Convolutions(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(WIDTH, 5, 1)
            self.act = nn.GELU()

        def forward(self, x):
            return self.act(self.conv(x))

    model = Convolutions()
    loader = DataLoader(range(N), batch_size=5, collate_fn=list)
    for form in ("lengths", "lengths in a tuple", "attention_mask", "mask in a tuple"):
        with ValidationRecorder(model, ValidationOptions("**", "mean", n_samples=N), BatchIndices(loader)) as recorder:
            for indices in loader:
                x, inside = padded(indices, LONGEST)
                recorder.start_batch(batch_of(form, x.transpose(1, 2), inside, indices), 0)
                model(x.transpose(1, 2))
                recorder.end_batch()
        clouds = recorder.recording().to_point_clouds()
        for layer, function in {"conv": model.conv, "act": model}.items():
            expected = [function(sentence.T[None])[0].mean(dim=1).detach().numpy() for sentence in sentences()]
            np.testing.assert_allclose(clouds.clouds[layer], expected, atol=1e-5)
        assert clouds.labels.tolist() == [i % 3 for i in range(N)]
