"""The metrics: what they compute, and that they hold up wherever torchmetrics puts a metric."""

import copy
import functools
import pickle
import tracemalloc
import warnings
from datetime import timedelta

import gudhi.hera
import matplotlib
import numpy as np
import persim
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from ripser import ripser
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics import MeanMetric, MetricCollection, MetricTracker
from torchmetrics.wrappers import BootStrapper

from topocallback import LayerDistanceMatrix, PersistenceDistance
from topocallback.activations.reservoir import EMPTY, sample_rows
from topocallback.functional import pairwise_persistence_distance, persistence_distance
from topocallback.measures import SlicedWasserstein, Wasserstein
from topocallback.measures.topology.diagrams import finite_bars

DISTANCES = ("sliced_wasserstein", "wasserstein", "bottleneck")

matplotlib.use("Agg")

LAYERS = ("stem", "blocks.0", "head")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


SOURCE, TARGET = normal(90, 6), normal(70, 4, seed=1)
ACTIVATIONS = {"stem": normal(60, 3, seed=2), "blocks.0": normal(60, 8, seed=3), "head": normal(60, 2, seed=4)}


def small(**options):
    """Of fewer places than there are samples."""
    return PersistenceDistance(**{"n_samples": 32, **options})


def matrix_metric(**options):
    return LayerDistanceMatrix(LAYERS, **{"n_samples": 24, **options})


def rows(activations, part):
    return {layer: values[part] for layer, values in activations.items()}


def value_of(metric, *batches):
    for batch in batches:
        metric.update(*batch)
    return metric.compute()


def count_difference(first, second):
    return float(abs(len(first) - len(second)))


EXPECTED = value_of(small(), (SOURCE, TARGET))
EXPECTED_MATRIX = value_of(matrix_metric(), (ACTIVATIONS,))


# -- What is computed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", ["sliced_wasserstein", "wasserstein", "bottleneck"])
def test_values_are_those_of_persim_and_hera_called_directly(distance):
    expected = 0.0
    for first, second in zip(ripser(SOURCE.numpy())["dgms"], ripser(TARGET.numpy())["dgms"], strict=True):
        pair = finite_bars(first), finite_bars(second)
        if distance == "sliced_wasserstein":
            expected += persim.sliced_wasserstein(*pair, M=50)
        elif distance == "wasserstein":
            expected += gudhi.hera.wasserstein_distance(*pair, order=1, internal_p=2, delta=1e-6)
        else:
            expected += gudhi.hera.bottleneck_distance(*pair, delta=0.0)
    found = value_of(PersistenceDistance(distance), (SOURCE[:40], TARGET[:50]), (SOURCE[40:], TARGET[50:]))
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_values_are_those_of_the_reference(reference_clouds, reference):
    clouds = {layer: torch.from_numpy(cloud) for layer, cloud in reference_clouds.items()}
    found = value_of(LayerDistanceMatrix(list(clouds), reduction="none"), (clouds,))
    pair = value_of(PersistenceDistance(homology_dims=[1]), (clouds["00_stem"], clouds["11_fc"]))
    for dim in (0, 1):
        expected = np.array(reference[f"sliced_wasserstein_M50_H{dim}"])
        np.testing.assert_allclose(found[dim], expected, rtol=1e-5)
    assert pair.item() == pytest.approx(expected[0, reference["layers"].index("11_fc")], rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"measure": Wasserstein(order=2)},
        {"measure": "bottleneck", "homology_dims": [1]},
        {"measure": count_difference},
        {"scale": "quantile", "reduction": "none"},
        {"measure": SlicedWasserstein(n_directions=7), "seed": 3, "backend": "gudhi"},
        {"n_samples": 200},
    ],
)
def test_classes_and_functions_give_the_same(options):
    options = {"n_samples": 32, **options}
    found = value_of(PersistenceDistance(**options), (SOURCE, TARGET))
    assert torch.equal(found, persistence_distance(SOURCE, TARGET, **options)) or options["n_samples"] == 200
    torch.testing.assert_close(found, persistence_distance(SOURCE, TARGET, **options), rtol=1e-6, atol=0)


def test_a_matrix_has_the_same_inputs_in_every_layer():
    together = sample_rows(torch.cat(list(ACTIVATIONS.values()), dim=1), 24, 0)
    clouds = together.split([values.shape[1] for values in ACTIVATIONS.values()], dim=1)
    assert torch.equal(EXPECTED_MATRIX, pairwise_persistence_distance(clouds))


