"""Number formats, and forward passes that run twice, share layers or overwrite what a hook was given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_trainings import LAYERS, Net, fit, loader, watch
from torch import nn
from torch.utils.checkpoint import checkpoint

from topocallback import TopologyMonitor


def last_cloud(folder, model, layer, **options):
    """What a monitor records of one layer in the validation of a model."""
    seen = []

    def cloud(values):
        seen.append(values.clone())
        return values

    monitor = TopologyMonitor(layer, pooling=cloud, figures=False, on_error="raise")
    fit(folder, monitor, model=model, val=loader(24, batch_size=24), max_epochs=1, num_sanity_val_steps=0, **options)
    return seen[-1]


@pytest.mark.parametrize(
    "precision",
    [
        pytest.param("bf16-mixed", marks=pytest.mark.scenario("`precision='bf16-mixed'`")),
        pytest.param("bf16-true", marks=pytest.mark.scenario("`precision='bf16-true'`")),
        pytest.param("16-true", marks=pytest.mark.scenario("`precision='16-true'`")),
        pytest.param("64-true", marks=pytest.mark.scenario("`precision='64-true'`")),
    ],
)
def test_every_number_format_is_recorded(tmp_path, precision):
    watched = watch(lambda *ours: fit(tmp_path, *ours, precision=precision))
    assert watched.warnings == []
    assert watched.monitor.history[-1].layers == LAYERS
    assert np.isfinite(watched.monitor.history[-1].distances["sliced_wasserstein", 0].matrix).all()


@pytest.mark.scenario("half precision: recorded as it is, not as it might have been")
def test_a_layer_in_mixed_precision_is_recorded_with_its_own_digits(tmp_path):
    recorded = last_cloud(tmp_path, Net(), "stem", precision="bf16-mixed")
    assert recorded.dtype == torch.float32
    assert torch.equal(recorded, recorded.bfloat16().float())


class Checkpointed(Net):
    """Every block runs again in the backward pass."""

    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=self.reentrant)
        return self.head(self.dropout(x))


@pytest.mark.scenario("gradient checkpointing")
@pytest.mark.parametrize("reentrant", [True, False])
def test_blocks_that_run_again_for_their_gradients_are_recorded_once(tmp_path, reentrant):
    watched = watch(lambda *ours: fit(tmp_path, *ours, model=Checkpointed(reentrant)))
    assert watched.warnings == []
    assert watched.monitor.history[-1].layers == LAYERS


class InPlace(Net):
    """What the first layer gives is overwritten by the second."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(8, 8))


@pytest.mark.scenario("in-place activations")
def test_an_output_that_is_overwritten_is_recorded_as_it_was(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours, model=InPlace()), layers=["stem", "blocks.*", "head"])
    [alert] = watched.warnings
    assert "Layer 'blocks.0' has dead units" in alert  # one of eight
    assert (last_cloud(tmp_path, InPlace(), "stem") < 0).any()


class Shared(Net):
    """One block three times."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*[self.blocks[0]] * 3)


@pytest.mark.scenario("a module used several times")
def test_a_shared_module_gives_its_first_output_and_one_warning(tmp_path):
    watched = watch(lambda *ours: fit(tmp_path, *ours, model=Shared()), layers=["stem", "blocks.0", "head"])
    assert ["'blocks.0' ran several times" in message for message in watched.warnings] == [True]
    model = Shared()
    with pytest.warns(UserWarning, match="ran several times"):
        recorded = last_cloud(tmp_path, model, "blocks.0")
    with torch.no_grad():
        once = model.blocks[0](model.stem(loader(24).dataset.tensors[0]))
    assert torch.equal(recorded, once)


class Transformer(Net):
    """Attention's fast path runs no layer of its own, unless hooks are there."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(2, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x.reshape(-1, 2, 2))).mean(dim=1))


@pytest.mark.scenario("attention's fast path")
def test_the_layers_of_a_transformer_are_recorded(tmp_path):
    monitor = TopologyMonitor(["TransformerEncoderLayer", "blocks.layers.*.linear2"], on_error="raise")
    fit(tmp_path, monitor, model=Transformer())
    layers = [f"blocks.layers.{index}{part}" for index in (0, 1) for part in ("", ".linear2")]
    assert sorted(monitor.history[-1].layers) == layers
