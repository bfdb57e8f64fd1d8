"""Networks on images and vectors: what is recorded is what hooks of one's own see in the same validation."""

from __future__ import annotations

import pytest
import torch
from own_clouds import Learns, OnImages, mean, of_largest_norm, raw, train_and_compare
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

N = 36


def loader_of(*shape: int, second: bool = False, batch_size: int = 8) -> DataLoader:
    """Random inputs, a second one of each if asked for, and labels; the last batch is a smaller one."""
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(N, *shape, generator=generator) for _ in range(1 + second)]
    return DataLoader(TensorDataset(*inputs, torch.arange(N) % 3), batch_size)


class Permute(nn.Module):
    """Axes in another order."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x):
        return x.permute(self.axes)


# -- Images -----------------------------------------------------------------------------------------------------------


class SmallCNN(nn.Module):
    """Two convolutions with ReLU in place, and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.second = nn.Conv2d(4, 6, 3, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.relu(self.second(self.relu(self.first(x))))
        return self.head(x.mean(dim=(2, 3)))


@pytest.mark.scenario("a convolutional network")
def test_a_plain_cnn_gives_the_channels_of_largest_norm(tmp_path):
    own = {
        "net.first": of_largest_norm("net.first"),
        "net.second": of_largest_norm("net.second"),
        "net.head": raw("net.head"),
    }
    watched = train_and_compare(tmp_path, lambda: OnImages(SmallCNN()), loader_of(3, 10, 10), own)
    assert watched.warnings == []


class Merge(nn.Module):
    """Four neighbouring patches as one, channels last."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width)

    def forward(self, x):
        corners = [x[:, i::2, j::2] for j in range(2) for i in range(2)]
        return self.reduction(self.norm(torch.cat(corners, dim=-1)))


class ResidualPatches(nn.Module):
    """A block on patches, channels last."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        return x + self.mlp(self.norm(x))


def swin_stage(width: int) -> nn.Module:
    embed = nn.Sequential(nn.Conv2d(3, width, 4, 4), Permute(0, 2, 3, 1), nn.LayerNorm(width))
    return nn.Sequential(embed, ResidualPatches(width), ResidualPatches(width), Merge(width))


@pytest.mark.scenario("a Swin transformer's first stage: channels last after a convolution, then merged patches")
def test_a_swin_stage_has_its_channels_last(tmp_path):
    own = {f"net.{i}": mean(f"net.{i}") for i in range(4)}
    watched = train_and_compare(tmp_path, lambda: OnImages(swin_stage(8)), loader_of(3, 16, 16), own)
    assert watched.warnings == []


@pytest.mark.scenario("as many patches in a row as channels: `channels=-1` says where these are")
def test_as_many_patches_as_channels_are_told_apart_by_an_option(tmp_path):
    own = {"net.0": mean("net.0"), "net.1": mean("net.1")}
    options = {"layers": ["net.0", "net.1"], "channels": -1}
    watched = train_and_compare(tmp_path, lambda: OnImages(swin_stage(6)), loader_of(3, 24, 24), own, **options)
    assert watched.warnings == []


class ConvNeXtBlock(nn.Module):
    """A depthwise convolution, and linear layers on channels that are last in between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        inner = self.mlp(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))
        return x + inner.permute(0, 3, 1, 2)


@pytest.mark.scenario("ConvNeXt blocks: linear layers inside, channels first outside")
def test_a_convnext_block_has_its_channels_first(tmp_path):
    def make():
        return OnImages(nn.Sequential(nn.Conv2d(3, 5, 2, 2), ConvNeXtBlock(5), ConvNeXtBlock(5)))

    own = {f"net.{i}": of_largest_norm(f"net.{i}") for i in range(3)}
    own |= {"net.1.depthwise": of_largest_norm("net.1.depthwise"), "net.1.norm": mean("net.1.norm")}
    assert train_and_compare(tmp_path, make, loader_of(3, 12, 12), own).warnings == []


class VisionTransformer(nn.Module):
    """Patches and a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True) for _ in range(2)
        )
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)[:, 0]


@pytest.mark.scenario("a vision transformer, by its class token or by the mean of its tokens")
@pytest.mark.parametrize("pooling", ["token", "auto"])
def test_a_vision_transformer_gives_its_class_token_or_the_mean(tmp_path, pooling):
    def token_of(layer):
        return lambda seen: seen.outputs[layer][0][:, 0]

    of = token_of if pooling == "token" else mean
    own = {name: of(name) for name in ("net.blocks.0", "net.blocks.1", "net.norm")}
    watched = train_and_compare(
        tmp_path, lambda: OnImages(VisionTransformer()), loader_of(3, 12, 8), own, pooling=pooling
    )
    assert watched.warnings == []


