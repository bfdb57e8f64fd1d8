"""ActivationRecorder: real models, in every batching, against what the model gives for the chosen samples alone."""

import collections
import copy
import dataclasses
import math
import random
from contextlib import suppress

import numpy as np
import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from topocallback.activations.recorder import ActivationRecorder
from topocallback.activations.samples import bottom_k

N = 250


class ConvNet(nn.Module):
    """Convolution, ReLU in place, linear head. With whole numbers for weights its arithmetic is exact."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 2, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(48, 5)

    def forward(self, x):
        return self.head(self.relu(self.conv(x)).flatten(1))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def with_whole_weights(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randint(-2, 3, parameter.shape, generator=generator(parameter.numel())))
    return model


@pytest.fixture
def net():
    return with_whole_weights(ConvNet())


@pytest.fixture
def images():
    return torch.randint(-4, 5, (N, 1, 8, 8), generator=generator(1)).float()


@pytest.fixture(autouse=True)
def _fresh_compiler():
    yield
    torch.compiler.set_stance("default")
    torch._dynamo.reset()


def record(model, data, batch_size=64, layers="*", **options):
    with ActivationRecorder(model, layers, **options) as recorder, torch.no_grad():
        for batch in data.split(batch_size):
            model(batch)
    return recorder.point_clouds()


def assert_same(clouds, expected):
    assert clouds.layers == expected.layers
    assert clouds.sample_ids.tolist() == expected.sample_ids.tolist()
    for layer in expected.layers:
        np.testing.assert_array_equal(clouds.clouds[layer], expected.clouds[layer])
    assert (clouds.labels is None) == (expected.labels is None)
    if expected.labels is not None:
        assert clouds.labels.tolist() == expected.labels.tolist()
        assert clouds.labels.dtype == expected.labels.dtype
    assert clouds.problems == expected.problems


def largest(outputs):
    """The channel vector of largest norm of every image, by a plain loop over positions."""
    vectors = []
    for image in outputs:
        columns = image.flatten(1).t().tolist()
        vectors.append(max(columns, key=lambda column: sum(x * x for x in column)))
    return np.array(vectors, dtype=np.float32)


def hooks_of(model):
    return [
        hook
        for module in model.modules()
        for hooks in (
            module._forward_hooks,
            module._forward_pre_hooks,
            module._backward_hooks,
            module._backward_pre_hooks,
            module._forward_hooks_with_kwargs,
            module._forward_pre_hooks_with_kwargs,
            module._forward_hooks_always_called,
        )
        for hook in hooks
    ]


# -- The same samples, whatever the batches ---------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
def test_every_batch_size_records_what_the_chosen_samples_alone_would_give(net, images, batch_size, length):
    clouds = record(net, images, batch_size, n_samples=40, length=length, seed=3)
    chosen = bottom_k(N, 40, seed=3)
    assert clouds.sample_ids.tolist() == chosen.tolist()
    assert clouds.layers == ("conv", "relu", "head")
    with torch.no_grad():
        convolved = net.conv(images[chosen])
        np.testing.assert_array_equal(clouds.clouds["conv"], largest(convolved))
        np.testing.assert_array_equal(clouds.clouds["relu"], largest(convolved.clamp(min=0)))
        np.testing.assert_array_equal(clouds.clouds["head"], net(images[chosen]).numpy())
    assert clouds.problems == {}


def beginning(values):
    return values.flatten(1)[:, :4]


@pytest.mark.parametrize("pooling", ["random", "mean", "flatten", "token", beginning])
def test_every_cloud_is_the_same_for_all_batch_sizes_and_both_ways_of_sampling(net, images, cloud):
    expected = record(net, images, 1000, n_samples=40, length=N, pooling=cloud)
    assert expected.problems == {}
    for batch_size in (7, 64):
        for length in (N, None):
            assert_same(record(net, images, batch_size, n_samples=40, length=length, pooling=cloud), expected)


@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
def test_samples_told_by_their_ids_may_come_in_any_order(net, images, length):
    expected = record(net, images, n_samples=40, length=length)
    order = torch.randperm(N, generator=generator(2))
    with ActivationRecorder(net, "*", n_samples=40, length=length) as recorder, torch.no_grad():
        for ids in order.split(33):
            recorder.start_batch(sample_ids=ids.tolist())
            net(images[ids])
    assert_same(recorder.point_clouds(), expected)


@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
def test_a_sample_that_comes_again_counts_once(net, images, length):
    expected = record(net, images, n_samples=40, length=length)
    with ActivationRecorder(net, "*", n_samples=40, length=length) as recorder, torch.no_grad():
        for ids in [np.arange(N), np.arange(N // 2), np.array([3, 3, 4, 3]), bottom_k(N, 40, 0)]:
            recorder.start_batch(sample_ids=ids)
            net(images[ids])
    assert_same(recorder.point_clouds(), expected)


@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
def test_more_places_than_samples_keep_all_samples(net, images, length):
    clouds = record(net, images, n_samples=512, length=length)
    assert clouds.sample_ids.tolist() == list(range(N))
    np.testing.assert_array_equal(clouds.clouds["head"], net(images).detach().numpy())


def test_a_data_set_that_ends_early_leaves_its_missing_samples_out(net, images):
    clouds = record(net, images[:100], n_samples=40, length=N)
    chosen = [i for i in bottom_k(N, 40, seed=0) if i < 100]
    assert clouds.sample_ids.tolist() == chosen
    np.testing.assert_array_equal(clouds.clouds["head"], net(images[chosen]).detach().numpy())


def test_samples_beyond_the_known_length_are_padding(net, images):
    assert_same(record(net, images, n_samples=40, length=100), record(net, images[:100], n_samples=40, length=100))


def test_seeds_record_different_samples(net, images):
    first, second = (record(net, images, n_samples=40, seed=seed).sample_ids.tolist() for seed in (0, 1))
    assert first != second


@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
def test_empty_batches_change_nothing(net, images, length):
    expected = record(net, images, n_samples=40, length=length)
    with ActivationRecorder(net, "*", n_samples=40, length=length) as recorder, torch.no_grad():
        for batch in images.split(64):
            net(batch[:0])
            net(batch)
    assert_same(recorder.point_clouds(), expected)
    with ActivationRecorder(net, "*", n_samples=40, length=length) as recorder, torch.no_grad():
        for batch in (images[:0], images):
            recorder.start_batch(len(batch))
            net(batch)
    assert_same(recorder.point_clouds(), expected)


def test_nothing_run_is_no_point_and_a_problem_of_every_layer(net):
    with ActivationRecorder(net, "*") as recorder:
        pass
    clouds = recorder.point_clouds()
    assert (clouds.n_points, clouds.layers, set(clouds.problems)) == (0, (), {"conv", "relu", "head"})


def test_empty_batches_alone_are_no_point(net, images):
    assert record(net, images[:0]).n_points == 0


def test_recording_goes_on_where_it_was_interrupted(net, images):
    recorder = ActivationRecorder(net, "*", n_samples=40)
    with torch.no_grad():
        with recorder:
            net(images[:100])
        net(images)
        with recorder:
            net(images[100:])
    assert_same(recorder.point_clouds(), record(net, images, n_samples=40))


# -- What it costs ----------------------------------------------------------------------------------------------------


def test_batches_without_kept_rows_are_not_looked_at(net, images):
    looks = []

    def select(output):
        looks.append(len(output))
        return output

    with ActivationRecorder(net, "conv", n_samples=4, length=N, select=select) as recorder, torch.no_grad():
        for batch in images.split(10):
            recorder.start_batch(len(batch))
            net(batch)
    with_kept_rows = {i // 10 for i in bottom_k(N, 4, seed=0)}
    assert len(looks) == len(with_kept_rows) < N // 10
    assert recorder.calls == {"conv": N // 10}
    assert recorder.point_clouds().n_points == 4


class Allocations(TorchDispatchMode):
    """Notes the number of elements of every tensor that an operation creates with memory of its own."""

    def __init__(self):
        super().__init__()
        self.sizes = [0]

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        given = {x.untyped_storage().data_ptr() for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)}
        self.sizes += [
            x.numel()
            for x in tree_leaves(result)
            if isinstance(x, torch.Tensor) and x.untyped_storage().data_ptr() not in given
        ]
        return result


@pytest.mark.parametrize("shape", [(3, 8, 8), (50,)], ids=["image", "vector"])
@pytest.mark.parametrize("pooling", ["max_norm", "mean", "flatten", "random"])
def test_only_kept_rows_are_ever_copied(shape, cloud):
    model = nn.Sequential(nn.Identity())  # so that every operation is the recorder's
    data = torch.randn(400, *shape, generator=generator(0))
    kept = np.bincount(bottom_k(400, 12, seed=0) // 100, minlength=4)
    allocations = Allocations()
    with ActivationRecorder(model, "0", n_samples=12, length=400, pooling=cloud, channels=1) as recorder, allocations:
        for batch in data.split(100):
            model(batch)
    assert recorder.point_clouds().n_points == 12
    buffer = recorder.recording().vectors["0"].numel()
    assert max(allocations.sizes) <= max(kept.max() * math.prod(shape), buffer) < 100 * math.prod(shape)


@pytest.mark.parametrize("length", [5000, None], ids=["known", "streamed"])
def test_memory_does_not_grow_with_the_data_set(length):
    model = nn.Sequential(nn.Linear(6, 3))
    with ActivationRecorder(model, n_samples=20, length=length) as recorder, torch.no_grad():
        for _ in range(50):
            model(torch.ones(100, 6))
    vectors = recorder.recording().vectors["0"]
    assert vectors.shape == (20, 3)
    assert vectors.untyped_storage().nbytes() == 20 * 3 * 4
    assert len(recorder.recording().ids) == 20


def test_what_was_recorded_keeps_no_graph_and_no_activation(net, images):
    with ActivationRecorder(net, "*", n_samples=40) as recorder:
        loss = net(images).sum()
    vectors = recorder.recording().vectors
    assert all(not values.requires_grad and values.grad_fn is None for values in vectors.values())
    before = {name: values.clone() for name, values in vectors.items()}
    loss.backward()
    torch.optim.SGD(net.parameters(), lr=1.0).step()
    assert all(torch.equal(vectors[name], before[name]) for name in before)


def test_recording_leaves_outputs_gradients_and_generators_alone(images):
    def train(recorded):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        model = nn.Sequential(nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(147, 2))
        length = N if recorded == "known" else None
        recorder = ActivationRecorder(model, "*", n_samples=40, length=length, pooling="random")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        if recorded:
            recorder.attach()
        outputs = []
        for batch in images.split(100):
            outputs.append(model(batch))
            optimizer.zero_grad()
            outputs[-1].square().mean().backward()
            optimizer.step()
        recorder.detach()
        if recorded:
            assert recorder.point_clouds().layers == ("0", "1", "2", "3", "4")
        draws = (torch.rand(1).item(), np.random.random(), random.random())  # noqa: NPY002
        return [*outputs, *model.state_dict().values()], draws

    expected, draws = train(recorded=None)
    for recorded in ("known", "streamed"):
        tensors, own_draws = train(recorded)
        assert all(torch.equal(a, b) for a, b in zip(tensors, expected, strict=True))
        assert own_draws == draws


# -- Hooks ------------------------------------------------------------------------------------------------------------


def test_hooks_are_there_inside_of_with_only(net, images):
    assert hooks_of(net) == []
    with ActivationRecorder(net, "*") as recorder:
        assert len(hooks_of(net)) >= 3
        net(images)
    assert hooks_of(net) == []
    calls = recorder.calls
    net(images)
    assert recorder.calls == calls == {"conv": 1, "relu": 1, "head": 1}


def record_and_fail(model, data):
    with ActivationRecorder(model, "*"):
        model(data)
        raise KeyError("mine")


def test_an_exception_inside_of_with_takes_the_hooks_off(net, images):
    with pytest.raises(KeyError, match="mine"):
        record_and_fail(net, images)
    assert hooks_of(net) == []


def test_a_forward_pass_that_fails_halfway_leaves_what_was_complete(net, images):
    recorder = ActivationRecorder(net, "*", n_samples=N)
    with recorder:
        net(images[:100])
        with pytest.raises(RuntimeError, match="shape"):
            net(images[:150, :, :4])
    assert hooks_of(net) == []
    clouds = recorder.point_clouds()
    assert clouds.layers == ("conv", "relu")
    assert clouds.problems == {"head": "it did not run for 150 of 250 samples."}


class Unwatchable(nn.Linear):
    """Refuses hooks, as scripted modules do."""

    def register_forward_hook(self, *args, **kwargs):
        raise RuntimeError("not supported")


def test_a_layer_that_refuses_hooks_leaves_none_on_the_others():
    model = nn.Sequential(nn.Linear(2, 2), Unwatchable(2, 2), nn.Linear(2, 2))
    with suppress(RuntimeError), ActivationRecorder(model, "*"):
        model(torch.ones(3, 2))
    assert hooks_of(model) == []


def test_attaching_and_detaching_twice_changes_nothing(net, images):
    recorder = ActivationRecorder(net, "*", n_samples=40)
    recorder.detach()
    recorder.attach()
    once = len(hooks_of(net))
    recorder.attach()
    assert len(hooks_of(net)) == once
    with torch.no_grad():
        net(images)
    recorder.detach()
    recorder.detach()
    assert hooks_of(net) == []
    assert recorder.calls == {"conv": 1, "relu": 1, "head": 1}
    assert_same(recorder.point_clouds(), record(net, images, n_samples=40))


def test_hooks_of_the_user_stay(net, images):
    seen = []
    handle = net.conv.register_forward_hook(lambda module, args, output: seen.append(len(output)))
    with ActivationRecorder(net, "*"):
        net(images)
    net(images)
    assert seen == [N, N]
    assert len(hooks_of(net)) == 1
    handle.remove()


def test_two_recorders_at_once_do_not_disturb_each_other(net, images):
    with (
        ActivationRecorder(net, "*", n_samples=40) as outer,
        ActivationRecorder(net, "head", n_samples=10, seed=1) as inner,
        torch.no_grad(),
    ):
        net(images)
    assert hooks_of(net) == []
    assert_same(outer.point_clouds(), record(net, images, n_samples=40))
    assert_same(inner.point_clouds(), record(net, images, layers="head", n_samples=10, seed=1))


def test_a_recorded_model_can_be_copied_after_the_recording(net, images):
    with ActivationRecorder(net, "*") as recorder:
        net(images)
    copied = copy.deepcopy(net)
    copied(images)
    assert recorder.calls == {"conv": 1, "relu": 1, "head": 1}


# -- Options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "maximum"}, "Expected `pooling` to be one of .* got 'maximum'"),
        ({"n_samples": 0}, "Expected `n_samples` to be at least 1, got 0"),
        ({"n_samples": -3}, "Expected `n_samples` to be at least 1, got -3"),
        ({"layers": "nothing like it"}, "matches no layer of ConvNet"),
        ({"layers": []}, "selects no layer of ConvNet"),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_at_once(net, options, message):
    with pytest.raises(ValueError, match=message):
        ActivationRecorder(net, **options)
    assert hooks_of(net) == []


def test_layers_are_those_that_were_chosen(net):
    assert ActivationRecorder(net).layers == ("conv", "head")
    assert ActivationRecorder(net, ["head", "relu"]).layers == ("relu", "head")


@pytest.mark.parametrize("channels", [1, -1])
def test_channels_can_be_told(channels):
    model = nn.Sequential(nn.ReLU())
    data = torch.rand(6, 2, 3, 4, generator=generator(0))
    clouds = record(model, data, pooling="mean", channels=channels)
    expected = data.mean(dim=(2, 3)) if channels == 1 else data.mean(dim=(1, 2))
    np.testing.assert_allclose(clouds.clouds["0"], expected, rtol=1e-6)


# -- Batches told from outside ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [N, None], ids=["known", "streamed"])
@pytest.mark.parametrize("told", [True, False], ids=["size", "no size"])
def test_labels_stay_with_their_samples(net, images, length, told):
    labels = torch.arange(N) * 3
    with ActivationRecorder(net, n_samples=40, length=length) as recorder, torch.no_grad():
        for batch, own in zip(images.split(33), labels.split(33), strict=True):
            recorder.start_batch(len(batch) if told else None, labels=own)
            net(batch)
    clouds = recorder.point_clouds()
    assert clouds.labels.dtype == np.int64
    assert clouds.labels.tolist() == (clouds.sample_ids * 3).tolist()


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        (torch.float32, np.float64),
        (torch.bfloat16, np.float64),
        (torch.float64, np.float64),
        (torch.int8, np.int64),
        (torch.bool, np.int64),
    ],
    ids=str,
)
def test_labels_are_whole_or_real_numbers(net, images, dtype, kept):
    labels = torch.tensor([0, 1, 1, 0, 1]).to(dtype) / (2 if dtype.is_floating_point else 1)
    labels = labels.to(dtype)
    with ActivationRecorder(net) as recorder:
        recorder.start_batch(5, labels=labels)
        net(images[:5])
    clouds = recorder.point_clouds()
    assert clouds.labels.dtype == kept
    assert clouds.labels.tolist() == labels.tolist()


def test_labels_that_one_batch_did_not_have_are_not_invented(net, images):
    with ActivationRecorder(net) as recorder:
        recorder.start_batch(3, labels=torch.tensor([7, 8, 9]))
        net(images[:3])
        recorder.start_batch(2)
        net(images[3:5])
    assert recorder.point_clouds().sample_ids.tolist() == [0, 1, 2, 3, 4]
    assert recorder.point_clouds().labels is None


@pytest.mark.parametrize("shape", [(4,), (5, 1), ()], ids=str)
def test_labels_of_a_wrong_shape_are_refused(net, shape):
    recorder = ActivationRecorder(net)
    with pytest.raises(ValueError, match=r"Expected `labels` to be of shape \(5,\), got "):
        recorder.start_batch(5, labels=torch.zeros(shape))


def test_negative_sample_ids_are_refused(net):
    with pytest.raises(ValueError, match="Expected `sample_ids` to be at least 0, got -2"):
        ActivationRecorder(net).start_batch(sample_ids=[0, -2])


def test_what_runs_after_the_end_of_a_batch_is_not_recorded(net, images):
    with ActivationRecorder(net, "*", n_samples=40) as recorder, torch.no_grad():
        net.conv(images[:3])
        for batch in images.split(100):
            recorder.start_batch(len(batch))
            net(batch)
            recorder.end_batch()
            net(batch * 2)
    assert recorder.calls == {"conv": 3, "relu": 3, "head": 3}
    assert recorder.repeated == []
    assert_same(recorder.point_clouds(), record(net, images, n_samples=40))


def test_several_passes_within_a_batch_give_the_first(net, images):
    with ActivationRecorder(net, "*", n_samples=40) as recorder, torch.no_grad():
        for batch in images.split(100):
            recorder.start_batch(len(batch))
            net(batch)
            net(batch.flip(0))
    assert recorder.repeated == ["conv", "relu", "head"]
    assert_same(recorder.point_clouds(), record(net, images, n_samples=40))


# -- Layers that misbehave --------------------------------------------------------------------------------------------


def test_an_activation_in_place_behind_a_layer_does_not_change_its_cloud(net, images):
    clouds = record(net, images, layers="conv", pooling="flatten")
    expected = net.conv(images).detach().flatten(1)
    assert (expected < 0).any()
    np.testing.assert_array_equal(clouds.clouds["conv"], expected)


class Switch(nn.Module):
    """Layers of which some run never, sometimes or twice."""

    def __init__(self):
        super().__init__()
        self.always = nn.Linear(2, 3)
        self.never = nn.Linear(2, 3)
        self.sometimes = nn.Linear(2, 3)
        self.twice = nn.Linear(3, 3)
        self.weight_only = nn.Linear(3, 3)
        self.blocks = nn.ModuleList([nn.Linear(3, 3)])

    def forward(self, x, sometimes=True):
        y = self.always(x)
        if sometimes:
            y = y + self.sometimes(x)
        y = self.blocks[0](self.twice(self.twice(y)))
        return nn.functional.linear(y, self.weight_only.weight)


def test_a_layer_that_never_runs_is_a_problem_of_its_own():
    model, data = Switch(), torch.randn(10, 2, generator=generator(0))
    clouds = record(model, data, batch_size=4)
    assert clouds.layers == ("always", "sometimes", "twice", "blocks.0")
    assert set(clouds.problems) == {"never", "weight_only", "blocks"}
    assert all("its forward hook never fired" in problem for problem in clouds.problems.values())


@pytest.mark.parametrize("length", [12, None], ids=["known", "streamed"])
@pytest.mark.parametrize("sometimes", [(True, False, True), (False, True, True), (True, True, False)], ids=str)
def test_a_layer_that_does_not_run_in_every_batch_is_a_problem(length, sometimes):
    model, data = Switch(), torch.randn(12, 2, generator=generator(0))
    with ActivationRecorder(model, ["always", "sometimes"], n_samples=100, length=length) as recorder:
        for batch, flag in zip(data.split(4), sometimes, strict=True):
            model(batch, flag)
    clouds = recorder.point_clouds()
    assert clouds.layers == ("always",)
    assert clouds.problems == {"sometimes": "it did not run for 4 of 12 samples."}
    assert recorder.calls == {"always": 3, "sometimes": 2}


def test_a_layer_is_complete_if_it_ran_for_all_samples_that_are_kept():
    model, data = Switch(), torch.randn(40, 2, generator=generator(0))
    kept = {i // 4 for i in bottom_k(40, 3, seed=0)}
    with ActivationRecorder(model, ["always", "sometimes"], n_samples=3, length=40) as recorder:
        for number, batch in enumerate(data.split(4)):
            model(batch, sometimes=number in kept)
    assert recorder.point_clouds().layers == ("always", "sometimes")


def test_a_layer_that_runs_twice_gives_its_first_output():
    model, data = Switch(), torch.randn(10, 2, generator=generator(0))
    with ActivationRecorder(model, ["sometimes", "twice"]) as recorder, torch.no_grad():
        model(data)
    assert recorder.repeated == ["twice"]
    assert recorder.calls == {"sometimes": 1, "twice": 2}
    with torch.no_grad():
        first = model.twice(model.always(data) + model.sometimes(data))
    np.testing.assert_array_equal(recorder.point_clouds().clouds["twice"], first)


class Give(nn.Module):
    """A layer that gives what a function makes of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Around(nn.Module):
    """A model whose middle layer may give anything; its own output is its input plus one."""

    def __init__(self, function):
        super().__init__()
        self.before = nn.Identity()
        self.middle = Give(function)
        self.after = nn.Identity()

    def forward(self, x):
        self.middle(self.before(x))
        return self.after(x + 1)


