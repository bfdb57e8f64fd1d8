"""The distance of two clouds as a metric: what it computes, and what it refuses."""

import gudhi.hera
import matplotlib
import persim
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from metric_tools import (
    ACTIVATIONS,
    EXPECTED,
    SOURCE,
    TARGET,
    count_difference,
    matrix_metric,
    normal,
    rows,
    small,
    value_of,
)
from own_measures import Procrustes
from ripser import ripser

from topocallback import LayerDistanceMatrix, PersistenceDistance
from topocallback.functional import persistence_distance
from topocallback.measures import SlicedWasserstein, Wasserstein
from topocallback.measures.topology.diagrams import finite_bars

matplotlib.use("Agg")
DISTANCES = ("sliced_wasserstein", "wasserstein", "bottleneck")


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


def test_dimensions_are_kept_apart_on_request():
    apart = value_of(small(reduction="none", homology_dims=(0, 1, 2)), (SOURCE, TARGET))
    assert apart.shape == (3,)
    torch.testing.assert_close(apart[:2].sum(), EXPECTED, rtol=1e-6, atol=0)


def test_images_and_sequences_become_vectors():
    images, sequences = normal(20, 4, 3, 3), normal(25, 5, 6, seed=1)
    largest = images.flatten(2).norm(dim=1).argmax(dim=1)
    chosen = images.flatten(2)[torch.arange(20), :, largest]
    ways = {
        "flatten": (images.flatten(1), sequences.flatten(1)),
        "rows": (images.flatten(1), sequences.flatten(1)),
        "mean": (images.mean(dim=(2, 3)), sequences.mean(dim=1)),
        "token": (chosen, sequences[:, 0]),
        "auto": (chosen, sequences.mean(dim=1)),
        "max_norm": (chosen, sequences[torch.arange(25), sequences.norm(dim=2).argmax(dim=1)]),
    }
    for way, vectors in ways.items():
        found = value_of(PersistenceDistance(pooling=way), (images, sequences))
        torch.testing.assert_close(found, persistence_distance(*vectors), rtol=1e-5, atol=1e-5)
    found = value_of(PersistenceDistance(pooling=lambda x: x.flatten(1)[:, :3]), (images, sequences))
    expected = persistence_distance(images.flatten(1)[:, :3], sequences.flatten(1)[:, :3])
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_complex_numbers_are_pairs_and_vectors_points_on_a_line():
    x, y = normal(20, 3, 2), normal(15, 3, 2, seed=1)
    found = value_of(PersistenceDistance(), (torch.view_as_complex(x), torch.view_as_complex(y)))
    torch.testing.assert_close(found, persistence_distance(x.flatten(1), y.flatten(1)), rtol=1e-6, atol=0)
    found = value_of(PersistenceDistance(), (torch.view_as_complex(x)[:, 0], y[:, 0, 0]))
    torch.testing.assert_close(found, persistence_distance(x[:, 0], y[:, 0, 0]), rtol=1e-6, atol=0)


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


# -- Bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"measure": "euclid"}, ValueError, r"a measure of \['sliced_wasserstein', .*got 'euclid'"),
        ({"measure": "bars"}, TypeError, "`measure` to be a distance, got bars, which is a statistic"),
        (
            {"measure": Procrustes()},
            ValueError,
            "`measure` to be a distance of any clouds, got procrustes, which needs",
        ),
        ({"measure": Wasserstein(homology_dim=2)}, ValueError, r"`homology_dim` of wasserstein to be .*, got 2"),
        ({"homology_dims": (-1,)}, ValueError, r"`homology_dims` to hold integers of at least 0, got \(-1,\)"),
        ({"n_samples": 1}, ValueError, "`n_samples` to be an integer of at least 2, got 1"),
        ({"n_samples": None}, ValueError, "`n_samples` to be an integer of at least 2, got None"),
        ({"scale": "max"}, ValueError, "`scale` to be one of .* got 'max'"),
        ({"backend": "giotto"}, ValueError, "`backend` to be one of .* got 'giotto'"),
        ({"seed": "x"}, TypeError, "`seed` to be an integer, got 'x'"),
        ({"reduction": "mean"}, ValueError, "`reduction` to be one of .* got 'mean'"),
        ({"pooling": "max"}, ValueError, "`pooling` to be one of .* got 'max'"),
        ({"pooling": 3}, TypeError, "`pooling` to be a name or a function, got 3"),
    ],
)
def test_options_out_of_their_range_are_refused_by_name(options, error, message):
    with pytest.raises(error, match=f"Expected {message}"):
        PersistenceDistance(**options)


def test_unknown_keywords_are_refused_and_torchmetrics_own_are_passed_on():
    with pytest.raises(ValueError, match="Unexpected keyword arguments: `squared`"):
        PersistenceDistance(squared=True)
    assert PersistenceDistance(sync_on_compute=False).sync_on_compute is False
    with pytest.raises(ValueError, match="`dist_sync_on_step` to be an `bool`"):
        LayerDistanceMatrix(["a"], dist_sync_on_step=3)


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
