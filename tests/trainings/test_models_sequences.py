"""Networks on sequences: padding counts nowhere, or it is said that it does."""

from __future__ import annotations

import functools

import pytest
import torch
from own_clouds import Learns, Own, mean, of_largest_norm, raw, train_and_compare, up_to
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_sequence, unpack_sequence
from torch.utils.data import DataLoader, TensorDataset

N = 36
WORDS = 20


def lengths_of(longest: int = 9) -> list[int]:
    return [2 + (5 * i) % (longest - 1) for i in range(N)]


def sequences(width: int = 3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(length, width, generator=generator) for length in lengths_of()]


# -- Recurrent networks -----------------------------------------------------------------------------------------------


class OnPacked(Learns):
    """An LSTM on packed sequences, and a layer on its steps."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 5, batch_first=True)
        self.head = nn.Linear(5, 2)

    def step(self, batch):
        _, (last, _) = self.lstm(self.packed(batch))
        return self.head(last[-1])

    def packed(self, batch):
        return batch[0]


class PacksItself(OnPacked):
    """Packs padded sequences inside."""

    def packed(self, batch):
        padded, lengths, _ = batch
        return pack_padded_sequence(padded, lengths.cpu(), batch_first=True, enforce_sorted=False)


def packed_loader() -> DataLoader:
    def collate(items):
        return pack_sequence([item for item, _ in items], enforce_sorted=False), torch.tensor([y for _, y in items])

    return DataLoader([(sequence, i % 3) for i, sequence in enumerate(sequences())], 8, collate_fn=collate)


def padded_loader() -> DataLoader:
    def collate(items):
        lengths = torch.tensor([len(item) for item, _ in items])
        padded = pad_sequence([item for item, _ in items], batch_first=True)
        return padded, lengths, torch.tensor([y for _, y in items])

    return DataLoader([(sequence, i % 3) for i, sequence in enumerate(sequences())], 8, collate_fn=collate)


def of_packed(vector) -> Own:
    """One vector of every sequence's own steps."""

    def own(seen):
        return torch.stack([vector(steps) for steps in unpack_sequence(seen.outputs["lstm"][0][0])])

    return own


def mean_of_packed() -> Own:
    own = of_packed(lambda steps: steps.double().mean(0))
    own.rounds = True
    return own


@pytest.mark.scenario("an LSTM on packed sequences, which the batch holds")
def test_packed_sequences_in_the_batch_count_their_own_steps(tmp_path):
    own = {"lstm": mean_of_packed(), "head": raw("head")}
    watched = train_and_compare(tmp_path, OnPacked, packed_loader(), own)
    assert watched.warnings == []
    last = {"lstm": of_packed(lambda steps: steps[-1])}
    assert train_and_compare(tmp_path / "last", OnPacked, packed_loader(), last, pooling="last").warnings == []


@pytest.mark.scenario("an LSTM on sequences that the model packs itself")
def test_sequences_that_are_packed_inside_count_their_own_steps(tmp_path):
    own = {"lstm": mean_of_packed(), "head": raw("head")}
    assert train_and_compare(tmp_path, PacksItself, padded_loader(), own).warnings == []


class Sorts(PacksItself):
    """Sorts its sequences by length before it packs them, and puts the last states back."""

    def step(self, batch):
        padded, lengths, _ = batch
        lengths, order = lengths.sort(descending=True)
        _, (last, _) = self.lstm(pack_padded_sequence(padded[order], lengths, batch_first=True))
        return self.head(last[-1][order.argsort()])


@pytest.mark.scenario("sequences that the model sorts by length: that layer is left out, and it is said why")
def test_sequences_in_another_order_than_the_batch_are_not_taken_for_it(tmp_path):
    watched = train_and_compare(tmp_path, Sorts, padded_loader(), {"head": raw("head")}, layers=["lstm", "head"])
    assert ["layer 'lstm' was left out" in one and "sorted by length" in one for one in watched.warnings] == [True]


