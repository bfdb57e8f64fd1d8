"""Gathering: two real processes give exactly the point clouds that one process gives for the same samples."""

import pickle
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest
import torch
import torch.distributed as dist
from prepared_processes import start_processes
from torch import nn
from torch.utils.data import DataLoader

from topocallback.activations.gather import gather_recordings
from topocallback.activations.indices import BatchIndices
from topocallback.activations.options import ValidationOptions
from topocallback.activations.recorder import ActivationRecorder
from topocallback.activations.recording import Recording
from topocallback.activations.samples import bottom_k
from topocallback.activations.validation import ValidationRecorder

N = 60
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Scenario:
    """What two processes record.

    Attributes:
        shares: The sample indices of each process, in their order.
        n_samples: How many samples are kept.
        length: The length that the recorders are told.
        own_lengths: The length that each process is told, if they differ: then they have different numbers of slots.
        labels: Type of the labels, or ``None``.
        batch_sizes: Batch size of each process.
        tokens: How many tokens the samples of each process have.
        skips: The processes on which ``second`` does not run.
        unlabelled: The processes whose batches have no labels.
        fails: The processes on which recording fails at the layer ``first``.
        inference: Whether the model runs in inference mode.
    """

    shares: tuple
    n_samples: int = 20
    length: int | None = N
    own_lengths: tuple = ()
    labels: torch.dtype | None = None
    batch_sizes: tuple = (7, 7)
    tokens: tuple = (2, 2)
    skips: tuple = ()
    unlabelled: tuple = ()
    fails: tuple = ()
    inference: bool = False


EVEN, ODD = range(0, N, 2), range(1, N, 2)

SCENARIOS = {
    "equal shares": Scenario((EVEN, ODD)),
    "equal shares, streamed": Scenario((EVEN, ODD), length=None),
    "one process after the other": Scenario((range(30), range(30, N))),
    "different batch sizes": Scenario((EVEN, ODD), batch_sizes=(1, 100), labels=torch.int64),
    "more places than samples": Scenario((EVEN, ODD), n_samples=500, labels=torch.int64),
    "more places than samples, streamed": Scenario((EVEN, ODD), n_samples=500, length=None, labels=torch.int64),
    "padding beyond the length": Scenario((range(0, N, 2), [*range(1, N - 1, 2), N]), length=N - 1, labels=torch.int64),
    "repeated samples": Scenario((range(40), range(20, N)), labels=torch.int64),
    "repeated samples, streamed": Scenario((range(40), [*range(20, N), 0, 1, 2]), length=None, labels=torch.int64),
    "all samples twice": Scenario((range(N), range(N)), length=None, n_samples=500, labels=torch.float32),
    "unequal slots": Scenario((range(30), range(30, N)), n_samples=500, own_lengths=(30, N), labels=torch.int64),
    "unequal shares": Scenario((range(50), range(50, N)), labels=torch.int64),
    "unequal shares, streamed": Scenario((range(5), range(5, N)), length=None, labels=torch.float64),
    "nothing on the first": Scenario(([], range(N)), labels=torch.int64),
    "nothing on the first, streamed": Scenario(([], range(N)), length=None, labels=torch.float32),
    "nothing on the second": Scenario((range(N), []), labels=torch.float32),
    "nothing on the second, streamed": Scenario((range(N), []), length=None, labels=torch.int64),
    "no kept sample on the first": Scenario(
        (sorted(set(range(N)) - set(bottom_k(N, 20, seed=0))), bottom_k(N, 20, seed=0)), labels=torch.int64
    ),
    "nothing at all": Scenario(([], [])),
    "whole labels": Scenario((EVEN, ODD), labels=torch.int32),
    "real labels": Scenario((EVEN, ODD), labels=torch.float32),
    "labels on the first only": Scenario((EVEN, ODD), labels=torch.int64, unlabelled=(1,)),
    "inference mode": Scenario((EVEN, ODD), labels=torch.int64, inference=True),
    "skipped on the first": Scenario((EVEN, ODD), skips=(0,), labels=torch.int64),
    "skipped on the second": Scenario((EVEN, ODD), skips=(1,)),
    "skipped on both": Scenario((EVEN, ODD), skips=(0, 1)),
    "failed on the first": Scenario((EVEN, ODD), fails=(0,)),
    "failed on the second": Scenario((EVEN, ODD), fails=(1,), length=None),
    "failed on the second, nothing on the first": Scenario(([], range(N)), fails=(1,)),
    "different widths": Scenario((EVEN, ODD), tokens=(2, 3), labels=torch.int64),
    "several faults": Scenario((EVEN, ODD), tokens=(2, 3), skips=(1,), fails=(0,)),
}

