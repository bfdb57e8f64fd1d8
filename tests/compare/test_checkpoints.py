"""Files of checkpoints: what a bad one says, and what is read from one that nobody vouches for."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from small_classifier import LAYERS, N_SAMPLES, Classifier, loader

from topocallback import (
    compare_checkpoints,
)


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