class OnPadded(Learns):
    """A GRU on padded sequences, whose lengths nothing in the model reads."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 5, batch_first=True)
        self.norm = nn.LayerNorm(5)

    def step(self, batch):
        return self.norm(self.gru(batch[0])[0])


@pytest.mark.scenario("a GRU on `(x, lengths, y)`")
def test_lengths_beside_padded_sequences_mask_the_padding(tmp_path):
    def inside(seen):
        return up_to(seen.batch[1], seen.batch[0].shape[1])

    def last(seen):
        steps = seen.outputs["norm"][0]
        return torch.stack([row[length - 1] for row, length in zip(steps, seen.batch[1], strict=True)])

    own = {"norm": mean("norm", inside=inside)}
    watched = train_and_compare(tmp_path, OnPadded, padded_loader(), own)
    assert watched.warnings == []
    assert watched.monitor.history[-1].recording["mask"] == "batch[1]"
    assert train_and_compare(tmp_path, OnPadded, padded_loader(), {"norm": last}, pooling="last").warnings == []


class TimeFirst(Learns):
    """A recurrent network with time in the first axis."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(3, 5)
        self.head = nn.Linear(5, 2)

    def step(self, batch):
        return self.head(self.rnn(batch[0].transpose(0, 1))[0][-1])


@pytest.mark.scenario("an LSTM with time in the first axis (`batch_first=False`)")
def test_samples_in_the_second_axis_are_rows(tmp_path):
    def own(seen):
        return seen.outputs["rnn"][0][0].double().mean(0)

    own.rounds = True
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(TensorDataset(torch.randn(N, 7, 3, generator=generator), torch.arange(N) % 3), 8)
    assert train_and_compare(tmp_path, TimeFirst, loader, {"rnn": own, "head": raw("head")}).warnings == []


class OnTransposed(Learns):
    """Linear layers on (steps, samples, channels)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 5))

    def step(self, batch):
        return self.layers(batch[0].transpose(0, 1))


@pytest.mark.scenario("linear layers on transposed sequences, as many steps as samples or not")
@pytest.mark.parametrize("steps", [7, 8])
def test_a_transposed_batch_is_told_by_its_values(tmp_path, steps):
    def own(seen):
        return seen.outputs["layers.2"][0].double().mean(0)

    own.rounds = True
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(TensorDataset(torch.randn(40, steps, 3, generator=generator), torch.arange(40) % 3), 8)
    assert train_and_compare(tmp_path, OnTransposed, loader, {"layers.2": own}).warnings == []


# -- Transformers -----------------------------------------------------------------------------------------------------


class Transformer(Learns):
    """Embedded tokens, two layers of attention, a head on the first token."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 8, padding_idx=0)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True) for _ in range(2)
        )
        self.head = nn.Linear(8, 3)

    def step(self, batch):
        x = self.embedding(batch["input_ids"])
        padding = self.padding(batch)
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=padding)
        return self.head(x[:, 0])

    def padding(self, batch):
        return ~batch["attention_mask"].bool()


class FindsPadding(Transformer):
    """Reads the padding off the tokens."""

    def __init__(self, padding_idx: int | None = None) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 8, padding_idx=padding_idx)

    def padding(self, batch):
        return batch["input_ids"] == 0


class Unmasked(FindsPadding):
    """Lets padding in."""

    def padding(self, batch):
        return None


def token_loader(*, mask: bool = True, left: bool = False) -> DataLoader:
    generator = torch.Generator().manual_seed(0)
    tokens = [torch.randint(1, WORDS, (length,), generator=generator) for length in lengths_of()]

    def collate(items):
        ids = pad_sequence([item for item, _ in items], batch_first=True, padding_side="left" if left else "right")
        own_mask = {"attention_mask": (ids != 0).long()} if mask else {}
        return {"input_ids": ids, **own_mask, "labels": torch.tensor([y for _, y in items])}

    return DataLoader([(one, i % 3) for i, one in enumerate(tokens)], 8, collate_fn=collate)


def is_token(seen):
    return seen.batch["input_ids"] != 0


TOKENS = {
    "embedding": mean("embedding", inside=is_token),
    "layers.0": mean("layers.0", inside=is_token),
    "layers.1": mean("layers.1", inside=is_token),
    "head": raw("head"),
}


@pytest.mark.scenario("a transformer on a dictionary with `attention_mask`")
def test_an_attention_mask_in_the_batch_masks_the_padding(tmp_path):
    watched = train_and_compare(tmp_path, Transformer, token_loader(), TOKENS)
    assert watched.warnings == []
    assert watched.monitor.history[-1].recording["mask"] == "batch['attention_mask']"