@dataclasses.dataclass
class Output:
    loss: torch.Tensor
    logits: torch.Tensor


FORMS = {
    "tuple": lambda x: (None, x, x + 1),
    "list": lambda x: [x, None],
    "dictionary": lambda x: {"a": None, "b": x},
    "hidden state": lambda x: {"a": x + 1, "last_hidden_state": x},
    "ordered dictionary": lambda x: collections.OrderedDict(a=x, b=x + 1),
    "dataclass": lambda x: Output(loss=x.mean(), logits=x),
    "nested": lambda x: ((None, {"a": [x]}), x + 1),
    "sparse": lambda x: x.to_sparse(),
    "double": lambda x: x.double(),
    "gradient": lambda x: x * torch.ones(3, requires_grad=True),
    "column-major": lambda x: x.t().contiguous().t(),
    "expanded": lambda x: x[:, :, None].expand(-1, -1, 1)[:, :, 0],
}


@pytest.mark.parametrize("function", FORMS.values(), ids=FORMS)
def test_outputs_of_every_form_are_recorded(function):
    data = torch.randn(10, 3, generator=generator(0))
    clouds = record(Around(function), data, batch_size=4, n_samples=6)
    assert clouds.problems == {}
    np.testing.assert_array_equal(clouds.clouds["middle"], data[clouds.sample_ids])


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float16, torch.float64, torch.bool, torch.int32], ids=lambda dtype: str(dtype)[6:]
)
def test_outputs_of_every_type_become_float32(dtype):
    data = torch.randn(10, 3, generator=generator(0))
    cloud = record(Around(lambda x: x.to(dtype)), data).clouds["middle"]
    assert cloud.dtype == np.float32
    np.testing.assert_array_equal(cloud, data.to(dtype).float())