def test_a_matrix_is_symmetric_and_has_a_diagonal_of_zeros():
    assert torch.equal(EXPECTED_MATRIX, EXPECTED_MATRIX.T)
    assert not EXPECTED_MATRIX.diagonal().any()
    assert (EXPECTED_MATRIX + torch.eye(3) > 0).all()


def test_layers_that_differ_by_an_isometry_are_at_distance_zero():
    x = normal(100, 5)
    turned = x @ torch.linalg.qr(normal(5, 5, seed=1))[0] + 3
    found = value_of(LayerDistanceMatrix(["a", "b"], n_samples=20), ({"a": x, "b": turned},))
    assert found[0, 1] < 1e-4


def test_dimensions_are_kept_apart_on_request():
    apart = value_of(small(reduction="none", homology_dims=(0, 1, 2)), (SOURCE, TARGET))
    assert apart.shape == (3,)
    torch.testing.assert_close(apart[:2].sum(), EXPECTED, rtol=1e-6, atol=0)
    matrices = value_of(matrix_metric(reduction="none"), (ACTIVATIONS,))
    assert matrices.shape == (2, 3, 3)
    torch.testing.assert_close(matrices.sum(0), EXPECTED_MATRIX, rtol=1e-6, atol=0)


# -- Order, batches and repetition ------------------------------------------------------------------------------------


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 1000))
@settings(max_examples=20)
def test_order_and_batch_size_change_nothing(sizes, seed):
    generator = np.random.default_rng(seed)
    source, target = SOURCE[generator.permutation(90)], TARGET[generator.permutation(70)]
    metric, taken, turn = small(), [0, 0], 0
    while taken[0] < 90 or taken[1] < 70:
        size = sizes[turn % len(sizes)]
        metric.update(source[taken[0] : taken[0] + size], target[taken[1] : taken[1] + size])
        taken, turn = [start + size for start in taken], turn + 1
    assert torch.equal(metric.compute(), EXPECTED)


@pytest.mark.parametrize("size", [1, 7, 60])
def test_batches_change_no_matrix(size):
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    batches = [(rows(ACTIVATIONS, part),) for part in order.split(size)]
    assert torch.equal(value_of(matrix_metric(), *batches), EXPECTED_MATRIX)


def test_a_sample_that_comes_twice_counts_once():
    repeated = value_of(small(), (SOURCE, TARGET), (SOURCE[:20], TARGET[:5]), (SOURCE, TARGET))
    assert torch.equal(repeated, EXPECTED)


def test_forward_gives_the_batch_alone_and_adds_it_up():
    metric = small()
    batches = [(SOURCE[:40], TARGET[:20]), (SOURCE[40:], TARGET[20:])]
    for batch in batches:
        assert torch.equal(metric(*batch), value_of(small(), batch))
    assert torch.equal(metric.compute(), EXPECTED)


@pytest.mark.parametrize("make", [small, matrix_metric])
def test_synchronising_on_step_changes_nothing_in_one_process(make):
    batches = [(SOURCE[:40], TARGET[:20]), (SOURCE[40:], TARGET[20:])]
    if make is matrix_metric:
        batches = [(rows(ACTIVATIONS, slice(40)),), (rows(ACTIVATIONS, slice(40, None)),)]
    usual, on_step = make(), make(dist_sync_on_step=True)
    for batch in batches:
        assert torch.equal(on_step(*batch), usual(*batch))
    assert torch.equal(on_step.compute(), usual.compute())


def test_empty_batches_are_passed_over():
    found = value_of(small(), (SOURCE[:0], TARGET[:30]), (SOURCE, TARGET[30:]), (SOURCE[:0], torch.zeros(0, 9)))
    assert torch.equal(found, EXPECTED)


def test_different_seeds_choose_different_samples():
    assert value_of(small(seed=1), (SOURCE, TARGET)) != EXPECTED


# -- Memory -----------------------------------------------------------------------------------------------------------


def test_memory_of_ten_thousand_updates_is_flat():
    metric = PersistenceDistance(n_samples=8)
    batches = normal(100, 2, 4, 3)

    def update(times):
        for i in range(times):
            metric.update(batches[i % 100, 0] + i, batches[i % 100, 1] - i)

    def sizes():
        return {name: (state.shape, state.untyped_storage().nbytes()) for name, state in metric.metric_state.items()}

    update(100)
    before = sizes()
    update(8900)
    tracemalloc.start()  # for the last thousand, because it slows them down
    try:
        held = tracemalloc.get_traced_memory()[0]
        update(1000)
        grown = tracemalloc.get_traced_memory()[0] - held
    finally:
        tracemalloc.stop()
    assert metric.update_count == 10_000
    assert sizes() == before
    assert sum(size for _, size in before.values()) == 2 * 8 * (8 + 3 * 4)
    # A tensor kept per update would be 1000 times 80 bytes.
    assert grown < 40_000