INCOMPLETE = ("nothing at all", "labels on the first only", "different widths", "several faults")
COMPLETE = [name for name, run in SCENARIOS.items() if not (run.skips or run.fails or name in INCOMPLETE)]


class Tokens(nn.Module):
    """Three layers; with whole numbers for weights and inputs their arithmetic is exact in any batch."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.second = nn.Linear(4, 2)
        self.head = nn.Linear(3, 5)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randint(-2, 3, parameter.shape, generator=generator))

    def forward(self, x, skip=False):
        if not skip:
            self.second(x.sum(dim=1))
        return self.head(self.first(x).sum(dim=1))


LAYERS = ("first", "second", "head")


def inputs(ids, tokens):
    numbers = torch.arange(1, 4 * tokens + 1).reshape(tokens, 4)
    return ((torch.as_tensor(ids)[:, None, None] * numbers) % 11 - 5).float()


def labels_of(ids, dtype):
    return None if dtype is None else (torch.as_tensor(ids) / (4 if dtype.is_floating_point else 1)).to(dtype)


def record(scenario, ids, rank):
    """The recorder of one process after its share; without a rank: one process that runs without a fault."""
    alone = rank is None
    batch_size = scenario.batch_sizes[rank or 0]

    def select(output):
        if not alone and rank in scenario.fails and output.ndim == 3:
            raise ArithmeticError("mine")
        return output

    model = Tokens()
    length = scenario.own_lengths[rank] if scenario.own_lengths and not alone else scenario.length
    recorder = ActivationRecorder(
        model, LAYERS, pooling="flatten", n_samples=scenario.n_samples, length=length, select=select
    )
    with recorder, torch.inference_mode() if scenario.inference else nullcontext():
        for start in range(0, len(ids), batch_size):
            batch = np.array(ids[start : start + batch_size])
            dtype = None if rank in scenario.unlabelled else scenario.labels
            recorder.start_batch(sample_ids=batch, labels=labels_of(batch, dtype))
            model(inputs(batch, scenario.tokens[rank or 0]), skip=not alone and rank in scenario.skips)
            recorder.end_batch()
    return recorder


def work(rank, folder):
    """One of two processes: runs through all scenarios and writes down what each gave it."""
    torch.set_num_threads(1)
    method = f"file://{folder / 'group'}"
    dist.init_process_group("gloo", init_method=method, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    results = {}
    for name, scenario in SCENARIOS.items():
        recording = record(scenario, scenario.shares[rank], rank).recording()
        merged = gather_recordings(recording, LAYERS, seed=0, device=CPU)
        results[name] = merged.to_point_clouds() if rank == 0 else (list(merged.vectors), merged.labels)
    dist.destroy_process_group()
    (folder / str(rank)).write_bytes(pickle.dumps(results))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    start_processes(work, (folder,))
    return [pickle.loads((folder / str(rank)).read_bytes()) for rank in range(2)]


def single(scenario):
    """What one process gives for all the samples of both."""
    return record(scenario, [*scenario.shares[0], *scenario.shares[1]], rank=None).point_clouds()


def assert_samples(clouds, expected):
    assert clouds.sample_ids.tolist() == expected.sample_ids.tolist()
    assert (clouds.labels is None) == (expected.labels is None)
    if expected.labels is not None:
        assert clouds.labels.dtype == expected.labels.dtype
        assert clouds.labels.tolist() == expected.labels.tolist()


@pytest.mark.parametrize("name", COMPLETE)
def test_two_processes_give_the_point_clouds_of_one(results, name):
    expected = single(SCENARIOS[name])
    assert expected.layers == LAYERS
    assert expected.n_points == min(SCENARIOS[name].n_samples, SCENARIOS[name].length or N)
    clouds = results[0][name]
    assert_samples(clouds, expected)
    assert clouds.layers == LAYERS
    assert clouds.problems == {}
    for layer in LAYERS:
        assert clouds.clouds[layer].dtype == np.float32
        np.testing.assert_array_equal(clouds.clouds[layer], expected.clouds[layer])


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_second_process_keeps_no_tensors(results, name):
    assert results[1][name] == ([], None)


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("skipped on the first", {"second"}),
        ("skipped on the second", {"second"}),
        ("skipped on both", {"second"}),
        ("failed on the first", {"first"}),
        ("failed on the second", {"first"}),
        ("failed on the second, nothing on the first", {"first"}),
        ("different widths", {"first"}),
        ("several faults", {"first", "second"}),
    ],
)
def test_a_layer_that_fails_on_one_process_is_left_out_and_the_others_are_whole(results, name, left_out):
    clouds = results[0][name]
    expected = single(SCENARIOS[name] if name not in ("different widths", "several faults") else Scenario((EVEN, ODD)))
    assert clouds.layers == tuple(layer for layer in LAYERS if layer not in left_out)
    assert set(clouds.problems) == left_out
    assert clouds.sample_ids.tolist() == expected.sample_ids.tolist()
    if name not in ("different widths", "several faults"):
        assert_samples(clouds, expected)
        for layer in clouds.layers:
            np.testing.assert_array_equal(clouds.clouds[layer], expected.clouds[layer])


@pytest.mark.parametrize(
    ("name", "layer", "problem"),
    [
        ("skipped on the first", "second", "its forward hook never fired"),
        ("skipped on the second", "second", "processes disagree: process 0: 2 values, process 1: failed"),
        ("skipped on both", "second", "its forward hook never fired"),
        ("failed on the first", "first", "ArithmeticError: mine"),
        ("failed on the second", "first", "processes disagree: process 0: 6 values, process 1: failed"),
        ("different widths", "first", "processes disagree: process 0: 6 values, process 1: 9 values"),
        ("several faults", "first", "ArithmeticError: mine"),
    ],
)
def test_a_layer_that_is_left_out_has_a_reason(results, name, layer, problem):
    assert problem in results[0][name].problems[layer]


def test_a_fault_of_the_other_process_is_not_taken_for_a_layer_that_never_ran(results):
    problem = results[0]["failed on the second, nothing on the first"].problems["first"]
    assert "process 1: failed" in problem
    assert "never fired" not in problem


def test_no_samples_anywhere_are_no_points(results):
    clouds = results[0]["nothing at all"]
    assert clouds.n_points == 0
    assert clouds.layers == ()
    assert set(clouds.problems) == set(LAYERS)


def test_labels_that_one_process_did_not_have_are_not_invented(results):
    clouds = results[0]["labels on the first only"]
    assert clouds.n_points == 20
    assert clouds.labels is None


def test_one_process_alone_gives_what_it_recorded(tmp_path):
    scenario = Scenario((range(N), []), labels=torch.int64)
    recording = record(scenario, range(N), rank=None).recording()
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1)
    try:
        clouds = gather_recordings(recording, LAYERS, seed=0, device=CPU).to_point_clouds()
    finally:
        dist.destroy_process_group()
    assert_samples(clouds, single(scenario))
    assert clouds.layers == LAYERS
    for layer in LAYERS:
        np.testing.assert_array_equal(clouds.clouds[layer], recording.to_point_clouds().clouds[layer])


# -- What processes agree on -------------------------------------------------------------------------------------------


class Repeats(nn.Module):
    """Runs its block as often as its process's number says."""

    def __init__(self, times):
        super().__init__()
        self.block, self.head = nn.Linear(4, 4), nn.Linear(4, 2)
        self.times = times

    def forward(self, x):
        for _ in range(self.times):
            x = self.block(x)
        return self.head(x)