@pytest.mark.scenario("a transformer that makes its `src_key_padding_mask` inside of the step")
def test_a_mask_that_a_layer_is_given_masks_its_padding(tmp_path):
    for folder, padding_idx in (("told", None), ("known", 0)):
        make = functools.partial(FindsPadding, padding_idx)
        assert train_and_compare(tmp_path / folder, make, token_loader(mask=False), TOKENS).warnings == []


@pytest.mark.scenario("padding on the left, by the last token (`pooling='last'`)")
def test_the_last_token_behind_padding_on_the_left_is_the_last_one(tmp_path):
    def last(layer):
        return lambda seen: seen.outputs[layer][0][:, -1]

    own = {"embedding": last("embedding"), "layers.1": last("layers.1")}
    assert train_and_compare(tmp_path, Transformer, token_loader(left=True), own, pooling="last").warnings == []


@pytest.mark.scenario("padding on the left, by the first token (`pooling='token'`)")
def test_the_first_token_behind_padding_on_the_left_is_the_first_that_is_none(tmp_path):
    def first(seen):
        begins = is_token(seen).int().argmax(dim=1)
        return torch.stack([row[at] for row, at in zip(seen.outputs["layers.1"][0], begins, strict=True)])

    loader = token_loader(left=True)
    assert train_and_compare(tmp_path, Transformer, loader, {"layers.1": first}, pooling="token").warnings == []


@pytest.mark.scenario("padding that nothing in the batch tells: it is said, and which option is for it")
def test_padding_that_is_not_masked_is_said(tmp_path):
    own = {"embedding": mean("embedding")}
    watched = train_and_compare(tmp_path, Unmasked, token_loader(mask=False), own)
    assert ["padding counts in the clouds of layer 'embedding'" in message for message in watched.warnings] == [True]
    watched = train_and_compare(tmp_path, Unmasked, token_loader(mask=False), own, mask=None)
    assert watched.warnings == []


# -- Convolutions and layer norms over sound ---------------------------------------------------------------------------


class NormOfChannels(nn.Module):
    """A layer norm over the channels of (N, channels, time)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        return self.norm(x.transpose(1, 2)).transpose(1, 2)


class Speech(Learns):
    """A stack of convolutions with layer norms, then linear layers on steps, as in wav2vec 2.0."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(self.stage(1, 6), self.stage(6, 6))
        self.projection = nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 5))

    def stage(self, inside, outside):
        return nn.Sequential(nn.Conv1d(inside, outside, 5, stride=3), NormOfChannels(outside), nn.GELU())

    def step(self, batch):
        return self.projection(self.convolutions(batch[0][:, None]).transpose(1, 2))


@pytest.mark.scenario("speech: one-dimensional convolutions with layer norms between transpositions")
def test_a_stack_of_convolutions_and_layer_norms_keeps_its_channels_first(tmp_path):
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(TensorDataset(torch.randn(N, 100, generator=generator), torch.arange(N) % 3), 8)
    own = {name: of_largest_norm(name) for name in ("convolutions.0", "convolutions.0.0", "convolutions.1")}
    own |= {"projection": mean("projection")}
    assert train_and_compare(tmp_path, Speech, loader, own).warnings == []


def sound_loader() -> DataLoader:
    generator = torch.Generator().manual_seed(0)
    sounds = [(torch.randn(400 + (70 * i) % 600, generator=generator), i % 3) for i in range(N)]

    def collate(items):
        lengths = torch.tensor([len(sound) for sound, _ in items])
        return (
            pad_sequence([sound for sound, _ in items], batch_first=True),
            lengths,
            torch.tensor([y for _, y in items]),
        )

    return DataLoader(sounds, 8, collate_fn=collate)


@pytest.mark.scenario("sounds of different lengths: fewer steps than the lengths count, which is said")
def test_lengths_of_sounds_are_no_labels_and_do_not_mask_other_steps(tmp_path):
    own = {"convolutions.0": of_largest_norm("convolutions.0"), "projection": mean("projection")}
    watched = train_and_compare(tmp_path, Speech, sound_loader(), own)
    assert ["padding may have entered the clouds" in message for message in watched.warnings] == [True]
    assert watched.monitor.history[-1].recording["mask"] == "batch[1]"
    assert watched.monitor.history[-1].labels.tolist() == [i % 3 for i in range(N)]