def test_states_hold_no_memory_of_a_large_batch():
    metric = value_and_metric(normal(5000, 3), normal(5000, 3, seed=1))
    assert all(state.untyped_storage().nbytes() == state.nbytes for state in metric.metric_state.values())


def value_and_metric(*batch):
    metric = small()
    metric.update(*batch)
    return metric


# -- What tensors may be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8])
def test_batches_of_every_dtype_are_taken(dtype):
    source, target = (SOURCE * 10).round().abs(), (TARGET * 10).round().abs()
    found = value_of(small(), (source.to(dtype), target.to(dtype)))
    assert found.dtype == torch.float32
    assert torch.equal(found, value_of(small(), (source, target)))


def test_images_and_sequences_become_vectors():
    images, sequences = normal(20, 4, 3, 3), normal(25, 5, 6, seed=1)
    largest = images.flatten(2).norm(dim=1).argmax(dim=1)
    chosen = images.flatten(2)[torch.arange(20), :, largest]
    ways = {
        "flatten": (images.flatten(1), sequences.flatten(1)),
        "rows": (images.flatten(1), sequences.flatten(1)),
        "mean": (images.mean(dim=(2, 3)), sequences.mean(dim=1)),
        "token": (images[:, :, 0, 0], sequences[:, 0]),
        "auto": (chosen, sequences.mean(dim=1)),
        "max_norm": (chosen, sequences[torch.arange(25), sequences.norm(dim=2).argmax(dim=1)]),
    }
    for way, vectors in ways.items():
        found = value_of(PersistenceDistance(pooling=way), (images, sequences))
        torch.testing.assert_close(found, persistence_distance(*vectors), rtol=1e-5, atol=1e-5)
    found = value_of(PersistenceDistance(pooling=lambda x: x.flatten(1)[:, :3]), (images, sequences))
    expected = persistence_distance(images.flatten(1)[:, :3], sequences.flatten(1)[:, :3])
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_random_positions_depend_on_the_sample_alone():
    images = normal(30, 4, 3, 3)
    whole = value_of(PersistenceDistance(pooling="random"), (images, images.flip(2)))
    parts = [(images[part], images.flip(2)[part]) for part in torch.arange(30).flip(0).split(7)]
    assert torch.equal(value_of(PersistenceDistance(pooling="random"), *parts), whole)
    assert whole != value_of(PersistenceDistance(pooling="random", seed=1), (images, images.flip(2)))


def test_complex_numbers_are_pairs_and_vectors_points_on_a_line():
    x, y = normal(20, 3, 2), normal(15, 3, 2, seed=1)
    found = value_of(PersistenceDistance(), (torch.view_as_complex(x), torch.view_as_complex(y)))
    torch.testing.assert_close(found, persistence_distance(x.flatten(1), y.flatten(1)), rtol=1e-6, atol=0)
    found = value_of(PersistenceDistance(), (torch.view_as_complex(x)[:, 0], y[:, 0, 0]))
    torch.testing.assert_close(found, persistence_distance(x[:, 0], y[:, 0, 0]), rtol=1e-6, atol=0)


def test_values_carry_no_gradients():
    metric = small()
    assert not metric(SOURCE.clone().requires_grad_(), TARGET.clone().requires_grad_()).requires_grad
    assert not any(state.requires_grad for state in metric.metric_state.values())


# -- Wherever torchmetrics puts a metric ------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [small, matrix_metric])
def test_the_constants_of_the_class_cannot_be_set(make):
    metric = make()
    assert (metric.is_differentiable, metric.higher_is_better, metric.full_state_update) == (False, False, False)
    assert (metric.plot_lower_bound, metric.plot_upper_bound) == (0.0, None)
    for name in ("is_differentiable", "higher_is_better", "full_state_update", "plot_lower_bound"):
        with pytest.raises(RuntimeError, match=f"Can't change const `{name}`"):
            setattr(metric, name, True)


@pytest.mark.parametrize("make", [small, matrix_metric])
def test_metrics_can_be_scripted_hashed_and_have_no_state_dict(make):
    metric = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert isinstance(torch.jit.script(metric), torch.jit.ScriptModule)
    assert hash(metric) != hash(make())
    assert metric.state_dict() == {}
    assert list(metric.parameters()) == []