class Detector(Learns):
    """Images of different sizes, which it pads to one size before its backbone sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Conv2d(3, 4, 3)
        self.boxes = nn.Linear(4, 4)

    def step(self, batch):
        images, _ = batch
        sizes = [max(image.shape[axis] for image in images) for axis in (1, 2)]
        padded = images[0].new_zeros(len(images), 3, *sizes)
        for row, image in zip(padded, images, strict=True):
            row[:, : image.shape[1], : image.shape[2]] = image
        return self.boxes(self.backbone(padded).mean(dim=(2, 3)))


def detection_loader() -> DataLoader:
    generator = torch.Generator().manual_seed(0)
    images = [torch.randn(3, 6 + i % 3, 7 + i % 2, generator=generator) for i in range(N)]
    items = [
        (image, {"boxes": torch.rand(1 + i % 2, 4), "labels": torch.ones(1 + i % 2).long()})
        for i, image in enumerate(images)
    ]
    return DataLoader(items, 8, collate_fn=lambda batch: tuple(zip(*batch, strict=True)))


@pytest.mark.scenario("detection: a list of images of different sizes, with their boxes")
def test_a_list_of_images_is_as_many_samples_as_images(tmp_path):
    own = {"backbone": of_largest_norm("backbone"), "boxes": raw("boxes")}
    assert train_and_compare(tmp_path, Detector, detection_loader(), own).warnings == []


class UNet(nn.Module):
    """A convolutional autoencoder with a connection around its middle."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, 2, 2)
        self.middle = nn.Conv2d(4, 6, 2, 2)
        self.up = nn.ConvTranspose2d(6, 4, 2, 2)
        self.out = nn.ConvTranspose2d(8, 3, 2, 2)

    def forward(self, x):
        down = self.down(x)
        return self.out(torch.cat([down, self.up(self.middle(down).relu())], dim=1))


@pytest.mark.scenario("a convolutional autoencoder, all values of every layer (`pooling='flatten'`)")
def test_an_autoencoder_gives_all_values_of_its_layers(tmp_path):
    own = {name: raw(name) for name in ("net.down", "net.middle", "net.up", "net.out")}
    watched = train_and_compare(tmp_path, lambda: OnImages(UNet()), loader_of(3, 8, 8), own, pooling="flatten")
    assert watched.warnings == []


# -- Vectors, time series and videos ----------------------------------------------------------------------------------


@pytest.mark.scenario("regression by linear layers")
def test_a_regression_gives_its_rows(tmp_path):
    def make():
        return OnImages(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)))

    generator = torch.Generator().manual_seed(0)
    targets = torch.randn(N, 1, generator=generator)
    loader = DataLoader(TensorDataset(torch.randn(N, 4, generator=generator), targets), 8)
    own = {f"net.{i}": raw(f"net.{i}") for i in range(3)}
    assert train_and_compare(tmp_path, make, loader, own).warnings == []


class OnSparse(Learns):
    """A linear layer on sparse features, made dense in the step or not."""

    dense = True

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.second = nn.Linear(6, 3)

    def step(self, batch):
        features = batch[0].to_dense() if self.dense else batch[0]
        return self.second(self.first(features).relu())


class StaysSparse(OnSparse):
    """Gives its first layer the sparse features themselves."""

    dense = False


@pytest.mark.scenario("sparse features")
@pytest.mark.parametrize("model", [OnSparse, StaysSparse])
def test_sparse_features_are_rows(tmp_path, model):
    def collate(items):
        return torch.stack([x for x, _ in items]).relu().to_sparse(), torch.stack([y for _, y in items])

    loader = DataLoader(loader_of(4).dataset, 8, collate_fn=collate)
    own = {"first": raw("first"), "second": raw("second")}
    assert train_and_compare(tmp_path, model, loader, own).warnings == []


@pytest.mark.scenario("convolutions over time series")
def test_convolutions_over_time_have_their_channels_first(tmp_path):
    def make():
        return OnImages(nn.Sequential(nn.Conv1d(2, 5, 3), nn.BatchNorm1d(5), nn.ReLU(), nn.Conv1d(5, 7, 3)))

    own = {f"net.{i}": of_largest_norm(f"net.{i}") for i in (0, 1, 3)}
    assert train_and_compare(tmp_path, make, loader_of(2, 20), own).warnings == []


class SkeletonBlock(nn.Module):
    """Neighbouring joints are mixed, then there is a convolution over time; on (N, channels, time, joints)."""

    def __init__(self, inside: int, outside: int, mix: nn.Module) -> None:
        super().__init__()
        self.mix = mix
        self.time = nn.Conv2d(inside, outside, (3, 1), padding=(1, 0))

    def forward(self, x):
        return self.time(self.mix(x)).relu()


class Neighbours(nn.Module):
    """A matrix among joints."""

    def __init__(self, joints: int) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.eye(joints).roll(1, 0) / 2)

    def forward(self, x):
        return torch.einsum("nctv,vw->nctw", x, self.matrix)


def skeleton_network(mix) -> nn.Module:
    return nn.Sequential(SkeletonBlock(3, 8, mix(5)), SkeletonBlock(8, 10, mix(5)))


