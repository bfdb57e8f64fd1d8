"""Samples of bounded size as the state of a metric: batches, memory, dtypes, devices, and how states merge."""

import copy
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_tools import (
    ACTIVATIONS,
    EXPECTED,
    EXPECTED_MATRIX,
    SOURCE,
    TARGET,
    matrix_metric,
    normal,
    rows,
    small,
    value_and_metric,
    value_of,
)
from torch import nn

from topocallback import LayerDistanceMatrix, PersistenceDistance
from topocallback.activations.reservoir import EMPTY
from topocallback.functional import persistence_distance

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


# -- What tensors may be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8])
def test_batches_of_every_dtype_are_taken(dtype):
    source, target = (SOURCE * 10).round().abs(), (TARGET * 10).round().abs()
    found = value_of(small(), (source.to(dtype), target.to(dtype)))
    assert found.dtype == torch.float32
    assert torch.equal(found, value_of(small(), (source, target)))


def test_random_positions_depend_on_the_sample_alone():
    images = normal(30, 4, 3, 3)
    whole = value_of(PersistenceDistance(pooling="random"), (images, images.flip(2)))
    parts = [(images[part], images.flip(2)[part]) for part in torch.arange(30).flip(0).split(7)]
    assert torch.equal(value_of(PersistenceDistance(pooling="random"), *parts), whole)
    assert whole != value_of(PersistenceDistance(pooling="random", seed=1), (images, images.flip(2)))


def test_values_carry_no_gradients():
    metric = small()
    assert not metric(SOURCE.clone().requires_grad_(), TARGET.clone().requires_grad_()).requires_grad
    assert not any(state.requires_grad for state in metric.metric_state.values())


# -- How states merge -------------------------------------------------------------------------------------------------


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


# -- Devices and dtypes -----------------------------------------------------------------------------------------------


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


# -- Bad input --------------------------------------------------------------------------------------------------------


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