@pytest.mark.parametrize(
    "copied",
    [lambda m: m.clone(), copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))],
    ids=["clone", "copy", "pickle"],
)
@pytest.mark.parametrize("updated", [False, True])
def test_copies_go_on_where_they_were_made(copied, updated):
    metric = small(measure=count_difference)
    if updated:
        metric.update(SOURCE[:40], TARGET[:40])
    twin = copied(metric)
    assert type(twin) is PersistenceDistance
    twin.update(SOURCE[40 * updated :], TARGET[40 * updated :])
    assert torch.equal(twin.compute(), value_of(small(measure=count_difference), (SOURCE, TARGET)))
    assert metric.update_count == int(updated)
    assert (metric.source_priorities == EMPTY).sum() == (0 if updated else 32)


def test_reset_forgets_everything_also_the_width():
    metric = small()
    metric.update(normal(50, 11), normal(50, 12))
    metric.compute()
    metric.reset()
    assert metric.source_rows.shape == (32, 0)
    assert torch.equal(value_of(metric, (SOURCE, TARGET)), EXPECTED)


def test_persistent_states_come_back():
    metric = value_and_metric(SOURCE[:40], TARGET[:40])
    metric.persistent(True)
    other = small()
    other.persistent(True)
    other.load_state_dict(copy.deepcopy(metric.state_dict()))
    other.update(SOURCE[40:], TARGET[40:])
    assert torch.equal(other.compute(), EXPECTED)


def test_states_merge():
    first, second = value_and_metric(SOURCE[:10], TARGET[:60]), value_and_metric(SOURCE[10:], TARGET[50:])
    first.compute()
    first.merge_state(second)
    assert torch.equal(first.compute(), EXPECTED)
    second.merge_state(value_and_metric(SOURCE[:20], TARGET[:50]).metric_state)
    assert torch.equal(second.compute(), EXPECTED)
    empty = small()
    empty.merge_state(second)
    second.merge_state(small())
    assert torch.equal(second.compute(), EXPECTED)
    empty.update(SOURCE[:3], TARGET[:3])
    assert torch.equal(empty.compute(), EXPECTED)
    halves = [matrix_metric() for _ in range(2)]
    for metric, part in zip(halves, (slice(20), slice(15, None)), strict=True):
        metric.update(rows(ACTIVATIONS, part))
    halves[0].merge_state(halves[1])
    assert torch.equal(halves[0].compute(), EXPECTED_MATRIX)


def test_states_that_do_not_fit_are_not_merged():
    metric = value_and_metric(SOURCE, TARGET)
    for other, message in [
        (small(seed=1), "`seed=0`, as this one, got 1"),
        (small(n_samples=16), "`n_samples=32`, as this one, got 16"),
        (small(pooling="mean"), "`pooling='flatten'`, as this one, got 'mean'"),
        (small(n_samples=16).metric_state, "a state of `n_samples=32`, got 16 places"),
        (
            value_and_metric(SOURCE[:, :5], TARGET),
            r"`source` to have as many values per sample in all parts, got \[5, 6\]",
        ),
        ({"source_rows": SOURCE}, r"incoming state to hold \['source_priorities', .*, got no '"),
        (matrix_metric(), "instance of PersistenceDistance"),
        (3, "dict or an instance of Metric"),
    ]:
        with pytest.raises(ValueError, match=message):
            metric.merge_state(other)
    with pytest.raises(ValueError, match=r"`layers=\('stem', 'blocks.0', 'head'\)`, as this one, got \('stem',\)"):
        matrix_metric().merge_state(LayerDistanceMatrix(["stem"], n_samples=24))
    with pytest.raises(RuntimeError, match="not supported"):
        small(dist_sync_on_step=True).merge_state(metric)
    assert torch.equal(metric.compute(), EXPECTED)


def test_metrics_of_a_collection_share_their_states():
    collection = MetricCollection(
        {
            "h0": small(homology_dims=[0]),
            "h1": small(homology_dims=[1]),
            "bottleneck": small(measure="bottleneck"),
            "other seed": small(seed=1),
        }
    )
    seen = collection(SOURCE[:40], TARGET[:30])
    collection.update(SOURCE[40:], TARGET[30:])
    assert sorted(map(sorted, collection.compute_groups.values())) == [["bottleneck", "h0", "h1"], ["other seed"]]
    found = collection.compute()
    assert torch.equal(seen["h1"], value_of(small(homology_dims=[1]), (SOURCE[:40], TARGET[:30])))
    assert torch.equal(found["bottleneck"], value_of(small(measure="bottleneck"), (SOURCE, TARGET)))
    assert torch.equal(found["other seed"], value_of(small(seed=1), (SOURCE, TARGET)))
    assert (found["h0"] + found["h1"]).item() == pytest.approx(EXPECTED.item(), rel=1e-6)
    collection.reset()
    collection.update(TARGET, SOURCE)
    torch.testing.assert_close(collection["h0"].compute() + collection["h1"].compute(), EXPECTED, rtol=1e-6, atol=0)


