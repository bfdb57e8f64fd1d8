"""Where nodes are drawn: the same way from step to step, and using the room there is."""

import dataclasses

import numpy as np
import pytest

from topocallback.measures.mapper.graph import mapper_graph
from topocallback.measures.mapper.layout import _places
from topocallback.measures.mapper.options import MapperOptions

OPTIONS = MapperOptions(n_intervals=12, overlap=0.3, min_samples=3, radius=1.2)


def drifting(t, n=300):
    """A cloud that moves slowly with t."""
    rng = np.random.default_rng(0)
    start, velocity = rng.normal(size=(2, n, 4))
    return start + t * velocity


def moved(first, second):
    """How far samples that are in nodes of both graphs moved on the drawing, on average."""
    (before, places), (after, later) = _places(first), _places(second)
    _, at, again = np.intersect1d(before, after, return_indices=True)
    return np.linalg.norm(places[at] - later[again], axis=1).mean()


def test_samples_stay_where_they_were_at_the_step_before():
    first = mapper_graph(drifting(0), options=OPTIONS)
    alone = mapper_graph(drifting(0.02), options=OPTIONS)
    after = mapper_graph(drifting(0.02), options=OPTIONS, previous=first)
    assert after.n_nodes > 5
    assert moved(first, after) < 0.5 * moved(first, alone)


def test_by_default_samples_of_real_layers_stay_nearer_to_where_they_were(reference_clouds):
    with_previous, without = [], []
    for cloud in reference_clouds.values():
        step = cloud + 0.02 * cloud.std() * np.random.default_rng(0).normal(size=cloud.shape)
        first = mapper_graph(cloud)
        with_previous.append(moved(first, mapper_graph(step, previous=first)))
        without.append(moved(first, mapper_graph(step)))
    assert np.mean(with_previous) < 0.75 * np.mean(without)


def test_samples_are_matched_by_their_index_and_not_by_their_place():
    first = mapper_graph(drifting(0), options=OPTIONS)
    order = np.random.default_rng(1).permutation(300)
    after = mapper_graph(drifting(0)[order], options=OPTIONS, sample_ids=order, previous=first)
    assert moved(first, after) < 0.25


def test_the_layout_is_repeatable_and_draws_from_no_global_generator():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    graphs = [mapper_graph(drifting(0), options=OPTIONS) for _ in range(2)]
    np.testing.assert_array_equal(graphs[0].positions, graphs[1].positions)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("n_components", [2, 5, 12])
def test_components_do_not_drive_one_another_apart(n_components):
    rng = np.random.default_rng(0)
    centres = 100.0 * np.arange(n_components)
    line = np.concatenate([centre + np.sort(rng.uniform(0, 40, 200)) for centre in centres])[:, None]
    graph = mapper_graph(line, options=MapperOptions(n_intervals=8 * n_components, radius=5))
    assert graph.n_components == n_components
    lengths = np.linalg.norm(np.diff(graph.positions[graph.edges], axis=1)[:, 0], axis=1)
    assert np.median(lengths) > 0.3 / np.sqrt(graph.n_nodes)
    assert np.abs(graph.positions).max() <= 1 + 1e-9


def test_nodes_that_start_at_one_place_come_apart():
    graph = mapper_graph(np.repeat(np.eye(2), 10, axis=0), options=MapperOptions(radius=0.1))
    assert graph.n_nodes == 2
    again = mapper_graph(
        np.repeat(np.eye(2), 10, axis=0),
        options=MapperOptions(radius=0.1),
        previous=dataclasses.replace(graph, positions=np.zeros((2, 2))),
    )
    assert np.linalg.norm(again.positions[0] - again.positions[1]) > 0.5
