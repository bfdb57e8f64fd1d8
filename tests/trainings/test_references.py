"""Trainings whose layers are held against the untrained network, a checkpoint, or another run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_trainings import Net, fit, in_two_processes, loader, our_warnings, trainer_for, watch
from torch import nn

from topocallback import TopologyMonitor, load_history
from topocallback.hashing import sample_priorities
from topocallback.measures import MEASURES

OPTIONS = {
    "layers": ("stem", "blocks.1", "head"), "measures": ("sliced_wasserstein", "cka"), "n_samples": 48, "mapper": False,
    "figures": False, "on_error": "raise", "homology_dims": (0,),
}  # fmt: skip


def clouds_of(model, n=64):
    """The layers' outputs on the items of the validation data, by hand."""
    ids = np.sort(np.argsort(sample_priorities(np.arange(n), 0))[:48])
    items = torch.stack([loader().dataset[int(i)][0] for i in ids])
    found = {}
    model = model.eval()
    hooks = [
        model.get_submodule(name).register_forward_hook(lambda _, __, output, name=name: found.update({name: output}))
        for name in OPTIONS["layers"]
    ]
    with torch.no_grad():
        model(items)
    for hook in hooks:
        hook.remove()
    return {name: output.numpy() for name, output in found.items()}


def expected_drift(before, now):
    return [MEASURES["cka"]()(clouds_of(now)[layer], clouds_of(before)[layer]) for layer in OPTIONS["layers"]]


def model_of_seed(seed, **options):
    torch.manual_seed(seed)
    return Net(**options)


def from_reference(snapshot, measure="cka"):
    return snapshot.distances.choose(measure).drift_from_reference


@pytest.mark.scenario("`reference='untrained'`")
@pytest.mark.parametrize("sanity", [0, -1, 2])
def test_the_untrained_network_is_the_reference_whatever_the_sanity_check_sees(tmp_path, sanity):
    monitor = TopologyMonitor(reference="untrained", **OPTIONS)
    trainer = fit(tmp_path, monitor, model=model_of_seed(3), max_epochs=2, num_sanity_val_steps=sanity)
    assert {snapshot.reference for snapshot in monitor.history} == {"the untrained network"}
    expected = expected_drift(model_of_seed(3), trainer.lightning_module)
    np.testing.assert_allclose(from_reference(monitor.history[-1]), expected, atol=2e-3)
    if sanity == -1:
        np.testing.assert_allclose(from_reference(monitor.history[0]), 0, atol=1e-12)


def test_a_folder_that_is_called_as_the_word_is_not_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "untrained").mkdir()
    monitor = TopologyMonitor(reference="untrained", **OPTIONS)
    fit(tmp_path, monitor, max_epochs=1)
    assert monitor.history[-1].reference == "the untrained network"


@pytest.mark.scenario("`reference=` with a checkpoint")
def test_a_checkpoint_is_the_reference(tmp_path):
    first = fit(tmp_path / "pretrained", model=model_of_seed(1), max_epochs=2)
    path = tmp_path / "pretrained.ckpt"
    first.save_checkpoint(path)
    pretrained = model_of_seed(2)
    pretrained.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    monitor = TopologyMonitor(reference=path, **OPTIONS)
    trainer = fit(tmp_path / "tuned", monitor, model=pretrained, max_epochs=1)
    (snapshot,) = monitor.history
    assert snapshot.reference == f"checkpoint {path}"
    before = model_of_seed(2)
    before.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    np.testing.assert_allclose(from_reference(snapshot), expected_drift(before, trainer.lightning_module), atol=2e-3)
    assert np.isfinite(snapshot.distances["cka"].drift_from_reference_errors).all()


@pytest.mark.scenario("a new head on the layers of a checkpoint")
def test_layers_whose_weights_the_checkpoint_lacks_are_left_out_by_name(tmp_path):
    weights = {name: value for name, value in model_of_seed(1).state_dict().items() if not name.startswith("head")}
    path = tmp_path / "body.pt"
    torch.save(weights, path)
    monitor = TopologyMonitor(reference=path, **OPTIONS | {"on_error": "warn"})
    with pytest.warns(UserWarning, match="lacks 2 of the model's weights") as caught:
        fit(tmp_path, monitor, max_epochs=1)
    (message,) = our_warnings(caught.list)
    assert "(head.weight, head.bias)" in message
    assert message.endswith("Nothing is held against its layer 'head'.")
    assert np.isfinite(from_reference(monitor.history[-1])).tolist() == [True, True, False]


@pytest.mark.parametrize("spoil", ["text", "other", "objects"])
@pytest.mark.scenario("a checkpoint that cannot be the reference")
def test_a_checkpoint_that_cannot_be_used_costs_the_reference_and_is_said(tmp_path, spoil):
    path = tmp_path / "bad.ckpt"
    if spoil == "text":
        path.write_text("no checkpoint")
    elif spoil == "other":
        torch.save(nn.Conv2d(3, 5, 3).state_dict(), path)
    else:
        torch.save({"state_dict": Net().state_dict(), "extra": Net()}, path)
    monitor = TopologyMonitor(reference=path, **OPTIONS | {"on_error": "warn"})
    with pytest.warns(UserWarning, match="bad.ckpt") as caught:
        fit(tmp_path, monitor, max_epochs=2)
    (message,) = our_warnings(caught.list)
    said = {
        "text": "damaged, or no checkpoint",
        "other": "no weight of checkpoint",
        "objects": "Give a file that holds",
    }
    assert said[spoil] in message
    assert np.isnan(from_reference(monitor.history[-1])).all()
    assert np.isfinite(monitor.history[-1].distances["cka"].drift).all()


@pytest.mark.scenario("`reference=` with another run")
def test_another_run_is_the_reference(tmp_path):
    other = fit(tmp_path / "other", TopologyMonitor(**OPTIONS), model=model_of_seed(1), max_epochs=2)
    monitor = TopologyMonitor(reference=other.log_dir, **OPTIONS)
    trainer = fit(tmp_path / "this", monitor, model=model_of_seed(2), max_epochs=1)
    expected = expected_drift(other.lightning_module, trainer.lightning_module)
    np.testing.assert_allclose(from_reference(monitor.history[-1]), expected, atol=2e-3)


@pytest.mark.scenario("the identity of a training with a reference")
def test_the_training_is_bit_identical_with_a_reference(tmp_path):
    def train(*callbacks):
        return fit(tmp_path, *callbacks, model=model_of_seed(0), max_epochs=2)

    watched = watch(train, counted=False, reference="untrained", **OPTIONS)
    assert np.isfinite(from_reference(watched.monitor.history[-1])).all()


def train_in_every_process(folder):
    monitor = TopologyMonitor(reference="untrained", **OPTIONS)
    trainer = trainer_for(folder, monitor, strategy="ddp", devices=2, max_epochs=1, logger=False)
    trainer.fit(model_of_seed(0), loader(), loader())
    if trainer.is_global_zero:
        (snapshot,) = load_history(folder)
        expected = expected_drift(model_of_seed(0), trainer.lightning_module)
        np.testing.assert_allclose(from_reference(snapshot), expected, atol=2e-3)


@pytest.mark.scenario("two processes: `reference='untrained'`")
def test_two_processes_have_one_reference(tmp_path):
    in_two_processes(train_in_every_process, tmp_path)