def test_a_collection_without_groups_gives_the_same():
    metrics = {"h0": small(homology_dims=[0]), "h1": small(homology_dims=[1])}
    grouped, single = MetricCollection(copy.deepcopy(metrics)), MetricCollection(metrics, compute_groups=False)
    for batch in ((SOURCE[:40], TARGET[:30]), (SOURCE[40:], TARGET[30:])):
        grouped.update(*batch)
        single.update(*batch)
    assert grouped.compute() == single.compute()


def test_a_tracker_finds_the_smallest_distance():
    tracker = MetricTracker(small())
    for step in range(3):
        tracker.increment()
        tracker.update(SOURCE, (3 - step) * SOURCE[:, :5])
    best, step = tracker.best_metric(return_step=True)
    assert tracker.compute_all().shape == (3,)
    assert (best, step) == (tracker.compute_all().min().item(), 2)
    matrices = MetricTracker(matrix_metric())
    for _ in range(2):
        matrices.increment()
        matrices.update(ACTIVATIONS)
    assert torch.equal(matrices.compute_all(), torch.stack([EXPECTED_MATRIX] * 2))


def test_metrics_work_in_wrappers():
    boots = BootStrapper(small(), num_bootstraps=2, mean=True, std=False)
    boots.update(SOURCE, SOURCE + 1)
    assert boots.compute()["mean"] > 0


@pytest.mark.parametrize("make", [small, matrix_metric])
def test_states_move_between_devices_with_their_defaults(make):
    metric = make().to("meta")
    assert metric.device == torch.device("meta")
    assert {state.device.type for state in metric.metric_state.values()} == {"meta"}
    assert {default.device.type for default in metric._defaults.values()} == {"meta"}
    metric.reset()
    assert {state.device.type for state in metric.metric_state.values()} == {"meta"}


@pytest.mark.parametrize("cast", ["half", "float", "double", "bfloat16"])
def test_casts_meant_for_models_change_nothing(cast):
    module = nn.ModuleDict({"metric": value_and_metric(SOURCE[:40], TARGET[:40])})
    getattr(module, cast)()
    getattr(module["metric"], cast)()
    assert module["metric"].source_rows.dtype == torch.float32
    assert torch.equal(value_of(module["metric"], (SOURCE[40:], TARGET[40:])), EXPECTED)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 1e-2), (torch.bfloat16, 0.1), (torch.float64, 1e-6)])
def test_set_dtype_casts_rows_and_value_and_leaves_the_priorities(dtype, tolerance):
    metric = value_and_metric(SOURCE[:40], TARGET[:40]).set_dtype(dtype)
    assert {metric.source_priorities.dtype, metric._defaults["target_priorities"].dtype} == {torch.int64}
    assert metric.source_rows.dtype == metric.dtype == dtype
    for _ in range(2):  # the second time from the start
        found = value_of(metric, (SOURCE[40:], TARGET[40:]))
        assert found.dtype == dtype
        assert found.item() == pytest.approx(EXPECTED.item(), rel=tolerance)
        metric.reset()
        assert torch.equal(metric.source_priorities, torch.full((32,), EMPTY))
        metric.update(SOURCE[:40], TARGET[:40])


def test_double_precision_keeps_what_single_precision_rounds():
    x, y = SOURCE.double() + 1e-9 * normal(90, 6, seed=5), TARGET.double()
    metric = small().set_dtype(torch.float64)
    found = value_of(metric, (x, y))
    assert torch.equal(metric.source_rows.float().double() == metric.source_rows, torch.zeros(32, 6, dtype=torch.bool))
    torch.testing.assert_close(found, persistence_distance(x, y, n_samples=32), rtol=1e-9, atol=0)


def test_half_precision_batches_in_a_half_precision_metric():
    metric = small().set_dtype(torch.half)
    found = metric(SOURCE.half(), TARGET.half())
    assert found.dtype == torch.float16
    assert found.item() == pytest.approx(value_of(small(), (SOURCE.half(), TARGET.half())).item(), rel=1e-2)


