"""Mapper graphs: equal to KeplerMapper with scikit-learn's DBSCAN, and defined for every input."""

import kmapper
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN, AgglomerativeClustering
from sklearn.decomposition import PCA

from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.mapper.graph import mapper_graph
from topocallback.measures.mapper.neighbours import MatrixNeighbours
from topocallback.measures.mapper.options import FILTERS, MapperOptions

REFERENCE = "mapper_l2norm_40_cubes_30_percent_dbscan5_elbow"


def kepler_mapper(points, values, n_intervals, overlap, clusterer):
    """KeplerMapper's nodes and edges: sorted members per node in its order, and pairs of node numbers."""
    graph = kmapper.KeplerMapper(verbose=0).map(
        np.reshape(values, (-1, 1)), points, cover=kmapper.Cover(n_intervals, overlap), clusterer=clusterer
    )
    number = {name: i for i, name in enumerate(graph["nodes"])}
    nodes = [sorted(members) for members in graph["nodes"].values()]
    return nodes, sorted(tuple(sorted((number[a], number[b]))) for a, ends in graph["links"].items() for b in ends)


def shape_of(graph):
    return [members.tolist() for members in graph.members], [tuple(edge) for edge in graph.edges.tolist()]


def clusters(n=300, dimension=5, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    return 4 * np.eye(3, dimension)[labels] + rng.normal(size=(n, dimension)), labels


# -- Equal to others -------------------------------------------------------------------------------------------------


def test_reference_graphs_of_real_activations(reference, reference_clouds, reference_labels):
    for layer, expected in reference[REFERENCE].items():
        graph = mapper_graph(reference_clouds[layer], reference_labels, MapperOptions.purvine2023())
        assert graph.radius == expected["eps"]
        assert (graph.n_nodes, len(graph.edges)) == (expected["nodes"], expected["edges"])
        assert np.count_nonzero(graph.memberships) == expected["covered_points"]
        assert graph.purity_node_wise == pytest.approx(expected["node_purity"], rel=1e-12)
        assert graph.purity_point_wise == pytest.approx(expected["point_purity"], rel=1e-12)
        assert graph.purity_class_wise == pytest.approx(expected["class_purity"], rel=1e-12)


def test_distances_that_are_known_give_the_graph_of_the_coordinates(reference_clouds):
    for cloud in reference_clouds.values():
        given_distances = mapper_graph(cloud, neighbours=MatrixNeighbours(distance_matrix(cloud)))
        assert shape_of(given_distances) == shape_of(mapper_graph(cloud))


def test_distances_of_other_points_are_refused():
    cloud = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(ValueError, match=r"Expected `neighbours` of 20 points, the finite ones, got 19\."):
        mapper_graph(cloud, neighbours=MatrixNeighbours(distance_matrix(cloud[1:])))


@pytest.mark.parametrize("n", [256, 300])
def test_by_default_most_points_of_every_layer_are_in_a_node(reference_clouds, n):
    papers = []
    for cloud in reference_clouds.values():
        assert mapper_graph(cloud[:n]).coverage >= 0.85
        papers.append(mapper_graph(cloud[:n], options=MapperOptions.purvine2023()).coverage)
    assert np.mean(papers) < 0.6


@pytest.mark.parametrize("n", [256, 512, 1000, 4000])
def test_by_default_most_points_are_in_a_node_at_every_size(n):
    points, _ = clusters(n)
    assert mapper_graph(points).coverage >= 0.85


@pytest.mark.parametrize("min_samples", [2, 3, 5])
def test_by_default_the_graph_is_that_of_kepler_mapper_with_the_rule(min_samples):
    points, _ = clusters(500)
    others = np.sort(distance_matrix(points), axis=1)[:, 1:]
    radius = np.quantile(others[:, min_samples - 2], 0.9)
    graph = mapper_graph(points, options=MapperOptions(min_samples=min_samples))
    assert graph.radius == radius
    norms = np.linalg.norm(points, axis=1)
    assert shape_of(graph) == kepler_mapper(points, norms, 10, 0.5, DBSCAN(eps=radius, min_samples=min_samples))
    assert (np.count_nonzero(distance_matrix(points) <= radius, axis=1) >= min_samples).mean() == pytest.approx(0.9)


def test_where_every_point_is_a_core_the_radius_is_that_to_the_nearest():
    points, _ = clusters()
    graph = mapper_graph(points, options=MapperOptions(min_samples=1))
    assert graph.radius == np.quantile(MatrixNeighbours(distance_matrix(points)).nearest(), 0.9)
    assert graph.coverage == 1


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    n_intervals=st.integers(1, 30),
    overlap=st.floats(0, 0.9),
    min_samples=st.integers(1, 6),
    radius=st.floats(0.05, 4),
    duplicates=st.booleans(),
)
def test_any_options_give_the_graph_of_kepler_mapper(seed, n_intervals, overlap, min_samples, radius, duplicates):
    points, _ = clusters(60, 3, seed)
    if duplicates:
        points = np.repeat(points[:30], 2, axis=0)
    options = MapperOptions(n_intervals=n_intervals, overlap=overlap, min_samples=min_samples, radius=radius)
    expected = kepler_mapper(
        points, np.linalg.norm(points, axis=1), n_intervals, overlap, DBSCAN(eps=radius, min_samples=min_samples)
    )
    assert shape_of(mapper_graph(points, options=options)) == expected