def validate_one_share(rank, texts, times, unidentified, device):
    """What one of two processes records of a validation, of whose samples it has every other."""
    own = list(range(rank, N, 2))
    data = [(float(i), texts(i)) for i in range(N)]
    loader = DataLoader(data, batch_size=5, sampler=own, collate_fn=lambda items: list(zip(*items, strict=True)))
    indices = BatchIndices(iter(loader) if rank in unidentified else loader, rank=rank, world_size=2)
    torch.manual_seed(0)
    model = Repeats(times[rank])
    options = ValidationOptions("*", n_samples=20, calls="each")
    with ValidationRecorder(model, options, indices) as recorder, torch.no_grad():
        for numbers, labels in loader:
            x = torch.tensor(numbers)[:, None].expand(-1, 4)
            recorder.start_batch((x, list(labels)), 0)
            model(x)
            recorder.end_batch()
    recording = recorder.recording(device)
    return recording.to_point_clouds() if rank == 0 else None, recorder.about()["samples"], recorder.notes()


VALIDATIONS = {
    "texts": (lambda i: None if i % 7 == 0 else f"class {i % 3}", (1, 1), ()),
    "texts on the first alone": (lambda i: f"class {i % 3}" if i % 2 == 0 else None, (1, 1), ()),
    "more calls on the second": (lambda i: i, (1, 3), ()),
    "more calls on the first": (lambda i: i, (2, 1), ()),
    "unidentified on the second": (lambda i: i, (1, 1), (1,)),
    "unidentified on the first": (lambda i: i, (1, 1), (0,)),
    "identified": (lambda i: i, (1, 1), ()),
}