def test_metrics_work_in_inference_mode_and_after_it():
    metric = small()
    with torch.inference_mode():
        metric(SOURCE[:40], TARGET[:40])
    metric.update(SOURCE[40:], TARGET[40:])
    assert torch.equal(metric.compute(), EXPECTED)


def test_metrics_are_logged_by_lightning(tmp_path):
    # Imported here, because it takes seconds that the processes below do not have to wait for.
    import lightning.pytorch as pl

    class Model(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 4)
            self.distance, self.matrix = small(), LayerDistanceMatrix(["in", "out"])
            self.every_step = MetricCollection({"h0": small(homology_dims=[0]), "h1": small(homology_dims=[1])})

        def training_step(self, batch, batch_idx):
            return self.layer(batch[0]).square().mean()

        def validation_step(self, batch, batch_idx):
            (x,) = batch
            y = self.layer(x)
            self.distance.update(x, y)
            self.matrix.update({"in": x, "out": y})
            self.log("distance", self.distance)
            self.every_step(x, y)
            self.log_dict(self.every_step, on_step=True, on_epoch=True)

        def on_validation_epoch_end(self):
            self.last = self.matrix.compute()
            self.matrix.reset()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.0)

    model, loader = Model(), DataLoader(TensorDataset(SOURCE), batch_size=16)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_epochs=2, accelerator="cpu", default_root_dir=tmp_path, **quiet)
    trainer.fit(model, loader, loader)
    logged = trainer.callback_metrics
    with torch.no_grad():
        output = model.layer(SOURCE)
    assert logged["distance"].item() == pytest.approx(value_of(small(), (SOURCE, output)).item(), rel=1e-5)
    assert (logged["h0_epoch"] + logged["h1_epoch"]).item() == pytest.approx(logged["distance"].item(), rel=1e-6)
    assert model.last[0, 1].item() == pytest.approx(persistence_distance(SOURCE, output).item(), rel=1e-5)
    checkpoint = torch.load(trainer.checkpoint_callback.best_model_path, weights_only=True)
    assert sorted(checkpoint["state_dict"]) == ["layer.bias", "layer.weight"]


# -- Several processes ------------------------------------------------------------------------------------------------

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
    mp.spawn(work, args=(folder,), nprocs=2)
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


# -- Pictures ---------------------------------------------------------------------------------------------------------


def test_values_are_plotted():
    metric = small()
    seen = [metric(SOURCE, TARGET), metric(SOURCE, 2 * TARGET)]
    for val in (None, seen, seen[0]):
        figure, axes = metric.plot(val)
        assert isinstance(figure, Figure)
        assert axes.get_ylabel() == "PersistenceDistance"
    given_axes = Figure().add_subplot()
    assert metric.plot(ax=given_axes)[1] is given_axes
    matplotlib.pyplot.close("all")


def test_matrices_are_plotted_with_their_layers():
    metric = matrix_metric()
    metric.update(ACTIVATIONS)
    figure, axes = metric.plot()
    assert np.array_equal(axes.collections[0].get_array(), EXPECTED_MATRIX.numpy())
    assert tuple(label.get_text() for label in axes.get_xticklabels()) == LAYERS
    assert tuple(label.get_text() for label in axes.get_yticklabels()) == LAYERS
    assert [text.get_text() for text in axes.texts][:2] == ["0", f"{EXPECTED_MATRIX[0, 1]:.2g}"]
    figure.canvas.draw()
    given_axes = Figure().add_subplot()
    assert metric.plot(2 * EXPECTED_MATRIX, ax=given_axes) == (given_axes.figure, given_axes)
    apart = matrix_metric(reduction="none")
    apart.update(ACTIVATIONS)
    figure, panels = apart.plot()
    assert [panel.get_title() for panel in panels] == [f"Sliced Wasserstein distance, H{dim}" for dim in (0, 1)]
    nothing = torch.full((3, 3), torch.nan)
    assert not metric.plot(nothing)[1].texts
    with pytest.raises(ValueError, match=r"Expected `val` to be of shape \(3, 3\), got \(2, 2\)"):
        metric.plot(torch.zeros(2, 2))
    with pytest.raises(ValueError, match="Expected one matrix to draw on `ax`, got 2"):
        apart.plot(ax=given_axes)
    matplotlib.pyplot.close("all")


