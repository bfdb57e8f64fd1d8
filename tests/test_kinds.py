"""The examples of kinds of models: layers, clouds, labels and warnings at the first try."""

import numpy as np
import pytest
import torch
from example_tools import load, run_small, shapes
from torch.nn.utils.rnn import pad_sequence

from topocallback.activations.indices import BatchIndices
from topocallback.activations.options import ValidationOptions
from topocallback.activations.validation import ValidationRecorder

FOUND = "labels = {labels}; mask = {mask}; points = {points}; pooling = {pooling}; samples = indices into the data set"


def recorded(model, loader, pooling="auto", n=48):
    """The clouds of a model's chosen layers in one validation."""
    options = ValidationOptions(pooling=pooling, n_samples=n)
    with ValidationRecorder(model.eval(), options, BatchIndices(loader)) as recorder, torch.no_grad():
        for batch in loader:
            recorder.start_batch(batch, 0)
            model(*batch[:-1])
            recorder.end_batch()
    assert recorder.notes() == []
    return recorder.recording().to_point_clouds()


def test_a_padded_transformer(tmp_path, monkeypatch, capsys):
    ran = run_small("padded_transformer", tmp_path, monkeypatch, capsys)
    assert shapes(ran) == {
        "words": (160, 64), "encoder.layers.0": (160, 64), "encoder.layers.1": (160, 64), "encoder.layers.2": (160, 64),
        "head": (160, 5),
    }  # fmt: skip
    pooling = "mean over 40 positions, masked (4 layers), one vector (1 layer)"
    mask = "as layers are told"
    assert ran.told == [FOUND.format(labels="batch[1]", mask=mask, points="samples", pooling=pooling)]
    assert ran.warnings == []
    assert set(ran.monitor.history[-1].labels) <= {0, 1}  # the first packages' sentences
    assert "How often a sentence's nearest neighbours are of its topic" in ran.printed