def test_complex_vectors_keep_all_their_numbers():
    data = torch.randn(10, 6, generator=generator(0))
    cloud = record(Around(lambda x: torch.view_as_complex(x.reshape(-1, 3, 2))), data).clouds["middle"]
    assert cloud.shape == (10, 6)
    np.testing.assert_array_equal(np.sort(cloud), np.sort(data.numpy()))


FAULTS = {
    "nothing": (lambda x: None, "TypeError: Expected a tensor"),
    "text": (lambda x: "text", "got str. Pass `select=`"),
    "a number": (lambda x: x.sum(), "ValueError: Expected one row per sample, got a single number"),
    "too few rows": (lambda x: x[1:], r"Expected one row for each of the batch's 10 samples"),
    "too many rows": (lambda x: torch.cat([x, x]), "an output of shape (20, 3). Pass `select=`"),
    "samples second": (lambda x: x.t(), "an output of shape (3, 10)"),
    "no data": (lambda x: x.to("meta"), "TypeError: Expected an activation with data"),
}


@pytest.mark.parametrize(("function", "problem"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("told", [True, False], ids=["size", "no size"])
def test_an_output_that_is_no_vector_per_sample_is_a_problem_of_its_layer_alone(function, problem, told):
    model, data = Around(function), torch.randn(10, 3, generator=generator(0))
    with ActivationRecorder(model, "*") as recorder:
        if told:
            recorder.start_batch(10)
        output = model(data)
    clouds = recorder.point_clouds()
    assert torch.equal(output, data + 1)
    assert clouds.layers == ("before", "after")
    assert set(clouds.problems) == {"middle"}
    assert problem in clouds.problems["middle"]


def test_nan_and_infinity_pass_through():
    data = torch.tensor([[math.nan, 1.0], [2.0, math.inf], [-math.inf, 3.0]])
    clouds = record(nn.Sequential(nn.Identity()), data)
    assert clouds.problems == {}
    np.testing.assert_array_equal(clouds.clouds["0"], data)


def test_widths_that_vary_are_a_problem_with_advice():
    model = nn.Sequential(nn.Conv2d(1, 2, 1))
    with ActivationRecorder(model, pooling="flatten") as recorder, torch.no_grad():
        model(torch.ones(3, 1, 4, 4))
        model(torch.ones(3, 1, 5, 5))
    problem = recorder.point_clouds().problems["0"]
    assert "vectors of one length, got 32 and 50" in problem
    assert "pooling='mean'" in problem


def test_sizes_that_vary_are_none_of_a_problem_for_one_vector_per_image():
    model = nn.Sequential(nn.Conv2d(1, 2, 1))
    with ActivationRecorder(model) as recorder, torch.no_grad():
        model(torch.ones(3, 1, 4, 4))
        model(torch.ones(2, 1, 5, 5))
    assert recorder.point_clouds().clouds["0"].shape == (5, 2)


def failing(*args):
    raise ZeroDivisionError("mine")


@pytest.mark.parametrize("options", [{"select": failing}, {"pooling": failing}], ids=["select", "pooling"])
def test_a_failing_function_of_the_user_never_reaches_the_forward_pass(net, images, options):
    with ActivationRecorder(net, "*", **options) as recorder:
        output = net(images)
    assert torch.equal(output, net(images))
    assert hooks_of(net) == []
    clouds = recorder.point_clouds()
    assert clouds.layers == ()
    assert clouds.problems == dict.fromkeys(("conv", "relu", "head"), "ZeroDivisionError: mine")


def test_a_function_that_fails_once_leaves_the_layer_out(net, images):
    calls = []

    def select(output):
        calls.append(output.shape)
        return failing() if len(calls) == 5 else output

    with ActivationRecorder(net, "*", select=select) as recorder:
        for batch in images.split(100):
            net(batch)
    clouds = recorder.point_clouds()
    assert clouds.layers == ("conv", "head")
    assert clouds.problems == {"relu": "ZeroDivisionError: mine"}
    assert clouds.n_points == N


def test_select_takes_the_tensor_out_of_any_output():
    data = torch.randn(10, 3, generator=generator(0))
    clouds = record(
        Around(lambda x: {"odd": {"x": x.t()}}), data, layers="middle", select=lambda out: out["odd"]["x"].t()
    )
    np.testing.assert_array_equal(clouds.clouds["middle"], data)


def test_a_select_that_gives_no_tensor_is_a_problem(net, images):
    clouds = record(net, images, layers="conv", select=lambda output: output.numpy())
    assert clouds.problems == {"conv": "TypeError: Expected `select` to give a tensor, got ndarray."}


def test_a_cloud_function_with_a_wrong_result_is_a_problem(net, images):
    clouds = record(net, images, batch_size=N, layers="conv", n_samples=40, pooling=lambda x: x)
    assert "Expected `pooling=<lambda>` to give a tensor of shape (40, d), got (40, 3, 4, 4)" in clouds.problems["conv"]


# -- Sequences --------------------------------------------------------------------------------------------------------


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


def record_padded(model, cloud, batch_size, n=12, longest=7):
    data = torch.randn(n, longest, 8, generator=generator(1))
    lengths = torch.randint(1, longest + 1, (n,), generator=generator(2))
    nested = []
    handle = model.encoder.layers[0].register_forward_hook(lambda module, args, out: nested.append(out.is_nested))
    with ActivationRecorder(model, "encoder.layers.?", n_samples=n, pooling=cloud) as recorder, torch.no_grad():
        for batch, own in zip(data.split(batch_size), lengths.split(batch_size), strict=True):
            model(batch[:, : own.max()], own)
    handle.remove()
    assert any(nested)
    return recorder.point_clouds()


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("pooling", ["token", "max_norm", "mean", "auto", "random"])
def test_padded_sequences_give_the_same_vectors_in_whatever_batch_they_are(padded, cloud):
    expected = record_padded(padded, cloud, batch_size=12)
    assert expected.problems == {}
    assert expected.layers == ("encoder.layers.0", "encoder.layers.1")
    clouds = record_padded(padded, cloud, batch_size=3)
    for name in expected.layers:
        np.testing.assert_allclose(clouds.clouds[name], expected.clouds[name], atol=1e-5)


# -- Graphs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [7, None], ids=["number of graphs known", "unknown"])
@pytest.mark.parametrize("told", [True, False], ids=["size", "no size"])
def test_every_node_of_a_graph_is_a_sample_with_its_label(length, told):
    model = with_whole_weights(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
    nodes = torch.randint(-4, 5, (60, 3), generator=generator(0)).float()
    labels = torch.arange(60) % 5
    chosen = bottom_k(60, 20, seed=0)
    for sizes in ([10, 1, 25, 3, 1, 5, 15], [60], [1] * 60):
        with ActivationRecorder(model, "*", pooling="rows", n_samples=20, length=length) as recorder, torch.no_grad():
            for graph, own in zip(nodes.split(sizes), labels.split(sizes), strict=True):
                recorder.start_batch(1 if told else None, labels=own)  # one graph
                model(graph)
        clouds = recorder.point_clouds()
        assert clouds.problems == {}
        assert clouds.sample_ids.tolist() == chosen.tolist()
        assert clouds.labels.tolist() == labels[chosen].tolist()
        np.testing.assert_array_equal(clouds.clouds["2"], model(nodes[chosen]).detach())


# -- Modes ------------------------------------------------------------------------------------------------------------


def test_recording_works_in_inference_mode(net, images):
    with ActivationRecorder(net, "*", n_samples=40) as recorder, torch.inference_mode():
        for batch, labels in zip(images.split(64), torch.arange(N).split(64), strict=True):
            recorder.start_batch(len(batch), labels=labels)
            net(batch)
    clouds = recorder.point_clouds()
    assert clouds.labels.tolist() == clouds.sample_ids.tolist()
    expected = record(net, images, n_samples=40)
    assert_same(dataclasses.replace(clouds, labels=None), expected)


@pytest.mark.parametrize("modes", [(torch.inference_mode, torch.no_grad), (torch.no_grad, torch.inference_mode)])
def test_modes_may_change_between_batches(net, images, modes):
    with ActivationRecorder(net, "*", n_samples=40) as recorder:
        for mode, batch, labels in zip(modes, images.split(125), torch.arange(N).split(125), strict=True):
            with mode():
                recorder.start_batch(len(batch), labels=labels)
                net(batch)
    clouds = recorder.point_clouds()
    assert clouds.labels.tolist() == clouds.sample_ids.tolist()
    assert_same(dataclasses.replace(clouds, labels=None), record(net, images, n_samples=40))


def test_autocast_outputs_are_recorded_as_they_are(net, images):
    outputs = []
    net.head.register_forward_hook(lambda module, args, output: outputs.append(output))
    with ActivationRecorder(net, "head") as recorder, torch.autocast("cpu", torch.bfloat16):
        net(images)
    assert outputs[0].dtype == torch.bfloat16
    cloud = recorder.point_clouds().clouds["head"]
    assert cloud.dtype == np.float32
    np.testing.assert_array_equal(cloud, outputs[0].detach().float())


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.optim.swa_utils.AveragedModel])
def test_a_wrapped_model_records_the_same_under_the_same_names(net, images, wrap):
    assert_same(record(wrap(net), images, n_samples=40), record(net, images, n_samples=40))


class CountingBackend(CompileCounter):
    """Counts the frames that are compiled and the runs of compiled code."""

    def __init__(self):
        super().__init__()
        self.runs = 0

    def __call__(self, graph, inputs):
        compiled = super().__call__(graph, inputs)

        def run(*args):
            self.runs += 1
            return compiled(*args)

        return run


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 6)

    def forward(self, x):
        return self.linear(x).relu()


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(4, 6)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def compile_whole(model, backend):
    return torch.compile(model, backend=backend)