SKELETON = {name: of_largest_norm(name) for name in ("net.0", "net.1", "net.1.time")}


@pytest.mark.scenario("skeletons: (N, channels, time, joints)")
def test_a_skeleton_network_has_its_channels_first(tmp_path):
    loader = loader_of(3, 6, 5)
    assert train_and_compare(tmp_path, lambda: OnImages(skeleton_network(Neighbours)), loader, SKELETON).warnings == []


@pytest.mark.scenario("skeletons with linear layers among joints: `channels=1` says what shapes cannot tell")
def test_channels_that_are_not_certain_are_asked_for_once(tmp_path):
    def make():
        return OnImages(skeleton_network(lambda joints: nn.Linear(joints, joints)))

    doubtful = train_and_compare(tmp_path / "asks", make, loader_of(3, 6, 5), SKELETON)
    assert ["`channels=1` or `channels=-1` says which" in message for message in doubtful.warnings] == [True]
    told = train_and_compare(tmp_path / "told", make, loader_of(3, 6, 5), SKELETON, channels=1)
    assert told.warnings == []


@pytest.mark.scenario("videos: (N, channels, time, height, width)")
def test_convolutions_over_videos_have_their_channels_first(tmp_path):
    def make():
        return OnImages(nn.Sequential(nn.Conv3d(3, 4, (1, 3, 3)), nn.ReLU(), nn.Conv3d(4, 5, (3, 1, 1))))

    own = {"net.0": of_largest_norm("net.0"), "net.2": of_largest_norm("net.2")}
    assert train_and_compare(tmp_path, make, loader_of(3, 4, 6, 6), own).warnings == []


# -- Models that are not run as they were written ----------------------------------------------------------------------


class BesideAScript(nn.Module):
    """A scripted part before ordinary ones."""

    def __init__(self) -> None:
        super().__init__()
        self.scripted = torch.jit.script(nn.Sequential(nn.Linear(4, 6), nn.Tanh()))
        self.hidden = nn.Linear(6, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        return self.head(self.hidden(self.scripted(x)).relu())


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.scenario("a ScriptModule beside ordinary layers")
def test_the_layers_beside_a_scripted_one_are_recorded(tmp_path):
    own = {"net.hidden": raw("net.hidden"), "net.head": raw("net.head")}
    assert train_and_compare(tmp_path, lambda: OnImages(BesideAScript()), loader_of(4), own).warnings == []


@pytest.mark.scenario("a network that `torch.fx.symbolic_trace` has traced")
def test_a_traced_network_is_recorded_by_the_names_of_its_layers(tmp_path):
    def make():
        return OnImages(torch.fx.symbolic_trace(SmallCNN()))

    own = {"net.first": of_largest_norm("net.first"), "net.head": raw("net.head")}
    assert train_and_compare(tmp_path, make, loader_of(3, 10, 10), own).warnings == []


def prepared_for_quantisation() -> nn.Module:
    net = SmallCNN()
    net.qconfig = torch.ao.quantization.get_default_qat_qconfig("fbgemm")
    return torch.ao.quantization.prepare_qat(net.train())


@pytest.mark.filterwarnings("ignore:.*torch.ao.quantization:DeprecationWarning", "ignore:.*reduce_range:UserWarning")
@pytest.mark.scenario("a network prepared for quantisation (`prepare_qat`)")
def test_a_network_prepared_for_quantisation_gives_its_rounded_outputs(tmp_path):
    own = {
        "net.first": of_largest_norm("net.first"),
        "net.second": of_largest_norm("net.second"),
        "net.head": raw("net.head"),
    }
    watched = train_and_compare(tmp_path, lambda: OnImages(prepared_for_quantisation()), loader_of(3, 10, 10), own)
    assert watched.warnings == []


class Ensemble(Learns):
    """A backbone, and three heads that run as one under `torch.vmap`."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(4, 6)
        self.heads = nn.ModuleList(nn.Linear(6, 3) for _ in range(3))

    def step(self, batch):
        weights, buffers = torch.func.stack_module_state(list(self.heads))

        def run(own_weights, own_buffers, x):
            return torch.func.functional_call(self.heads[0], (own_weights, own_buffers), (x,))

        return torch.vmap(run, in_dims=(0, 0, None))(weights, buffers, self.backbone(batch[0]))


@pytest.mark.scenario("an ensemble under `torch.vmap`: what runs inside of it is left out, and that is said")
def test_a_backbone_of_an_ensemble_is_recorded_and_its_heads_are_left_out(tmp_path):
    own = {"backbone": raw("backbone")}
    assert train_and_compare(tmp_path / "backbone", Ensemble, loader_of(4), own).warnings == []
    watched = train_and_compare(tmp_path / "all", Ensemble, loader_of(4), own, layers=["backbone", "heads.0"])
    assert ["'heads.0' was left out" in message and "vmap" in message for message in watched.warnings] == [True]