def test_padding_of_a_transformer_enters_no_cloud():
    module = load("padded_transformer")
    torch.manual_seed(0)
    model = module.TopicClassifier()
    sentences = [torch.randint(2, 1000, (4 + (7 * i) % 30,)) for i in range(48)]
    batches = [
        (pad_sequence(sentences[at : at + 12], batch_first=True), torch.arange(at, at + 12) % 5)
        for at in range(0, 48, 12)
    ]
    loader = torch.utils.data.DataLoader(range(48), batch_size=12, collate_fn=lambda items: batches[items[0] // 12])
    clouds = recorded(model, loader)
    with torch.no_grad():
        words = torch.stack([model.words.weight[sentence].mean(dim=0) for sentence in sentences])
        alone = [model.words(one)[None] + model.places[: len(one)] for one in sentences]
        first = torch.stack([model.encoder.layers[0](x)[0].mean(dim=0) for x in alone])
        torch.testing.assert_close(torch.tensor(clouds.clouds["words"]), words, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(torch.tensor(clouds.clouds["encoder.layers.0"]), first, rtol=1e-4, atol=1e-5)
        model.words.weight[module.PADDING] = 1e3
    spoilt = recorded(model, loader)
    for layer in clouds.layers:
        np.testing.assert_array_equal(spoilt.clouds[layer], clouds.clouds[layer])


def test_a_vision_transformer(tmp_path, monkeypatch, capsys):
    ran = run_small("vision_transformer", tmp_path, monkeypatch, capsys)
    blocks = [f"blocks.{i}" for i in range(4)]
    assert shapes(ran) == {"patches": (160, 64), **dict.fromkeys(blocks, (160, 64)), "head": (160, 10)}
    pooling = "token over 17 positions (4 layers), max_norm over 16 positions (1 layer), one vector (1 layer)"
    assert ran.told == [FOUND.format(labels="batch[1]", mask=None, points="samples", pooling=pooling)]
    assert ran.warnings == []
    assert len(set(ran.monitor.history[-1].labels)) == 10
    assert len(ran.clouds["patches"].unique(dim=0)) == 160  # the first patch of a digit is blank


@pytest.mark.parametrize(("points", "count"), [("characters", 1024), ("last", 128)])
def test_a_language_model(points, count, tmp_path, monkeypatch, capsys):
    ran = run_small("language_model", tmp_path, monkeypatch, capsys, "--points", points)
    assert {layer: len(cloud) for layer, cloud in ran.clouds.items()} == dict.fromkeys(
        ["characters", "decoder.layers.0", "decoder.layers.1", "decoder.layers.2", "head"], count
    )
    of, how = ("positions of samples", "up to 8 of") if points == "characters" else ("samples", "last over")
    pooling = f"{how} 64 positions (5 layers)"
    assert ran.told == [FOUND.format(labels=None, mask=None, points=of, pooling=pooling)]
    assert ran.warnings == []
    assert "Intrinsic dimension of each layer's points" in ran.printed


def test_an_lstm_on_packed_sequences(tmp_path, monkeypatch, capsys):
    ran = run_small("packed_lstm", tmp_path, monkeypatch, capsys)
    assert shapes(ran) == {"columns": (160, 64), "lstm": (160, 64), "head": (160, 10)}
    pooling = "last over 20 positions, masked (2 layers), one vector (1 layer)"
    assert ran.told == [FOUND.format(labels="batch[2]", mask="batch[1]", points="samples", pooling=pooling)]
    assert ran.warnings == []
    assert len(set(ran.monitor.history[-1].labels)) == 10


def test_padding_of_an_lstm_enters_no_cloud():
    module = load("packed_lstm")
    torch.manual_seed(0)
    model = module.ReadsDigits()
    digits = [torch.rand(3 + (5 * i) % 17, 28) for i in range(48)]

    def clouds_with(value):
        def pad(items):
            columns, lengths, labels = module.pad(items)
            behind = torch.arange(columns.shape[1]) >= lengths[:, None]
            return columns.masked_fill(behind[:, :, None], value), lengths, labels

        items = [(digit, i % 10) for i, digit in enumerate(digits)]
        return recorded(model, torch.utils.data.DataLoader(items, batch_size=12, collate_fn=pad), "last")

    clouds = clouds_with(0.0)
    with torch.no_grad():
        last = torch.stack([model.lstm(torch.relu(model.columns(one)))[0][-1] for one in digits])
        columns = torch.stack([model.columns(one[-1]) for one in digits])
    torch.testing.assert_close(torch.tensor(clouds.clouds["lstm"]), last, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.tensor(clouds.clouds["columns"]), columns, rtol=1e-4, atol=1e-5)
    spoilt = clouds_with(100.0)
    for layer in clouds.layers:
        np.testing.assert_array_equal(spoilt.clouds[layer], clouds.clouds[layer])


def test_convolutions_over_time(tmp_path, monkeypatch, capsys):
    ran = run_small("time_series", tmp_path, monkeypatch, capsys)
    assert shapes(ran) == {"stages.0": (150, 32), "stages.1": (150, 64), "stages.2": (150, 32), "head": (150, 2)}
    pooling = "max_norm over 150 positions (3 layers), one vector (1 layer)"
    assert ran.told == [FOUND.format(labels="batch[1]", mask=None, points="samples", pooling=pooling)]
    [alert] = ran.warnings
    assert "have dead units" in alert  # at the positions recorded
    assert set(ran.monitor.history[-1].labels) == {0, 1}


def test_a_regression_on_a_table(tmp_path, monkeypatch, capsys):
    ran = run_small("tabular_regression", tmp_path, monkeypatch, capsys)
    assert shapes(ran) == {"net.0": (160, 64), "net.3": (160, 64), "net.5": (160, 1)}
    pooling = "one vector (3 layers)"
    assert ran.told == [FOUND.format(labels="batch[1]", mask=None, points="samples", pooling=pooling)]
    assert ran.warnings == []
    labels = ran.monitor.history[-1].labels
    assert labels.dtype == np.float64
    assert len(set(labels)) > 100  # the target itself, and no classes
    assert "Mean squared error" in ran.printed