def compile_whole_in_place(model, backend):
    model.compile(backend=backend)
    return model


def compile_blocks(model, backend):
    model.blocks = nn.ModuleList([torch.compile(block, backend=backend) for block in model.blocks])
    return model


def compile_blocks_in_place(model, backend):
    for block in model.blocks:
        block.compile(backend=backend)
    return model


COMPILATIONS = [compile_whole, compile_whole_in_place, compile_blocks, compile_blocks_in_place]
DEEP_LAYERS = ["stem", "blocks.?", "blocks.?.linear", "head"]


@pytest.mark.parametrize("compilation", COMPILATIONS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("warm", [True, False], ids=["run before", "not run before"])
def test_compiled_models_are_recorded_without_compiling_anything_anew(compilation, warm):
    model, data = with_whole_weights(Deep()), torch.randint(-4, 5, (20, 4), generator=generator(0)).float()
    expected = record(model, data, batch_size=10, layers=DEEP_LAYERS)
    output = model(data).detach()
    backend = CountingBackend()
    model = compilation(model, backend)
    with torch.no_grad():
        if warm:
            model(data[:10])
            assert backend.runs > 0
        frames, runs = backend.frame_count, backend.runs
        assert_same(record(model, data, batch_size=10, layers=DEEP_LAYERS), expected)
        assert (backend.frame_count, backend.runs) == (frames, runs)
        assert torch.equal(model(data[:10]), output[:10])
    assert backend.runs > runs
    if warm:
        assert backend.frame_count == frames


def test_compiled_code_runs_again_after_an_exception_inside_of_with():
    model, data = Deep(), torch.ones(5, 4)
    backend = CountingBackend()
    compiled = torch.compile(model, backend=backend)
    with torch.no_grad():
        compiled(data)
        with pytest.raises(KeyError, match="mine"):
            record_and_fail(compiled, data)
        assert (backend.frame_count, backend.runs) == (1, 1)
        compiled(data)
        assert (backend.frame_count, backend.runs) == (1, 2)


def test_a_model_compiled_behind_the_recorders_back_is_a_problem_and_no_silence():
    model, data = Deep(), torch.ones(5, 4)
    compiled = torch.compile(model, backend="eager")
    with torch.no_grad():
        compiled(data)
        with ActivationRecorder(model) as recorder:  # the model, not its compiled form
            compiled(data)
    clouds = recorder.point_clouds()
    assert clouds.layers == ()
    assert set(clouds.problems) == set(recorder.layers)
    assert all("compiled code skipped the hook" in problem for problem in clouds.problems.values())


def test_a_model_that_is_not_compiled_leaves_other_compiled_code_as_it_is(net, images):
    backend = CountingBackend()
    double = torch.compile(lambda x: x * 2, backend=backend)
    with ActivationRecorder(net), torch.no_grad():
        net(double(images))
    assert backend.runs == 1


@pytest.mark.parametrize("first_off", [0, 1])
def test_overlapping_recorders_of_a_compiled_model_leave_it_compiled(first_off):
    model, data = Deep(), torch.ones(5, 4)
    backend = CountingBackend()
    compiled = torch.compile(model, backend=backend)
    recorders = [ActivationRecorder(compiled), ActivationRecorder(compiled)]
    with torch.no_grad():
        compiled(data)
        for recorder in recorders:
            recorder.attach()
        compiled(data)
        recorders.pop(first_off).detach()
        compiled(data)
        recorders[0].detach()
        assert (backend.frame_count, backend.runs) == (1, 1)
        compiled(data)
    assert (backend.frame_count, backend.runs) == (1, 2)
    assert recorders[0].point_clouds().n_points == 10


def test_a_stance_of_the_user_is_there_again_after_the_recording():
    model, data = Deep(), torch.ones(5, 4)
    backend = CountingBackend()
    compiled = torch.compile(model, backend=backend)
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        with ActivationRecorder(compiled):
            compiled(data)
        compiled(data)
    assert backend.runs == 0


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
