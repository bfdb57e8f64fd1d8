"""Recording a validation: what is recorded, of which batches, with labels and inputs, and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch
from recording_tools import ConvNet, N, all_hooks_of, assert_same, record
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader as GraphLoader

from topocallback.activations.indices import BatchIndices
from topocallback.activations.inputs import InputRecorder
from topocallback.activations.options import ValidationOptions
from topocallback.activations.pooling import POOLINGS
from topocallback.activations.positions import Positions
from topocallback.activations.samples import bottom_k
from topocallback.activations.validation import ValidationRecorder

OPTIONS = ValidationOptions("**", n_samples=40)


def loader_of(images, batch_size=33):
    return DataLoader(TensorDataset(images, torch.arange(len(images)) * 3), batch_size=batch_size)


def run(net, recorder, loader, dataloader_idx=0):
    for x, y in loader:
        recorder.start_batch((x, y), dataloader_idx)
        net(x)
        recorder.end_batch()


# -- What is recorded ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False], ids=["known", "streamed"])
def test_a_validation_gives_what_the_recorder_of_activations_gives_and_labels(net, images, known):
    loader = loader_of(images)
    indices = BatchIndices(loader if known else iter(loader))
    with ValidationRecorder(net, OPTIONS, indices) as recorder, torch.no_grad():
        run(net, recorder, loader)
    clouds = recorder.recording().to_point_clouds()
    assert clouds.labels.tolist() == (clouds.sample_ids * 3).tolist()
    assert_same(dataclasses.replace(clouds, labels=None), record(net, images, n_samples=40))
    assert all("ran several times" not in note for note in recorder.notes())


def test_the_batches_of_other_loaders_and_what_runs_between_batches_are_not_recorded(net, images):
    options = dataclasses.replace(OPTIONS, dataloader_idx=1)
    loader, other = loader_of(images), loader_of(images.flip(0) + 1, batch_size=50)
    with ValidationRecorder(net, options, BatchIndices(iter(loader))) as recorder, torch.no_grad():
        net(images[:10] + 1)
        run(net, recorder, other, dataloader_idx=0)
        run(net, recorder, loader, dataloader_idx=1)
        net(images[:10] + 1)
        run(net, recorder, other, dataloader_idx=2)
    clouds = recorder.recording().to_point_clouds()
    assert_same(dataclasses.replace(clouds, labels=None), record(net, images, n_samples=40))


def test_samples_have_the_indices_of_their_process(net, images):
    data = TensorDataset(images, torch.arange(N) * 3)
    loader = DataLoader(data, batch_size=33, sampler=DistributedSampler(data, 2, 1, shuffle=False))
    with ValidationRecorder(net, OPTIONS, BatchIndices(loader)) as recorder, torch.no_grad():
        run(net, recorder, loader)
    clouds = recorder.recording().to_point_clouds()
    assert clouds.sample_ids.tolist() == [index for index in bottom_k(N, 40, seed=0) if index % 2 == 1]
    np.testing.assert_array_equal(clouds.clouds["head"], net(images[clouds.sample_ids]).detach().numpy())


def test_seed_layers_and_pooling_are_those_of_the_options(net, images):
    options = ValidationOptions("conv", Positions(2), n_samples=10, seed=5)
    loader = loader_of(images)
    with ValidationRecorder(net, options, BatchIndices(loader)) as recorder:
        run(net, recorder, loader)
    clouds = recorder.recording().to_point_clouds()
    assert clouds.sample_ids.tolist() == bottom_k(N, 10, seed=5).tolist()
    assert clouds.clouds["conv"].shape == (20, 3)


def test_rows_of_an_output_are_counted_as_they_come(net, images):
    options = ValidationOptions("head", "rows", n_samples=10)
    loader = loader_of(images)
    with ValidationRecorder(net, options, BatchIndices(loader)) as recorder:
        run(net, recorder, loader)
    clouds = recorder.recording().to_point_clouds()
    assert clouds.sample_ids.tolist() == bottom_k(N, 10, seed=0).tolist()
    assert clouds.labels.tolist() == (clouds.sample_ids * 3).tolist()


def test_inputs_are_those_of_the_recorded_samples(net, images):
    loader = loader_of(images)
    inputs = InputRecorder(15, N, seed=0, longest_side=8)
    with ValidationRecorder(net, OPTIONS, BatchIndices(loader), inputs=inputs) as recorder:
        run(net, recorder, loader)
        run(net, recorder, loader_of(images + 1), dataloader_idx=1)
    found = recorder.inputs.collect()
    assert set(found.sample_ids.tolist()) <= set(recorder.recording().ids.tolist())
    np.testing.assert_array_equal(found.images, images[found.sample_ids])


# -- What is missing -------------------------------------------------------------------------------------------------


def test_labels_that_are_missing_raise_before_the_batch_runs(net, images):
    options = dataclasses.replace(OPTIONS, labels="digit")
    with (
        ValidationRecorder(net, options, BatchIndices(loader_of(images))) as recorder,
        pytest.raises(ValueError, match="Expected `labels='digit'` to be in the batch, which has type tuple"),
    ):
        run(net, recorder, [(images, torch.arange(N))])
    assert all_hooks_of(net) == []


def test_labels_that_are_missing_may_be_told_to_somebody_instead(net, images):
    told = []
    options, loader = dataclasses.replace(OPTIONS, labels="digit"), loader_of(images, batch_size=100)
    with ValidationRecorder(net, options, BatchIndices(loader), on_missing=told.append) as recorder:
        run(net, recorder, loader)
    assert [type(error) for error in told] == [ValueError] * 3
    assert_same(recorder.recording().to_point_clouds(), record(net, images, n_samples=40))


def test_a_layer_that_there_is_not_is_refused_and_leaves_no_hook(net, images):
    with pytest.raises(ValueError, match="matches no layer of ConvNet"):
        ValidationRecorder(net, ValidationOptions("nothing like it"), BatchIndices(loader_of(images)))
    assert all_hooks_of(net) == []


def test_hooks_are_there_during_calls_only(net, images):
    recorder = ValidationRecorder(net, OPTIONS, BatchIndices(loader_of(images)))
    assert all_hooks_of(net) == []
    during = []
    handle = net.relu.register_forward_pre_hook(lambda module, args: during.append(len(all_hooks_of(net))))
    recorder.attach()
    assert len(all_hooks_of(net)) == 1  # the test's own
    recorder.start_batch((images, torch.arange(N)), 0)
    net(images)
    assert during[0] > 3
    assert len(all_hooks_of(net)) == 1
    recorder.detach()
    recorder.detach()
    handle.remove()
    assert all_hooks_of(net) == []


def test_layers_that_run_several_times_are_named(images):
    class Twice(ConvNet):
        def forward(self, x):
            self.conv(x)
            return super().forward(x)

    net, loader = Twice(), loader_of(images)
    with ValidationRecorder(net, OPTIONS, BatchIndices(loader)) as recorder:
        run(net, recorder, loader)
    [note] = [note for note in recorder.notes() if "several times" in note]
    assert note.startswith("layer 'conv' ran several times")


def run_batches(recorder, model, batches, call=None):
    for batch in batches:
        recorder.start_batch(batch, 0)
        (call or (lambda batch: model(batch[0])))(batch)
        recorder.end_batch()


def test_texts_are_labels_and_a_batch_without_any_of_them_leaves_the_rest(net, images):
    loader = DataLoader(range(N), batch_size=50)
    with ValidationRecorder(net, OPTIONS, BatchIndices(loader)) as recorder, torch.no_grad():
        batches = []
        for indices in loader:
            names = [None if i < 100 else f"class {int(i) % 3}" for i in indices]
            batches.append((images[indices], names))
        run_batches(recorder, net, batches)
    clouds = recorder.recording().to_point_clouds()
    assert clouds.labels.tolist() == [None if i < 100 else f"class {i % 3}" for i in clouds.sample_ids]
    assert recorder.about()["labels"] == "batch[1]"


def test_nodes_of_graphs_are_points_with_labels_of_their_own():
    data = [Data(x=torch.randn(n, 4), edge_index=torch.zeros(2, 0).long(), y=torch.arange(n) + n) for n in (2, 3, 5, 4)]
    model = torch.nn.Sequential(torch.nn.Linear(4, 3))
    loader = GraphLoader(data, batch_size=2)
    with ValidationRecorder(model, ValidationOptions("*", "rows", n_samples=99), BatchIndices(loader)) as recorder:
        run_batches(recorder, model, loader, lambda batch: model(batch.x))
    clouds = recorder.recording().to_point_clouds()
    assert clouds.clouds["0"].shape == (14, 3)
    assert clouds.labels.tolist() == [n + i for n in (2, 3, 5, 4) for i in range(n)]


def test_graphs_are_samples_with_a_label_each():
    data = [
        Data(x=torch.randn(n, 4), edge_index=torch.zeros(2, 0).long(), y=torch.tensor([n])) for n in (2, 3, 5, 4, 1)
    ]
    model = torch.nn.Sequential(torch.nn.Linear(4, 3))
    loader = GraphLoader(data, batch_size=2)
    with ValidationRecorder(model, ValidationOptions("*", "mean", n_samples=9), BatchIndices(loader)) as recorder:
        run_batches(recorder, model, loader, lambda batch: model(batch.x))
    clouds = recorder.recording().to_point_clouds()
    assert clouds.labels.tolist() == [2, 3, 5, 4, 1]
    expected = [model(one.x).mean(dim=0).detach().numpy() for one in data]
    np.testing.assert_allclose(clouds.clouds["0"], expected, atol=1e-5)


def test_a_batch_that_cannot_be_read_does_not_shift_the_others(net, images):
    class Unreadable:
        def keys(self):
            raise RuntimeError("mine")

    loader = DataLoader(range(N), batch_size=50)
    with ValidationRecorder(net, OPTIONS, BatchIndices(loader)) as recorder, torch.no_grad():
        for number, indices in enumerate(loader):
            if number == 1:
                with pytest.raises(RuntimeError, match="mine"):
                    recorder.start_batch(Unreadable(), 0)
                continue
            recorder.start_batch((images[indices], indices * 3), 0)
            net(images[indices])
            recorder.end_batch()
    clouds = recorder.recording().to_point_clouds()
    assert clouds.labels.tolist() == (clouds.sample_ids * 3).tolist()
    assert clouds.sample_ids.tolist() == [i for i in bottom_k(N, 40, seed=0) if not 50 <= i < 100]


def test_a_list_of_images_counts_its_images(net):
    images = [torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(i)) for i in range(7)]
    loader = DataLoader(
        range(7), batch_size=3, collate_fn=lambda ids: ([images[i] for i in ids], [{"id": i} for i in ids])
    )
    with ValidationRecorder(net, OPTIONS, BatchIndices(loader)) as recorder, torch.no_grad():
        run_batches(recorder, net, loader, lambda batch: net(torch.stack(batch[0])))
    clouds = recorder.recording().to_point_clouds()
    assert clouds.sample_ids.tolist() == list(range(7))
    np.testing.assert_allclose(clouds.clouds["head"], net(torch.stack(images)).detach(), atol=1e-5)


def test_lengths_are_never_classes():
    data = [(torch.randn(n, 4), n, n % 2) for n in (5, 5, 3, 4, 2, 5)]

    def pad(samples):
        x = torch.nn.utils.rnn.pad_sequence([one[0] for one in samples], batch_first=True)
        return x, torch.tensor([one[1] for one in samples]), torch.tensor([one[2] for one in samples])

    model = torch.nn.Sequential(torch.nn.Linear(4, 3))
    for batch_size in (1, 2, 6):  # of the first two batches of two, one is not padded
        loader = DataLoader(data, batch_size=batch_size, collate_fn=pad)
        with ValidationRecorder(model, ValidationOptions("*", "mean"), BatchIndices(loader)) as recorder:
            run_batches(recorder, model, loader)
        clouds = recorder.recording().to_point_clouds()
        assert clouds.labels.tolist() == [1, 1, 1, 0, 0, 1]
        expected = [model(one[0]).mean(dim=0).detach().numpy() for one in data]
        np.testing.assert_allclose(clouds.clouds["0"], expected, atol=1e-5)


def test_where_nothing_says_how_many_samples_there_are_it_is_said(net, images):
    batches = [(images[:20], torch.zeros(10)), (images[20:40], torch.zeros(10))]
    with ValidationRecorder(net, OPTIONS, BatchIndices(iter(batches))) as recorder, torch.no_grad():
        run_batches(recorder, net, batches)
    assert "a batch is taken to have 20 samples, and could as well have 10." in recorder.notes()


# -- Options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "max"}, r"`pooling` to be one of .*'max_norm'.* or a callable, got 'max'"),
        ({"n_samples": 1}, "`n_samples` to be an integer of at least 2, got 1"),
        ({"n_samples": 2.5}, "`n_samples` to be an integer of at least 2, got 2.5"),
        ({"n_samples": "many"}, "`n_samples` to be an integer of at least 2, got 'many'"),
        ({"n_samples": True}, "`n_samples` to be an integer of at least 2, got True"),
        ({"dataloader_idx": -1}, "`dataloader_idx` to be an integer of at least 0, got -1"),
        ({"dataloader_idx": None}, "`dataloader_idx` to be an integer of at least 0, got None"),
    ],
    ids=str,
)
def test_an_option_that_is_not_allowed_is_named_with_what_is(options, message):
    with pytest.raises(ValueError, match=f"Expected {message}"):
        ValidationOptions(**options)


def test_every_pooling_is_allowed():
    for pooling in (*POOLINGS, Positions(3), torch.flatten):
        assert ValidationOptions(pooling=pooling).pooling is pooling


# -- Weights and edges ------------------------------------------------------------------------------------------------


def graphs_of(*sizes):
    """Paths of so many nodes, whose vectors are their numbers."""
    starts = np.cumsum([0, *sizes])
    return [
        Data(
            x=torch.arange(start, start + n)[:, None].float(),
            edge_index=torch.stack([torch.arange(n - 1), torch.arange(1, n)]),
        )
        for start, n in zip(starts, sizes, strict=False)
    ]


@pytest.mark.parametrize("n_samples", [3, 9, 99])
def test_edges_are_between_the_nodes_that_were_sampled(n_samples):
    sizes = (2, 3, 5, 4, 1, 6)
    loader = GraphLoader(graphs_of(*sizes), batch_size=2)
    model = torch.nn.Sequential(torch.nn.Identity())
    options = ValidationOptions("0", "rows", n_samples=n_samples)
    with ValidationRecorder(model, options, BatchIndices(loader), needs={"edges"}) as recorder:
        run_batches(recorder, model, loader, lambda batch: model(batch.x))
    clouds = recorder.recording().to_point_clouds()
    nodes = clouds["0"].ravel()
    found = {tuple(pair) for pair in nodes[clouds.edges].tolist()}
    starts = np.cumsum([0, *sizes])
    everywhere = {(i, i + 1) for start, n in zip(starts, sizes, strict=False) for i in range(start, start + n - 1)}
    assert found == {edge for edge in everywhere if set(edge) <= set(nodes.tolist())}
    assert recorder.notes() == []


@pytest.mark.parametrize(
    ("pooling", "needs"), [("rows", ()), ("rows", {"weights"}), ("mean", {"edges"}), ("mean", {"edges", "weights"})]
)
def test_edges_and_weights_are_there_if_they_were_asked_for_and_points_are_nodes(pooling, needs):
    loader = GraphLoader(graphs_of(2, 3), batch_size=2)
    model = torch.nn.Sequential(torch.nn.Linear(1, 4))
    options = ValidationOptions("*", pooling, n_samples=9)
    with ValidationRecorder(model, options, BatchIndices(loader), needs=needs) as recorder:
        run_batches(recorder, model, loader, lambda batch: model(batch.x))
    clouds = recorder.recording().to_point_clouds()
    assert clouds.edges is None
    assert list(clouds.weights) == (["0"] if "weights" in needs else [])


def test_every_call_of_a_layer_has_its_weights_and_a_layer_that_failed_has_none():
    class Repeats(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.twice, self.unused = torch.nn.Linear(64, 64), torch.nn.Linear(3, 3)

        def forward(self, x):
            return self.twice(self.twice(x))

    model = Repeats()
    x = torch.randn(10, 64)
    options = ValidationOptions("*", n_samples=10, calls="each")
    with ValidationRecorder(model, options, BatchIndices(DataLoader(x, 5)), needs={"weights"}) as recorder:
        run_batches(recorder, model, x.split(5), model)
    clouds = recorder.recording().to_point_clouds()
    assert list(clouds.weights) == ["twice@0", "twice@1"]
    assert set(clouds.problems) == {"unused"}
