"""Compiled models: every hook fires, and nothing is compiled that was not compiled without the monitor."""

from __future__ import annotations

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from small_trainings import LAYERS, Net, fit, loader, watch

from topocallback import TopologyMonitor


class CountCompilations:
    """A compiler that runs what it is given as it is, and counts how often it is asked."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, graph, inputs):
        self.count += 1
        return graph.forward


def whole(compiler):
    return torch.compile(Net(), backend=compiler)


def in_place(compiler):
    model = Net()
    model.compile(backend=compiler)
    return model


def blocks(compiler):
    model = Net()
    for index, block in enumerate(model.blocks):
        model.blocks[index] = torch.compile(block, backend=compiler)
    return model


def blocks_in_place(compiler):
    model = Net()
    for block in model.blocks:
        block.compile(backend=compiler)
    return model


def forward_function(compiler):
    model = Net()
    model.forward = torch.compile(model.forward, backend=compiler)
    return model


def forward_of_a_class(compiler):
    class Compiled(Net):
        @torch.compile(backend=compiler)
        def forward(self, x):
            return super().forward(x)

    return Compiled()


WAYS = [
    pytest.param(whole, 1, marks=pytest.mark.scenario("`torch.compile` of the whole module")),
    pytest.param(in_place, 1, marks=pytest.mark.scenario("`module.compile()` of the whole module")),
    pytest.param(blocks, 1, marks=pytest.mark.scenario("`torch.compile` of blocks")),
    pytest.param(blocks_in_place, 1, marks=pytest.mark.scenario("`module.compile()` of blocks")),
    pytest.param(forward_function, 1, marks=pytest.mark.scenario("`torch.compile` of a `forward` function")),
    pytest.param(forward_of_a_class, 1, marks=pytest.mark.scenario("`forward` decorated with `torch.compile`")),
    pytest.param(whole, 2, marks=pytest.mark.scenario("a compiled module, with validations that are not recorded")),
]


@pytest.mark.parametrize(("way", "every"), WAYS)
def test_a_compiled_model_is_recorded_and_not_compiled_again(tmp_path, way, every):
    compilers = []

    def train(*ours):
        torch.compiler.reset()
        compilers.append(CountCompilations())
        return fit(tmp_path, *ours, model=way(compilers[-1]), val=loader(32))

    watched = watch(train, counted=every == 1, every_n_validations=every)
    assert watched.warnings == []
    assert [snapshot.layers for snapshot in watched.monitor.history] == [LAYERS] * (2 // every)
    without, with_monitor = compilers
    # Validations that are recorded run eagerly, so there may be less to compile.
    assert 0 < with_monitor.count <= without.count
    assert torch._dynamo.eval_frame._stance.stance == "default"


@pytest.mark.long
@pytest.mark.scenario("`torch.compile` by Inductor")
def test_a_model_compiled_by_inductor_gives_the_snapshots_of_an_eager_one(tmp_path):
    snapshots = []
    for compiled in (False, True):
        torch.compiler.reset()
        monitor = TopologyMonitor(pooling="flatten", figures=False, on_error="raise")
        pl.seed_everything(1, verbose=False)
        model = Net()
        model.dropout.p = 0.0  # compiled code draws other numbers
        fit(tmp_path, monitor, model=torch.compile(model) if compiled else model, max_epochs=1)
        snapshots.append(monitor.history[-1])
    eager, compiled = snapshots
    assert eager.layers == compiled.layers == LAYERS
    for key, table in eager.distances.items():
        np.testing.assert_allclose(compiled.distances[key].matrix, table.matrix, rtol=1e-3, atol=1e-4)