def test_a_clusterer_of_the_users_own_gives_the_graph_of_kepler_mapper():
    points, _ = clusters()
    clusterer = AgglomerativeClustering(n_clusters=3)
    graph = mapper_graph(points, options=MapperOptions(n_intervals=8, clusterer=clusterer))
    assert shape_of(graph) == kepler_mapper(points, np.linalg.norm(points, axis=1), 8, 0.5, clusterer)
    assert np.isnan(graph.radius)


@pytest.mark.parametrize("name", FILTERS)
def test_filters_are_what_their_names_say(name):
    points, _ = clusters()
    values = {
        "l2norm": np.linalg.norm(points, axis=1),
        "pca": PCA(1, svd_solver="full").fit_transform(points)[:, 0],
        "eccentricity": distance_matrix(points).sum(axis=1) / (len(points) - 1),
    }[name]
    graph = mapper_graph(points, options=MapperOptions(filter=name, n_intervals=6, radius=1.5))
    assert graph.n_nodes > 0
    for members, mean in zip(graph.members, graph.filter_means, strict=True):
        assert mean == pytest.approx(values[members].mean(), rel=1e-9, abs=1e-9)


# -- Analytic cases and invariances ----------------------------------------------------------------------------------


def test_a_circle_has_one_cycle_and_a_line_none():
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    options = MapperOptions(filter=lambda points: points[:, 0], n_intervals=8, radius=0.1)
    circle = mapper_graph(np.column_stack([np.cos(angles), np.sin(angles)]), options=options)
    line = mapper_graph(np.column_stack([np.linspace(-1, 1, 400), np.zeros(400)]), options=options)
    assert (circle.n_components, circle.n_cycles) == (1, 1)
    assert (line.n_components, line.n_cycles) == (1, 0)


def test_but_for_points_between_two_clusters_the_graph_does_not_depend_on_the_order_of_the_points():
    points, labels = clusters()
    order = np.random.default_rng(1).permutation(len(points))
    options = MapperOptions.purvine2023()  # its nodes have no such point here
    first = mapper_graph(points, labels, options)
    second = mapper_graph(points[order], labels[order], options, sample_ids=order)
    assert {frozenset(first.samples(i)) for i in range(first.n_nodes)} == {
        frozenset(second.samples(i)) for i in range(second.n_nodes)
    }
    assert first.purity_point_wise == pytest.approx(second.purity_point_wise)


def test_scaling_the_cloud_scales_the_radius_and_keeps_the_graph():
    points, _ = clusters()
    small, large = mapper_graph(points), mapper_graph(1024 * points)
    assert large.radius == 1024 * small.radius
    assert shape_of(small) == shape_of(large)


def test_in_the_papers_setting_scaling_the_cloud_scales_the_radius_up_to_its_rounding():
    points, _ = clusters()
    options = MapperOptions.purvine2023()
    small, large = mapper_graph(points, options=options), mapper_graph(1024 * points, options=options)
    assert large.radius == pytest.approx(1024 * small.radius, rel=0.01)
    large = mapper_graph(1024 * points, options=MapperOptions.purvine2023(radius=1024 * small.radius))
    assert shape_of(small) == shape_of(large)


# -- Bad input -------------------------------------------------------------------------------------------------------


every_setting = pytest.mark.parametrize(
    "options", [MapperOptions(), MapperOptions.purvine2023()], ids=["rule", "paper"]
)


@every_setting
def test_equal_points_are_one_node(options):
    graph = mapper_graph(np.ones((20, 3)), np.zeros(20), options)
    assert shape_of(graph) == ([list(range(20))], [])
    assert (graph.radius, graph.coverage, graph.purity_point_wise, graph.majority) == (0.0, 1.0, 1.0, 1.0)


