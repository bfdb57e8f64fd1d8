"""Metrics of several processes: exactly what one process gives."""

import warnings
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
from metric_tools import (
    ACTIVATIONS,
    SOURCE,
    TARGET,
    matrix_metric,
    rows,
    small,
    value_of,
)
from prepared_processes import start_processes
from torchmetrics import MeanMetric, MetricCollection

# Scenario -> rows of source and target, and of all layers, that each of the two processes sees, in batches.
SHARES = {
    "equal": [[slice(0, 20), slice(20, 30)], [slice(30, 45), slice(45, 60)]],
    "unequal": [[slice(0, 50)], [slice(50, 53), slice(53, 60)]],
    "one empty": [[slice(0, 60)], []],
    "first empty": [[], [slice(0, 60)]],
    "empty batches": [[slice(0, 60)], [slice(0, 0)]],
    "repeated": [[slice(0, 40)], [slice(20, 60), slice(5, 15)]],
}
MAKERS = {"pair": small, "matrix": matrix_metric, "half": lambda: small().set_dtype(torch.half)}


def batch_of(kind, part):
    return (rows(ACTIVATIONS, part),) if kind == "matrix" else (SOURCE[:60][part], TARGET[:60][part])


def work(rank, folder):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    method = f"file://{folder / 'group'}"
    dist.init_process_group("gloo", init_method=method, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    found = {}
    for kind, make in MAKERS.items():
        for name, shares in SHARES.items():
            metric = make()
            for part in shares[rank]:
                metric.update(*batch_of(kind, part))
            before = {key: state.clone() for key, state in metric.metric_state.items()}
            found[kind, name] = metric.compute()
            unchanged = [torch.equal(before[key], state) for key, state in metric.metric_state.items()]
            found[kind, name, "own states are back"] = all(unchanged)
        metric = make()
        found[kind, "nothing"] = metric.compute()
    on_step = small(dist_sync_on_step=True)
    parts = [slice(0, 20), slice(20, 30)] if rank == 0 else [slice(30, 45), slice(45, 60)]
    found["on step"] = [on_step(*batch_of("pair", part)) for part in parts] + [on_step.compute()]
    usual = small()
    found["alone"] = [usual(*batch_of("pair", part)) for part in parts] + [usual.compute()]
    usual.update(*batch_of("pair", slice(0, 60)))
    found["going on"] = usual.compute()
    collection = MetricCollection({"h0": small(homology_dims=[0]), "h1": small(homology_dims=[1])})
    for part in parts:
        collection.update(*batch_of("pair", part))
    found["collection"] = collection.compute()
    mean = MeanMetric()
    mean.update(float(rank))
    found["still in step"] = mean.compute()
    odd = small()
    odd.update(SOURCE[:, : 5 + rank], TARGET)
    try:
        odd.compute()
    except ValueError as error:
        found["widths"] = str(error)
    torch.save(found, folder / f"{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    start_processes(work, (folder,))
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("kind", MAKERS)
def test_two_processes_give_exactly_what_one_gives(results, kind, name):
    expected = value_of(MAKERS[kind](), batch_of(kind, slice(0, 60)))
    for found in results:
        assert torch.equal(found[kind, name], expected)
        assert found[kind, name].dtype == expected.dtype
        assert found[kind, name, "own states are back"]


@pytest.mark.parametrize("kind", MAKERS)
def test_no_samples_in_any_process_are_nan(results, kind):
    assert all(found[kind, "nothing"].isnan().all() for found in results)


def test_synchronising_on_step_gives_the_batches_of_all_processes(results):
    whole = value_of(small(), batch_of("pair", slice(0, 60)))
    both = [(slice(0, 20), slice(30, 45)), (slice(20, 30), slice(45, 60))]
    expected = [*(value_of(small(), *(batch_of("pair", part) for part in parts)) for parts in both), whole]
    for rank, found in enumerate(results):
        assert all(map(torch.equal, found["on step"], expected))
        alone = [value_of(small(), batch_of("pair", parts[rank])) for parts in both]
        assert all(map(torch.equal, found["alone"], [*alone, whole]))
        assert torch.equal(found["going on"], whole)


def test_a_collection_synchronises(results):
    expected = value_of(small(reduction="none"), batch_of("pair", slice(0, 60)))
    for found in results:
        assert [found["collection"]["h0"], found["collection"]["h1"]] == list(expected)


def test_processes_that_disagree_about_the_width_say_so_and_stay_in_step(results):
    for found in results:
        assert found["widths"] == "Expected `source` to have as many values per sample in all parts, got [5, 6]."
        assert found["still in step"] == 0.5
