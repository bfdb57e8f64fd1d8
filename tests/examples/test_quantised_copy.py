"""A quantised copy: the layer that quantisation broke is found."""

import numpy as np
import pytest
import torch
from examples_as_run import load, run

quantised_copy = load("quantised_copy")
LAYERS = ("net.0", "net.2", "net.4", "net.6")

pytestmark = [
    pytest.mark.skipif(not hasattr(torch.ao, "quantization"), reason="this torch has no quantisation of its own"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_the_example_finds_the_layer_that_was_made_hard_to_quantise(tmp_path, caplog):
    ran = run("quantised_copy", tmp_path, caplog, epochs=2, images=800)
    comparison = ran.result
    assert comparison.layers == LAYERS
    assert [checkpoint.name for checkpoint in comparison.checkpoints] == ["float", "int8"]
    assert f"Quantisation broke {quantised_copy.HARD}; made hard was {quantised_copy.HARD}." in ran.printed
    noise = np.diag(comparison.between("float", "int8", "sqnr"))
    cosine = np.diag(comparison.between("float", "int8", "cosine"))
    assert (noise[:2] < 1e-3).all()
    assert noise[2] > 100 * noise[1]
    assert cosine[2] > 100 * cosine[1]
    assert [line for line in ran.warnings if "left out" in line.lower()] == []


def test_its_decibels_are_those_of_the_formula(tmp_path, caplog):
    """Of the first layer, whose outputs are computed here once more."""
    comparison = run("quantised_copy", tmp_path, caplog, epochs=1, images=800).result
    torch.manual_seed(0)
    model = quantised_copy.Perceptron()
    copied = quantised_copy.quantised(model)
    [loader] = [quantised_copy.digit_loaders(800)[1]]
    images = torch.cat([images for images, _ in loader])
    with torch.no_grad():
        x, y = model.net[0](images), copied.net[0](images)
    compared = quantised_copy.compare_models(
        {"float": model, "int8": copied}, loader, n_samples=200, measures=("sqnr",), layers="net.0"
    )
    expected = 10 * np.log10(float(x.square().sum() / (x - y).square().sum()))
    assert quantised_copy.decibels(compared)["net.0"] == pytest.approx(expected, abs=0.3)
    assert set(quantised_copy.decibels(comparison)) == set(LAYERS)