@every_setting
@pytest.mark.parametrize("n", [0, 1, 4])
def test_fewer_points_than_a_core_needs_give_an_empty_graph(options, n):
    graph = mapper_graph(np.random.default_rng(0).normal(size=(n, 3)), np.arange(n), options)
    assert (graph.n_nodes, len(graph.edges), graph.n_points) == (0, 0, n)
    assert graph.positions.shape == (0, 2)
    assert 0 <= graph.radius < np.inf


def test_a_point_alone_that_is_a_core_is_a_node():
    graph = mapper_graph([[3.0, 4.0]], [0], MapperOptions(min_samples=1))
    assert shape_of(graph) == ([[0]], [])
    assert (graph.radius, graph.majority) == (0.0, 1.0)


def test_as_many_points_as_a_core_needs_are_one_node_at_the_distance_of_the_furthest():
    graph = mapper_graph(np.array([[1.0], [1.0], [1.0], [1.0], [2.0]]), options=MapperOptions(n_intervals=1))
    assert graph.radius == 1.0
    assert shape_of(graph) == ([[0, 1, 2, 3, 4]], [])


def test_where_nearly_all_points_have_equals_only_equals_are_near_each_other():
    points = np.concatenate([np.zeros((95, 2)), np.random.default_rng(0).normal(size=(5, 2))])
    graph = mapper_graph(points)
    assert (graph.radius, graph.coverage) == (0.0, 0.95)
    assert shape_of(graph)[0] == [list(range(95))]


def test_points_that_are_all_twice_there_have_a_radius():
    points, _ = clusters(150)
    once, twice = mapper_graph(points), mapper_graph(np.repeat(points, 2, axis=0))
    assert 0 < twice.radius < once.radius
    assert twice.coverage >= 0.85


def test_points_without_any_neighbour_give_an_empty_graph():
    graph = mapper_graph(np.arange(30.0)[:, None], np.arange(30), MapperOptions(radius=0.5))
    assert graph.n_nodes == 0
    assert (graph.coverage, graph.purity_point_wise) == (0.0, 0.0)


def test_points_that_are_not_finite_are_in_no_node():
    points, labels = clusters()
    spoilt = points.copy()
    spoilt[[0, 5], [1, 2]] = np.nan, np.inf
    graph = mapper_graph(spoilt, labels)
    rest = np.delete(np.arange(len(points)), [0, 5])
    clean = mapper_graph(points[rest], labels[rest], sample_ids=rest)
    assert graph.n_points == len(points)
    assert [graph.samples(i).tolist() for i in range(graph.n_nodes)] == [
        clean.samples(i).tolist() for i in range(clean.n_nodes)
    ]
    assert mapper_graph(np.full((9, 2), np.nan)).n_nodes == 0


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (lambda points: np.full(len(points), np.nan), "to give finite numbers, got NaN or infinity for 300 points"),
        (lambda points: points, r"to give shape \(300,\), got \(300, 5\)"),
        (lambda points: 1.0, r"to give shape \(300,\), got \(\)"),
    ],
)
def test_a_filter_that_gives_nonsense_is_named(chosen, message):
    with pytest.raises(ValueError, match=f"Expected `filter=<lambda>` {message}"):
        mapper_graph(clusters()[0], options=MapperOptions(filter=chosen))


@pytest.mark.parametrize("n_classes", [1, 1000])
def test_one_label_and_a_thousand_labels(n_classes):
    points, _ = clusters(1000)
    graph = mapper_graph(points, np.arange(1000) % n_classes)
    assert graph.label_counts.shape == (graph.n_nodes, n_classes)
    if n_classes == 1:
        assert graph.purity_node_wise == 1
    else:
        np.testing.assert_allclose(graph.node_purity, 1 / graph.sizes)


def test_what_does_not_fit_the_cloud_is_refused():
    points, labels = clusters()
    with pytest.raises(ValueError, match=r"Expected `cloud` to be of shape \(n, d\), got \(300,\)"):
        mapper_graph(points[:, 0])
    with pytest.raises(ValueError, match=r"Expected `labels` to be of shape \(300,\), got \(299,\)"):
        mapper_graph(points, labels[1:])
    with pytest.raises(ValueError, match=r"Expected `sample_ids` to be of shape \(300,\), got \(2,\)"):
        mapper_graph(points, sample_ids=[1, 2])