def edges_of_both(rank, ids, edges, n_samples):
    """The points of two processes that hold these samples, and these edges between them, as samples."""
    own = np.pad(ids[rank], (0, n_samples - len(ids[rank])), constant_values=-1)
    slot_of = {sample: slot for slot, sample in enumerate(ids[rank])}
    pairs = edges[rank] and np.array([[slot_of[end] for end in edge] for edge in edges[rank]])
    recording = Recording(own, {"a": torch.from_numpy(own[:, None]).float()}, edges=pairs)
    merged = gather_recordings(recording, ("a",), seed=0, device=CPU)
    return merged.to_point_clouds() if rank == 0 else merged.edges


# The samples of each process, their edges, and how many samples are kept.
OF_EDGES = {
    "edges of both": ([[7, 2, 5], [1, 9, 8, 4]], [[(7, 2), (2, 5)], [(9, 1), (1, 4), (8, 9)]], 9),
    "edges of which some are left": ([[7, 2, 5], [1, 9, 8, 4]], [[(7, 2), (2, 5)], [(9, 1), (1, 4), (8, 9)]], 4),
    "edges of the second alone": ([[7, 2], [1, 9]], [None, [(9, 1)]], 4),
    "edges of samples that both have": ([[0, 1, 2], [0, 1, 2, 3, 4]], [[(0, 1)], [(1, 2), (2, 3), (3, 4)]], 9),
    "no edges": ([[7, 2], [1, 9]], [None, None], 4),
}


def validate_all(rank, folder):
    torch.set_num_threads(1)
    method = f"file://{folder / 'group'}"
    dist.init_process_group("gloo", init_method=method, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    results = {name: validate_one_share(rank, *how, device=CPU) for name, how in VALIDATIONS.items()}
    results |= {name: edges_of_both(rank, *how) for name, how in OF_EDGES.items()}
    dist.destroy_process_group()
    (folder / str(rank)).write_bytes(pickle.dumps(results))


@pytest.fixture(scope="module")
def validations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("validations")
    start_processes(validate_all, (folder,))
    return [pickle.loads((folder / str(rank)).read_bytes()) for rank in range(2)]


@pytest.mark.parametrize("name", ["texts", "texts on the first alone"])
def test_texts_of_all_processes_come_together(validations, name):
    clouds, _, _ = validations[0][name]
    text_of = VALIDATIONS[name][0]
    assert clouds.sample_ids.tolist() == bottom_k(N, 20, seed=0).tolist()
    assert clouds.labels.tolist() == [text_of(i) for i in clouds.sample_ids]


@pytest.mark.parametrize(("name", "most"), [("more calls on the second", 3), ("more calls on the first", 2)])
def test_processes_agree_on_how_often_a_layer_runs(validations, name, most):
    clouds, _, _ = validations[0][name]
    assert clouds.layers == ("block@0", "head")
    assert set(clouds.problems) == {f"block@{call}" for call in range(1, most)}
    assert clouds.labels.tolist() == clouds.sample_ids.tolist()


@pytest.mark.parametrize("name", ["unidentified on the second", "unidentified on the first"])
def test_samples_that_one_process_cannot_identify_are_not_identified_anywhere(validations, name):
    about = [validations[rank][name][1] for rank in range(2)]
    assert about[0] == about[1] != "indices into the data set"


def test_samples_that_all_processes_identify_are_identified(validations):
    assert [validations[rank]["identified"][1] for rank in range(2)] == ["indices into the data set"] * 2


@pytest.mark.parametrize("name", OF_EDGES)
def test_an_edge_comes_along_where_one_process_holds_both_its_ends(validations, name):
    ids, edges, n_samples = OF_EDGES[name]
    clouds = validations[0][name]
    assert clouds["a"].ravel().tolist() == clouds.sample_ids.tolist()
    assert len(clouds.sample_ids) == min(n_samples, len(set(ids[0]) | set(ids[1])))
    # A sample that both have is the first process's.
    holds = [set(clouds.sample_ids.tolist()) & set(ids[0])]
    holds.append(set(clouds.sample_ids.tolist()) - holds[0])
    expected = [edge for own, held in zip(edges, holds, strict=True) for edge in own or () if set(edge) <= held]
    if name == "no edges":
        assert clouds.edges is None
    else:
        assert [tuple(pair) for pair in clouds.sample_ids[clouds.edges].tolist()] == expected
    assert validations[1][name] is None