def test_many_layers_are_plotted_without_numbers():
    layers = [f"layer{i}" for i in range(20)]
    figure, axes = LayerDistanceMatrix(layers).plot(torch.rand(20, 20))
    assert not axes.texts
    assert len(axes.get_xticklabels()) == 20
    matplotlib.pyplot.close(figure)


# -- What mathematics says --------------------------------------------------------------------------------------------


def clouds(dim=2):
    point = st.tuples(*[st.integers(-20, 20)] * dim)
    different = st.lists(point, min_size=2, max_size=8, unique=True)
    return different.map(lambda points: torch.tensor(points, dtype=torch.float32))


@pytest.mark.parametrize("distance", DISTANCES)
@given(x=clouds(), y=clouds(dim=3), factor=st.sampled_from([0.25, 2.0, 64.0]))
@settings(max_examples=20)
def test_the_metric_is_symmetric_zero_on_itself_and_grows_with_the_clouds(distance, x, y, factor):
    def metric(*batch, **options):
        return value_of(PersistenceDistance(distance, **options), batch).item()

    forth = metric(x, y)
    assert forth == pytest.approx(metric(y, x), rel=1e-6)
    assert metric(x, x.flip(0)) == 0
    assert metric(factor * x, factor * y) == pytest.approx(factor * forth, rel=1e-5, abs=1e-4 * factor)
    assert metric(factor * x, y, scale="quantile") == pytest.approx(metric(x, y, scale="quantile"), abs=1e-4)


# -- Bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [PersistenceDistance, functools.partial(LayerDistanceMatrix, ["a", "b"])])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"measure": "euclid"}, ValueError, r"a measure of \['sliced_wasserstein', .*got 'euclid'"),
        ({"measure": 3}, TypeError, "a measure, its name .* or a function, got 3"),
        ({"measure": "bars"}, TypeError, "`measure` to be a distance, got bars, which is a statistic"),
        ({"homology_dims": (-1,)}, ValueError, r"`homology_dims` to hold integers of at least 0, got \(-1,\)"),
        ({"n_samples": 1}, ValueError, "`n_samples` to be an integer of at least 2, got 1"),
        ({"n_samples": 0}, ValueError, "`n_samples` to be an integer of at least 2, got 0"),
        ({"n_samples": None}, ValueError, "`n_samples` to be an integer of at least 2, got None"),
        ({"n_samples": 8.0}, ValueError, "`n_samples` to be an integer of at least 2, got 8.0"),
        ({"scale": "max"}, ValueError, "`scale` to be one of .* got 'max'"),
        ({"backend": "giotto"}, ValueError, "`backend` to be one of .* got 'giotto'"),
        ({"seed": "x"}, TypeError, "`seed` to be an integer, got 'x'"),
        ({"reduction": "mean"}, ValueError, "`reduction` to be one of .* got 'mean'"),
        ({"pooling": "max"}, ValueError, "`pooling` to be one of .* got 'max'"),
        ({"pooling": 3}, TypeError, "`pooling` to be a name or a function, got 3"),
    ],
)
def test_options_out_of_their_range_are_refused_by_name(make, options, error, message):
    with pytest.raises(error, match=f"Expected {message}"):
        make(**options)


def test_unknown_keywords_are_refused_and_torchmetrics_own_are_passed_on():
    with pytest.raises(ValueError, match="Unexpected keyword arguments: `squared`"):
        PersistenceDistance(squared=True)
    assert PersistenceDistance(sync_on_compute=False).sync_on_compute is False
    with pytest.raises(ValueError, match="`dist_sync_on_step` to be an `bool`"):
        LayerDistanceMatrix(["a"], dist_sync_on_step=3)


BAD_BATCHES = [
    (torch.tensor(1.0), ValueError, "to have one row per sample, got a single number"),
    (torch.zeros(3, 0), ValueError, r"to have values for each sample, got shape \(3, 0\)"),
    (torch.tensor([[0.0, torch.nan], [0.0, 1.0]]), ValueError, "to be finite, got NaN or infinity in 1 of 2 samples"),
    (torch.tensor([[torch.inf], [-torch.inf]]), ValueError, "to be finite, got NaN or infinity in 2 of 2 samples"),
    (np.zeros((3, 2)), TypeError, "to be a tensor, got ndarray"),
    (None, TypeError, "to be a tensor, got NoneType"),
]


