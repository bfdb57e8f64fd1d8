"""Layers on sequences and graphs: one row per sample wherever the samples are, or one per node."""

import numpy as np
import pytest
import torch
from recording_tools import generator, with_whole_weights
from torch import nn

from topocallback.activations.recorder import ActivationRecorder
from topocallback.activations.samples import bottom_k

# -- Sequences ---------------------------------------------------------------------------------------------------------


class Recurrent(nn.Module):
    def __init__(self, batch_first):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=batch_first)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        if self.lstm.batch_first:
            return self.head(self.lstm(x)[0][:, -1])
        return self.head(self.lstm(x.transpose(0, 1))[0][-1])

    def truth(self, x):
        return {"lstm": self.lstm(x if self.lstm.batch_first else x.transpose(0, 1))[0], "head": self(x)}


class Attentive(nn.Module):
    def __init__(self, batch_first):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=batch_first)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        if self.attention.batch_first:
            return self.head(self.attention(x, x, x)[0][:, 0])
        x = x.transpose(0, 1)
        return self.head(self.attention(x, x, x)[0][0])

    def truth(self, x):
        own = x if self.attention.batch_first else x.transpose(0, 1)
        return {"attention": self.attention(own, own, own)[0], "head": self(x)}


@pytest.mark.parametrize("kind", [Recurrent, Attentive])
@pytest.mark.parametrize("batch_first", [True, False], ids=["samples first", "samples second"])
@pytest.mark.parametrize("length", [4, 6, 9], ids=["short", "as long as the batch", "long"])
@pytest.mark.parametrize("told", [True, False], ids=["size", "no size"])
def test_recurrent_and_attention_layers_give_one_row_per_sample(kind, batch_first, length, told):
    torch.manual_seed(0)
    model = kind(batch_first).eval()
    data = torch.randn(6, length, 3 if kind is Recurrent else 4)
    with ActivationRecorder(
        model, ["lstm" if kind is Recurrent else "attention", "head"], pooling="flatten"
    ) as recorder:
        if told:
            recorder.start_batch(6)
        model(data)
    clouds = recorder.point_clouds()
    assert clouds.problems == {}
    assert clouds.n_points == 6
    for name, expected in model.truth(data).items():
        expected = expected if batch_first or name == "head" else expected.transpose(0, 1)
        np.testing.assert_allclose(clouds.clouds[name], expected.detach().flatten(1), atol=1e-6)


@pytest.mark.parametrize("batch_first", [True, False], ids=["samples first", "samples second"])
def test_transformer_layers_give_one_row_per_sample(batch_first):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=batch_first)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    data = torch.randn(6, 5, 4)
    with ActivationRecorder(model, pooling="flatten") as recorder, torch.no_grad():
        recorder.start_batch(6)
        model(data if batch_first else data.transpose(0, 1))
    expected = data if batch_first else data.transpose(0, 1)
    for name, layer in model.layers.named_children():
        with torch.no_grad():
            expected = layer(expected)
        rows = expected if batch_first else expected.transpose(0, 1)
        np.testing.assert_allclose(recorder.point_clouds().clouds[f"layers.{name}"], rows.flatten(1), atol=1e-5)


class Padded(nn.Module):
    """A transformer encoder over sequences of different lengths, which hands nested tensors to its layers."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)

    def forward(self, x, lengths):
        return self.encoder(x, src_key_padding_mask=torch.arange(x.shape[1]) >= lengths[:, None])


@pytest.fixture
def padded():
    torch.manual_seed(0)
    return Padded().eval()


def record_padded(model, pooling, batch_size, n=12, longest=7):
    data = torch.randn(n, longest, 8, generator=generator(1))
    lengths = torch.randint(1, longest + 1, (n,), generator=generator(2))
    nested = []
    handle = model.encoder.layers[0].register_forward_hook(lambda module, args, out: nested.append(out.is_nested))
    with ActivationRecorder(model, "encoder.layers.?", n_samples=n, pooling=pooling) as recorder, torch.no_grad():
        for batch, own in zip(data.split(batch_size), lengths.split(batch_size), strict=True):
            model(batch[:, : own.max()], own)
    handle.remove()
    assert any(nested)
    return recorder.point_clouds()


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("pooling", ["token", "max_norm", "mean", "auto", "random"])
def test_padded_sequences_give_the_same_vectors_in_whatever_batch_they_are(padded, pooling):
    expected = record_padded(padded, pooling, batch_size=12)
    assert expected.problems == {}
    assert expected.layers == ("encoder.layers.0", "encoder.layers.1")
    clouds = record_padded(padded, pooling, batch_size=3)
    for name in expected.layers:
        np.testing.assert_allclose(clouds.clouds[name], expected.clouds[name], atol=1e-5)


# -- Graphs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [7, None], ids=["number of graphs known", "unknown"])
@pytest.mark.parametrize("told", [True, False], ids=["size", "no size"])
def test_every_node_of_a_graph_is_a_sample_with_its_label(length, told):
    model = with_whole_weights(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
    nodes = torch.randint(-4, 5, (60, 3), generator=generator(0)).float()
    labels = torch.arange(60) % 5
    chosen = bottom_k(60, 20, seed=0)
    for sizes in ([10, 1, 25, 3, 1, 5, 15], [60], [1] * 60):
        with ActivationRecorder(model, "**", pooling="rows", n_samples=20, length=length) as recorder, torch.no_grad():
            for graph, own in zip(nodes.split(sizes), labels.split(sizes), strict=True):
                recorder.start_batch(1 if told else None, labels=own)  # one graph
                model(graph)
        clouds = recorder.point_clouds()
        assert clouds.problems == {}
        assert clouds.sample_ids.tolist() == chosen.tolist()
        assert clouds.labels.tolist() == labels[chosen].tolist()
        np.testing.assert_array_equal(clouds.clouds["2"], model(nodes[chosen]).detach())


def test_labels_of_inputs_do_not_cost_layers_whose_rows_are_points():
    model = nn.Sequential(nn.Flatten(0, 1), nn.Linear(4, 3))
    with ActivationRecorder(model, pooling="rows", n_samples=50) as recorder:
        for _ in range(3):
            recorder.start_batch(2, labels=torch.tensor([0, 1]))
            model(torch.randn(2, 5, 4))
    clouds = recorder.point_clouds()
    assert clouds.problems == {}
    assert clouds.clouds["1"].shape == (30, 3)
    assert clouds.labels is None
