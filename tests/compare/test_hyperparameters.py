"""Models made of what was read: truth is what Lightning makes of the file."""

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from topocallback.activations.checkpoint_file import read_checkpoint
from topocallback.compare.hyperparameters import model_of_hyperparameters


class Plain(pl.LightningModule):
    def __init__(self, width, depth=1):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(*[nn.Linear(width, width) for _ in range(depth)])


class OneArgument(pl.LightningModule):
    def __init__(self, settings):
        super().__init__()
        self.save_hyperparameters(settings)
        self.net = nn.Linear(settings["width"], 2)


class AnyArguments(pl.LightningModule):
    def __init__(self, *sizes, width=3, **more):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Linear(width, more.get("out", 1))


class Late(pl.LightningModule):
    """Makes its layers late, and changes what it loads."""

    def __init__(self, width=5):
        super().__init__()
        self.save_hyperparameters()

    def configure_model(self):
        self.net = nn.Linear(self.hparams.width, 2)

    def on_load_checkpoint(self, checkpoint):
        checkpoint["state_dict"] = {name: value + 1 for name, value in checkpoint["state_dict"].items()}


class Lenient(pl.LightningModule):
    def __init__(self, extra=False):
        super().__init__()
        self.net = nn.Linear(2, 2)
        self.strict_loading = False


def saved(model, path, **changes):
    if isinstance(model, Late):
        model.configure_model()
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, enable_model_summary=False, accelerator="cpu")
    trainer.strategy.connect(model)
    trainer.save_checkpoint(path)
    torch.save(torch.load(path, weights_only=True) | changes, path)
    return path


@pytest.mark.parametrize(
    ("make", "changes"),
    [
        (lambda: Plain(4, depth=2), {}),
        (lambda: Plain(4, depth=2), {"hyper_parameters": {"width": 4, "depth": 2, "unknown": 3}}),
        (lambda: Plain(4), {"hyper_parameters": {}, "hparams": {"width": 9}, "module_arguments": {"width": 4}}),
        (lambda: OneArgument({"width": 7}), {"hparams_name": "settings"}),
        (lambda: OneArgument({"width": 7}), {"hparams_name": "settings", "hparams_type": "Namespace"}),
        (lambda: AnyArguments(width=4, out=6), {}),
        (Late, {}),
    ],
)
def test_the_model_is_the_one_that_lightning_makes(tmp_path, make, changes):
    path = saved(make(), tmp_path / "a.ckpt", **changes)
    expected = type(make()).load_from_checkpoint(path)
    found = model_of_hyperparameters(type(expected), read_checkpoint(path))
    assert str(found) == str(expected)
    assert dict(found.hparams) == dict(expected.hparams)
    for name, weights in expected.state_dict().items():
        assert torch.equal(found.state_dict()[name], weights)


def test_weights_that_a_lenient_class_lacks_are_said(tmp_path):
    path = saved(Lenient(), tmp_path / "a.ckpt", state_dict={"net.weight": torch.ones(2, 2), "old": torch.ones(1)})
    with pytest.warns(UserWarning, match="Lenient") as said:
        found = model_of_hyperparameters(Lenient, read_checkpoint(path))
    assert torch.equal(found.net.weight, torch.ones(2, 2))
    assert [str(each.message) for each in said] == [
        "Lenient: 1 weights not in the file (net.bias).",
        "Lenient: 1 weights not in the model (old).",
    ]


def test_a_checkpoint_from_before_hyperparameters_makes_a_class_that_needs_none():
    content = {"state_dict": Lenient().state_dict()}
    assert isinstance(model_of_hyperparameters(Lenient, content), Lenient)


def test_hyperparameters_that_are_none_are_refused():
    with pytest.raises(TypeError, match=r"hyper_parameters.*by name, got list"):
        model_of_hyperparameters(Lenient, {"hyper_parameters": [1], "state_dict": {}})