@pytest.mark.parametrize(("bad", "error", "message"), BAD_BATCHES)
def test_bad_batches_are_refused_by_name_and_change_nothing(bad, error, message):
    metric = value_and_metric(SOURCE[:40], TARGET)
    for batch, name in (((bad, TARGET), "source"), ((SOURCE, bad), "target")):
        with pytest.raises(error, match=f"Expected `{name}` {message}"):
            metric.update(*batch)
    metric.update(SOURCE[40:], TARGET)
    assert torch.equal(metric.compute(), EXPECTED)
    matrix = LayerDistanceMatrix(["good", "bad"])
    with pytest.raises(error, match=f"Expected `bad` {message}"):
        matrix.update({"good": torch.zeros(2, 2), "bad": bad})


def test_vectors_of_another_length_are_refused_by_name_and_change_nothing():
    metric = value_and_metric(SOURCE[:40], TARGET)
    message = "Expected `target` to have 4 values per sample, as in earlier updates, got 6"
    with pytest.raises(ValueError, match=message):
        metric.update(SOURCE, SOURCE)
    with pytest.raises(ValueError, match="Expected `source` to have 6 values per sample, as in earlier updates, got 4"):
        metric.update(TARGET, TARGET)
    with pytest.raises(ValueError, match="Expected `source` to have as many values per sample in all parts"):
        metric(TARGET, TARGET)
    metric = value_and_metric(SOURCE[:40], TARGET)
    with pytest.raises(ValueError, match=message):
        metric.update(10 + SOURCE, SOURCE)
    metric.update(SOURCE[40:], TARGET)
    assert torch.equal(metric.compute(), EXPECTED)


def test_layers_have_to_be_there_and_of_the_same_samples():
    metric = matrix_metric()
    with pytest.raises(ValueError, match=r"to hold the layers \('stem', 'blocks.0', 'head'\), got none for \['head'\]"):
        metric.update({"stem": SOURCE, "blocks.0": SOURCE})
    with pytest.raises(
        ValueError, match=r"as many samples in every layer, got \{'stem': 90, 'blocks.0': 90, 'head': 70\}"
    ):
        metric.update({"stem": SOURCE, "blocks.0": SOURCE, "head": TARGET})
    with pytest.raises(TypeError, match="Expected `activations` to map layers to tensors, got Tensor"):
        metric.update(SOURCE)
    metric.update({**ACTIVATIONS, "another": TARGET})
    with pytest.raises(ValueError, match="Expected `head` to have 2 values per sample, as in earlier updates, got 3"):
        metric.update({**ACTIVATIONS, "head": ACTIVATIONS["stem"]})
    assert torch.equal(metric.compute(), EXPECTED_MATRIX)


@pytest.mark.parametrize("layers", [[], ["a", "b", "a"]])
def test_layers_have_to_be_different_and_at_least_one(layers):
    with pytest.raises(ValueError, match="Expected `layers` to be at least one name, all different, got"):
        LayerDistanceMatrix(layers)


def test_a_string_is_no_list_of_layers():
    with pytest.raises(TypeError, match="Expected `layers` to be a sequence of names, got the string 'stem'"):
        LayerDistanceMatrix("stem")


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_without_an_update_there_is_torchmetrics_warning_and_nan(reduction):
    shape = () if reduction == "sum" else (2,)
    for metric, expected in ((small(reduction=reduction), shape), (matrix_metric(reduction=reduction), (*shape, 3, 3))):
        with pytest.warns(UserWarning, match="before the ``update`` method") as caught:
            found = metric.compute()
        assert len(caught) == 1
        assert found.shape == expected
        assert found.isnan().all()
        assert found.dtype == torch.float32


def test_an_empty_cloud_is_warned_about_and_nan():
    with pytest.warns(UserWarning, match="at least 2 different samples in `target`, got 0. The distance is NaN"):
        assert value_of(small(), (SOURCE, TARGET[:0])).isnan()
    with pytest.warns(UserWarning, match="at least 2 different samples in `activations`, got 0. The distance is NaN"):
        assert value_of(matrix_metric(), (rows(ACTIVATIONS, slice(0, 0)),)).isnan().all()


def test_one_sample_has_no_bars_and_is_warned_about():
    pair = torch.tensor([[0.0], [2.0]])
    with pytest.warns(UserWarning, match="at least 2 different samples in `source`, got 1. A single point has no bars"):
        assert value_of(PersistenceDistance("bottleneck"), (torch.ones(5, 3), pair)) == 1
    with pytest.warns(UserWarning, match="at least 2 different samples in `activations`, got 1"):
        found = value_of(matrix_metric(scale="quantile"), (rows(ACTIVATIONS, slice(0, 1)),))
    assert torch.equal(found, torch.zeros(3, 3))
