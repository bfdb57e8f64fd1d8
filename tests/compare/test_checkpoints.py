"""Files of checkpoints: what a bad one says, and what is read from one that nobody vouches for."""

import collections
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from small_classifier import LAYERS, N_SAMPLES, Classifier, loader

from topocallback import (
    compare_checkpoints,
)
from topocallback.activations.checkpoint_file import read_checkpoint
from topocallback.compare.checkpoints import ModelSource


class NotPlain:
    """Something that only unpickling anything can load."""


def spoil(kind, good, bad):
    if kind == "truncated":
        bad.write_bytes(good.read_bytes()[:2000])
    elif kind == "text":
        bad.write_text("no checkpoint")
    elif kind == "empty":
        bad.write_bytes(b"")
    elif kind == "wider":
        torch.save(torch.load(good, weights_only=True) | {"state_dict": Classifier(width=16).state_dict()}, bad)
    elif kind == "other layers":
        torch.save(torch.load(good, weights_only=True) | {"state_dict": {"head.weight": torch.zeros(2, 2)}}, bad)
    elif kind == "no weights":
        torch.save({"epoch": 3}, bad)
    elif kind == "a list":
        torch.save([1, 2], bad)
    elif kind == "object":
        torch.save(torch.load(good, weights_only=True) | {"extra": NotPlain()}, bad)
    elif kind == "folder":
        bad.mkdir()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "no such file"),
        ("truncated", "damaged, or no checkpoint"),
        ("text", "damaged, or no checkpoint"),
        ("empty", "damaged, or no checkpoint"),
        ("wider", "another architecture"),
        ("other layers", "another architecture"),
        ("no weights", "Expected weights under 'state_dict', got the keys"),
        ("a list", "got list"),
        ("object", "trust=True"),
        ("folder", "cannot be read"),
    ],
)
@pytest.mark.parametrize("model", [Classifier, lambda: Classifier()], ids=["class", "factory"])
def test_a_bad_checkpoint_is_named_and_the_others_are_compared(study, tmp_path, kind, said, model):
    good = study / "seed=0" / "checkpoints" / "epoch=0.ckpt"
    bad = tmp_path / "bad.ckpt"
    spoil(kind, good, bad)
    with pytest.warns(UserWarning, match="Left out") as caught:
        found = compare_checkpoints(model, [good, bad], loader(), n_samples=N_SAMPLES)
    assert [str(bad) in str(w.message) and said in str(w.message) for w in caught if "Left out" in str(w.message)] == [
        True
    ]
    assert [point[1] for point in found.points] == list(LAYERS)
    assert said in found.left_out[str(bad)]


def test_the_message_on_another_architecture_says_what_differs(tmp_path):
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": Classifier(width=16).state_dict()}, path)
    with (
        pytest.raises(ValueError, match=r"net.0.weight is \(16, 4\) instead of"),
        pytest.warns(UserWarning, match="Left out"),
    ):
        compare_checkpoints(Classifier(), path, loader(), n_samples=N_SAMPLES)


def test_a_trusted_file_may_hold_objects(study, tmp_path):
    path = tmp_path / "a.ckpt"
    spoil("object", study / "seed=0" / "checkpoints" / "epoch=0.ckpt", path)
    found = compare_checkpoints(Classifier, path, loader(), n_samples=N_SAMPLES, trust=True)
    expected = compare_checkpoints(
        Classifier, study / "seed=0" / "checkpoints" / "epoch=0.ckpt", loader(), n_samples=N_SAMPLES
    )
    np.testing.assert_array_equal(found.matrix(), expected.matrix())


def test_code_in_an_untrusted_file_does_not_run(tmp_path):
    class Malicious:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "touched",))

    path = tmp_path / "a.ckpt"
    path.write_bytes(pickle.dumps({"state_dict": Malicious()}))
    with pytest.raises(ValueError, match="none"), pytest.warns(UserWarning, match="Left out"):
        compare_checkpoints(Classifier, path, loader(), n_samples=N_SAMPLES)
    assert not (tmp_path / "touched").exists()


@pytest.fixture
def runs_code(monkeypatch, tmp_path):
    """A module that anybody can import, and the file that is there when its code has run."""
    (tmp_path / "hostile.py").write_text(
        "from pathlib import Path\nPath(__file__).with_name('touched').touch()\ndef make(*_): raise SystemExit\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "touched"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("hyper_parameters", {"width": 8, "_instantiator": "hostile.make"}),
        ("hyper_parameters", {"_instantiator": "lightning.pytorch.cli.instantiate_module", "_class_path": "hostile.A"}),
        ("hyper_parameters", {"_instantiator": "lightning.pytorch.cli.instantiate_module", "width": 8}),
        ("hyper_parameters", {"_class_path": "hostile.make"}),
        ("hyper_parameters", {"_instantiator": ["hostile.make"]}),
        ("hparams", {"_instantiator": "hostile.make"}),
        ("module_arguments", {"_instantiator": "hostile.make"}),
        ("hyper_parameters", {"net": [{"_instantiator": "hostile.make"}]}),
        ("hparams_type", collections.OrderedDict),
    ],
)
def test_hyperparameters_that_name_code_are_refused_by_name(study, tmp_path, runs_code, place, value):
    path = tmp_path / "a.ckpt"
    content = torch.load(study / "seed=0" / "checkpoints" / "epoch=0.ckpt", weights_only=True)
    torch.save(content | {place: value}, path)
    with (
        pytest.raises(ValueError, match=r"trust=True.*--trust"),
        pytest.warns(UserWarning, match=f"{place}.* is ") as said,
    ):
        compare_checkpoints(Classifier, path, loader(), n_samples=N_SAMPLES)
    assert any("name code to run" in str(each.message) for each in said)
    assert not runs_code.exists()
    # An instance needs no hyperparameters.
    assert compare_checkpoints(Classifier(), path, loader(), n_samples=N_SAMPLES).points
    assert not runs_code.exists()


def test_a_trusted_file_may_name_what_makes_the_model(study, tmp_path):
    good, path = study / "seed=0" / "checkpoints" / "epoch=0.ckpt", tmp_path / "a.ckpt"
    own = {"width": 8, "_instantiator": "lightning.pytorch.cli.instantiate_module"}
    torch.save(torch.load(good, weights_only=True) | {"hyper_parameters": own}, path)
    found = compare_checkpoints(Classifier, path, loader(), n_samples=N_SAMPLES, trust=True)
    np.testing.assert_array_equal(
        found.matrix(), compare_checkpoints(Classifier, good, loader(), n_samples=N_SAMPLES).matrix()
    )


class ReadsItself(Classifier):
    """With a ``load_from_checkpoint`` of its own."""

    @classmethod
    def load_from_checkpoint(cls, path, **options):
        return super().load_from_checkpoint(path, **options).eval()


@pytest.mark.parametrize("kind", [Classifier, ReadsItself])
def test_what_was_read_is_what_the_model_is_made_of(study, tmp_path, kind):
    """A file that changes meanwhile changes nothing."""
    path = tmp_path / "a.ckpt"
    path.write_bytes((study / "seed=0" / "checkpoints" / "epoch=0.ckpt").read_bytes())
    content = read_checkpoint(path)
    path.write_bytes(b"")
    model = ModelSource(kind).load(path, content)
    assert type(model) is kind
    for name, weights in content["state_dict"].items():
        assert torch.equal(model.state_dict()[name], weights)
