"""The distances among layers as a metric: the same inputs in every layer, and their picture."""

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from metric_tools import (
    ACTIVATIONS,
    EXPECTED_MATRIX,
    LAYERS,
    SOURCE,
    TARGET,
    matrix_metric,
    normal,
    rows,
    value_of,
)
from own_measures import Procrustes

from topocallback import LayerDistanceMatrix, PersistenceDistance
from topocallback.activations.reservoir import sample_rows
from topocallback.functional import pairwise_persistence_distance

matplotlib.use("Agg")


# -- What is computed -------------------------------------------------------------------------------------------------


def test_values_are_those_of_the_reference(reference_clouds, reference):
    clouds = {layer: torch.from_numpy(cloud) for layer, cloud in reference_clouds.items()}
    found = value_of(LayerDistanceMatrix(list(clouds), reduction="none"), (clouds,))
    pair = value_of(PersistenceDistance(homology_dims=[1]), (clouds["00_stem"], clouds["11_fc"]))
    for dim in (0, 1):
        expected = np.array(reference[f"sliced_wasserstein_M50_H{dim}"])
        np.testing.assert_allclose(found[dim], expected, rtol=1e-5)
    assert pair.item() == pytest.approx(expected[0, reference["layers"].index("11_fc")], rel=1e-5)


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
    matrices = value_of(matrix_metric(reduction="none"), (ACTIVATIONS,))
    assert matrices.shape == (2, 3, 3)
    torch.testing.assert_close(matrices.sum(0), EXPECTED_MATRIX, rtol=1e-6, atol=0)


def test_a_paired_distance_is_that_of_the_same_inputs_in_every_layer():
    together = sample_rows(torch.cat(list(ACTIVATIONS.values()), dim=1), 24, 0)
    clouds = together.double().numpy()
    clouds = np.split(clouds, np.cumsum([values.shape[1] for values in ACTIVATIONS.values()])[:-1], axis=1)
    expected = [[Procrustes()(a, b) if a is not b else 0.0 for b in clouds] for a in clouds]
    found = value_of(matrix_metric(measure=Procrustes()), (ACTIVATIONS,))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    apart = matrix_metric(measure=Procrustes(), reduction="none")
    assert torch.equal(value_of(apart, (ACTIVATIONS,)), found[None])


@pytest.mark.parametrize("size", [1, 7, 60])
def test_batches_change_no_matrix(size):
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    batches = [(rows(ACTIVATIONS, part),) for part in order.split(size)]
    assert torch.equal(value_of(matrix_metric(), *batches), EXPECTED_MATRIX)


# -- Pictures ---------------------------------------------------------------------------------------------------------


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
    assert [panel.get_title() for panel in panels] == [
        "Sliced Wasserstein distance, H0",
        "Sliced Wasserstein distance, H1",
    ]
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


# -- Bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"measure": "bars"}, TypeError),
        ({"homology_dims": ()}, ValueError),
        ({"n_samples": 8.0}, ValueError),
        ({"scale": "max"}, ValueError),
        ({"backend": "giotto"}, ValueError),
        ({"seed": 0.5}, TypeError),
        ({"reduction": "mean"}, ValueError),
        ({"pooling": 3}, TypeError),
    ],
)
def test_options_out_of_their_range_are_refused_by_name(options, error):
    with pytest.raises(error, match=f"Expected `{next(iter(options))}`"):
        LayerDistanceMatrix(["a", "b"], **options)


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
