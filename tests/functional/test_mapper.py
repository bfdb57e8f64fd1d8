"""Mapper graphs of tensors or arrays: those of the measures, whatever the dtype and the size."""

import numpy as np
import pytest
import torch

from topocallback.functional import mapper_graph, tiled_neighbours
from topocallback.measures.mapper import graph
from topocallback.measures.mapper.options import FILTERS, MapperOptions

OPTIONS = MapperOptions(n_intervals=6, radius=1.5)
KINDS = {
    "array": np.asarray,
    "tensor": torch.from_numpy,
    "sparse": lambda values: torch.from_numpy(values).to_sparse(),
    "list": np.ndarray.tolist,
}


def clusters(n=200):
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=n)
    return 3 * np.eye(3)[labels] + rng.normal(size=(n, 3)), labels


def assert_same_graph(found, expected):
    assert [members.tolist() for members in found.members] == [members.tolist() for members in expected.members]
    np.testing.assert_array_equal(found.edges, expected.edges)
    assert expected.n_nodes > 0


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_tensors_arrays_and_lists_give_the_graph_of_the_measure(kind):
    points, labels = clusters()
    ids = np.arange(7, 207)
    expected = graph.mapper_graph(points, labels, OPTIONS, sample_ids=ids)
    found = mapper_graph(kind(points), kind(labels), OPTIONS, sample_ids=kind(ids))
    assert_same_graph(found, expected)
    assert found.purity_point_wise == expected.purity_point_wise
    np.testing.assert_array_equal(found.sample_ids, ids)
    assert found.classes == expected.classes


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_tensors_of_lower_precision_give_the_graph_of_their_values(dtype):
    points = torch.from_numpy(clusters()[0]).to(dtype)
    expected = graph.mapper_graph(points.double().numpy(), options=OPTIONS)
    assert_same_graph(mapper_graph(points, options=OPTIONS), expected)


def test_a_vector_is_points_on_a_line_and_positions_start_from_the_previous_graph():
    line = torch.linspace(0, 10, 100)
    options = MapperOptions(n_intervals=5, radius=0.5)
    first = mapper_graph(line, options=options)
    assert (first.n_components, first.n_cycles) == (1, 0)
    again = mapper_graph(line, options=options, previous=first)
    expected = graph.mapper_graph(line.double().numpy()[:, None], options=options, previous=first)
    np.testing.assert_array_equal(again.positions, expected.positions)
    assert not np.array_equal(again.positions, first.positions)


@pytest.mark.parametrize("setting", [MapperOptions, MapperOptions.purvine2023], ids=["rule", "paper"])
@pytest.mark.parametrize("name", FILTERS)
def test_large_clouds_give_the_graph_of_small_ones(monkeypatch, reference_clouds, reference_labels, name, setting):
    options = setting(filter=name)
    for cloud in reference_clouds.values():
        small = mapper_graph(cloud, reference_labels, options)
        with monkeypatch.context() as patch:
            patch.setattr("topocallback.functional.mapper._MOST_IN_MATRIX", 10)
            patch.setattr(tiled_neighbours, "_TILE_ON_CPU", 64)
            large = mapper_graph(torch.from_numpy(cloud), reference_labels, options)
        assert large.radius == pytest.approx(small.radius, rel=1e-9)
        assert [members.tolist() for members in large.members] == [members.tolist() for members in small.members]
        np.testing.assert_array_equal(large.edges, small.edges)


def test_what_does_not_fit_is_refused():
    points, labels = clusters()
    with pytest.raises(ValueError, match="Expected `x` to be finite, got NaN or infinity in 1 of 2 points"):
        mapper_graph([[np.nan], [0.0]])
    with pytest.raises(ValueError, match=r"Expected `labels` to be of shape \(200,\), got \(199,\)"):
        mapper_graph(points, torch.from_numpy(labels[1:]))
    with pytest.raises(ValueError, match=r"Expected `sample_ids` to be of shape \(200,\), got \(2,\)"):
        mapper_graph(torch.from_numpy(points), sample_ids=torch.arange(2))


def test_labels_may_be_one_hot_or_texts_of_which_some_are_missing():
    points = torch.rand(60, 2, generator=torch.Generator().manual_seed(0))
    numbers = torch.arange(60) % 3
    texts = [["a", "b", None][number] for number in numbers]
    by_number, by_text = mapper_graph(points, numbers), mapper_graph(points, texts)
    assert mapper_graph(points, torch.nn.functional.one_hot(numbers)).classes == by_number.classes == ("0", "1", "2")
    assert by_text.classes == ("a", "b", "missing")
    np.testing.assert_array_equal(by_text.label_counts, by_number.label_counts)
