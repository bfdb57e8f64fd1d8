"""Layers that run several times, on several views, or without the model's own `forward`: every output has its place."""

from __future__ import annotations

import pytest
import torch
from own_clouds import Learns, of_largest_norm, raw, train_and_compare
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

N = 36


def pairs(*shape: int) -> DataLoader:
    """Two random inputs of each sample, and labels; the last batch is a smaller one."""
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, N, *shape, generator=generator)
    return DataLoader(TensorDataset(first, second, torch.arange(N) % 3), 8)


# -- Several views ----------------------------------------------------------------------------------------------------


class OnViews(Learns):
    """An encoder on two views of each sample."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(2, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.projector = nn.Linear(5, 3)


class Joined(OnViews):
    """Both in one call, all first views before all second ones."""

    def step(self, batch):
        return self.projector(self.encoder(torch.cat(batch[:2])))


class InTurn(OnViews):
    """One call after the other."""

    def step(self, batch):
        return torch.stack([self.projector(self.encoder(view)) for view in batch[:2]])


class Crops(OnViews):
    """(N, views, ...) as (N * views, ...): all views of the first sample before those of the second."""

    def step(self, batch):
        return self.projector(self.encoder(batch[0].flatten(0, 1)))


def views_of(layer: str, part):
    return {f"{layer}@{i}": lambda seen, i=i: part(seen.outputs[layer][0], i) for i in range(2)}


@pytest.mark.scenario("two views of each sample, joined in one call by `torch.cat`")
def test_joined_views_are_a_cloud_each(tmp_path):
    def half(rows, i):
        return rows.chunk(2)[i]

    own = views_of("encoder.3", half) | views_of("projector", half)
    watched = train_and_compare(tmp_path / "each", Joined, pairs(2, 9), own, calls="each")
    assert watched.warnings == []
    for calls, i in (("first", 0), ("last", 1)):
        one = {"projector": own[f"projector@{i}"]}
        watched = train_and_compare(tmp_path / calls, Joined, pairs(2, 9), one, calls=calls)
        assert ["ran several times" in message for message in watched.warnings] == [True] * (calls == "first")


@pytest.mark.scenario("two views of each sample, one call after the other")
def test_views_in_turn_are_a_cloud_each(tmp_path):
    own = {f"{layer}@{i}": raw(layer, i) for layer in ("encoder.3", "projector") for i in range(2)}
    assert train_and_compare(tmp_path, InTurn, pairs(2, 9), own, calls="each").warnings == []


@pytest.mark.scenario("several crops of each sample, flattened into one axis: `x.flatten(0, 1)`")
def test_flattened_crops_are_a_cloud_each(tmp_path):
    generator = torch.Generator().manual_seed(0)
    crops = TensorDataset(torch.randn(N, 3, 2, 9, generator=generator), torch.arange(N) % 3)
    own = {f"projector@{i}": lambda seen, i=i: seen.outputs["projector"][0][i::3] for i in range(3)}
    assert train_and_compare(tmp_path, Crops, DataLoader(crops, 8), own, calls="each").warnings == []


class InPairs(OnViews):
    """Both views of the first sample, then both of the second."""

    def step(self, batch):
        return self.projector(self.encoder(torch.stack(batch[:2], dim=1).flatten(0, 1)))


@pytest.mark.scenario("two views of each sample, one beside the other: `torch.stack((a, b), dim=1).flatten(0, 1)`")
def test_views_in_pairs_are_a_cloud_each(tmp_path):
    own = views_of("encoder.3", lambda rows, i: rows[i::2]) | views_of("projector", lambda rows, i: rows[i::2])
    assert train_and_compare(tmp_path, InPairs, pairs(2, 9), own, calls="each").warnings == []


class Augments(OnViews):
    """Makes its second views inside of the step, so that the batch does not have them."""

    def step(self, batch):
        return self.projector(self.encoder(torch.cat([batch[0].flip(-1), batch[0] * 2])))


@pytest.mark.scenario("views that are made inside of the step: left out, and it is said why")
def test_views_that_the_batch_does_not_have_are_not_guessed_at(tmp_path):
    watched = train_and_compare(tmp_path, Augments, pairs(2, 9), {}, layers="projector")
    assert len(watched.monitor.history) == 0
    assert ["Expected to know which of 16 rows" in message for message in watched.warnings] == [True]


# -- Several calls ----------------------------------------------------------------------------------------------------


class Recurrent(Learns):
    """One block that runs six times."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3)
        self.block = nn.Conv2d(4, 4, 3, padding=1)

    def step(self, batch):
        x = self.stem(batch[0])
        for _ in range(6):
            x = x + self.block(x.relu())
        return x


@pytest.mark.scenario("a block that runs six times: its first output, its last, or each")
@pytest.mark.parametrize(("calls", "numbers"), [("first", [0]), ("last", [5]), ("each", range(6))])
def test_a_block_that_runs_six_times_gives_the_outputs_asked_for(tmp_path, calls, numbers):
    names = {f"block@{i}" if calls == "each" else "block": i for i in numbers}
    own = {"stem": of_largest_norm("stem")} | {name: of_largest_norm("block", i) for name, i in names.items()}
    watched = train_and_compare(tmp_path, Recurrent, pairs(2, 5, 5), own, calls=calls)
    told = ["`calls='each'` makes a cloud of each" in message for message in watched.warnings]
    assert told == [True] * (calls == "first")


class Adversarial(Learns):
    """A discriminator that sees the batch and what a generator makes of noise."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Linear(3, 6)
        self.discriminator = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))

    def step(self, batch):
        real, noise = batch[0], batch[1][:, :3]
        return self.discriminator(real) - self.discriminator(self.generator(noise))


@pytest.mark.scenario("a discriminator on real samples and on made ones (`calls='each'`)")
def test_a_discriminator_has_a_cloud_of_real_samples_and_one_of_made_ones(tmp_path):
    own = {f"discriminator.{k}@{i}": raw(f"discriminator.{k}", i) for k in (0, 2) for i in range(2)}
    own = {"generator": raw("generator"), **own}
    assert train_and_compare(tmp_path, Adversarial, pairs(6), own, calls="each").warnings == []


class Siamese(Learns):
    """Both inputs through one encoder, and the difference through a head."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
        self.head = nn.Linear(4, 1)

    def forward(self, first, second):
        return self.head((self.encoder(first) - self.encoder(second)).abs())

    def step(self, batch):
        return self(batch[0], batch[1])


@pytest.mark.scenario("a siamese network on two inputs")
def test_a_siamese_network_has_a_cloud_of_each_input(tmp_path):
    own = {f"encoder.2@{i}": raw("encoder.2", i) for i in range(2)} | {"head": raw("head")}
    assert train_and_compare(tmp_path, Siamese, pairs(6), own, calls="each").warnings == []


@pytest.mark.scenario(
    "rows of the batch in another order, as for pairs that do not match: left out, and it is said why"
)
def test_rows_in_another_order_are_nobodys(tmp_path):
    class Shuffled(Siamese):
        def step(self, batch):
            return self.encoder(batch[0].flip(0))

    watched = train_and_compare(tmp_path / "one", Shuffled, pairs(6), {}, layers="encoder.0")
    assert ["in another order" in message for message in watched.warnings] == [True]

    class SecondShuffled(Siamese):
        def step(self, batch):
            return self.encoder(batch[0]) - self.encoder(batch[0].flip(0))

    own = {"encoder.0": raw("encoder.0")}
    assert train_and_compare(tmp_path / "two", SecondShuffled, pairs(6), own, calls="each").warnings == []


@pytest.mark.scenario("one sample per batch, with two views")
def test_views_of_a_single_sample_need_no_order(tmp_path):
    loader = DataLoader(pairs(2, 9).dataset, 1)
    own = views_of("projector", lambda rows, i: rows[i : i + 1])
    assert train_and_compare(tmp_path, Joined, loader, own, calls="each").warnings == []


# -- Calls that do not go through the root -----------------------------------------------------------------------------


class TwoTowers(nn.Module):
    """An encoder of images and one of texts, which no `forward` joins."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = nn.Sequential(nn.Conv2d(3, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 5))
        self.text = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5))

    def encode_image(self, images):
        return self.visual(images)

    def encode_text(self, texts):
        return self.text(texts)


class Contrastive(Learns):
    """Calls methods of its network, and never the network itself."""

    def __init__(self) -> None:
        super().__init__()
        self.net = TwoTowers()

    def step(self, batch):
        images, texts = batch["image"], batch["text"]
        return self.net.encode_image(images) @ self.net.encode_text(texts).T


@pytest.mark.scenario("methods in place of `forward`, as in `net.encode_image(x)`")
def test_layers_behind_methods_of_a_network_are_recorded(tmp_path):
    generator = torch.Generator().manual_seed(0)
    items = [
        {"image": torch.randn(3, 4, 4, generator=generator), "text": torch.randn(6, generator=generator)}
        for _ in range(N)
    ]
    own = {
        "net.visual.0": of_largest_norm("net.visual.0"),
        "net.visual.3": raw("net.visual.3"),
        "net.text.0": raw("net.text.0"),
        "net.text.2": raw("net.text.2"),
    }
    assert train_and_compare(tmp_path, Contrastive, DataLoader(items, 8), own).warnings == []


class EncoderAlone(Learns):
    """Validates by a part of its network."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Module()
        self.net.encoder = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
        self.net.decoder = nn.Linear(4, 6)

    def step(self, batch):
        return self.net.encoder(batch[0])


@pytest.mark.scenario("a part of the network alone, as in `net.encoder(x)`: the rest is left out, and that is said")
def test_a_part_that_is_called_alone_is_recorded_and_the_rest_is_said(tmp_path):
    own = {"net.encoder.0": raw("net.encoder.0"), "net.encoder.2": raw("net.encoder.2")}
    assert train_and_compare(tmp_path / "part", EncoderAlone, pairs(6), own).warnings == []
    watched = train_and_compare(tmp_path / "all", EncoderAlone, pairs(6), own, layers=[*own, "net.decoder"])
    assert ["'net.decoder' was left out" in message for message in watched.warnings] == [True]
