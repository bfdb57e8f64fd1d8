"""Predicted costs: they grow as the computations do, and name what makes them less. No test measures time."""

import pytest

from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.cost import Cost, cost_of_pairs, predict_cost, threads_that_fit

OPTIONS = AnalysisOptions(mapper=False)


def seconds(shapes, **options):
    return predict_cost(shapes, AnalysisOptions(**{"mapper": False, **options})).total_seconds


def order(small, large, factor):
    """The exponent with which something grows, of its values at x and at ``factor`` times x."""
    exponent = 0
    while small * factor ** (exponent + 0.5) < large:
        exponent += 1
    return exponent


@pytest.mark.parametrize(
    ("dims", "backend", "exponent"),
    [((0,), "redzed", 2), ((0, 1), "redzed", 3), ((0, 1, 2), "redzed", 4), ((1,), "ripser", 3), ((3,), "ripser", 5)],
)
def test_time_grows_with_the_number_of_points_as_rips_complexes_do(dims, backend, exponent):
    few, many = (seconds([(n, 1)], homology_dims=dims, backend=backend) for n in (200_000, 2_000_000))
    assert order(few, many, 10) == exponent


def test_time_grows_with_the_width_of_the_clouds():
    assert order(seconds([(512, 10**6)]), seconds([(512, 10**7)]), 10) == 1


def test_a_few_points_of_very_many_values_cost_by_the_values():
    few, many = seconds([(16, 10**7)]), seconds([(32, 10**7)])
    assert 1.9 * few < many < 2.5 * few


def test_time_grows_with_the_square_of_the_number_of_layers_and_each_layers_own_with_their_number():
    few, many = (seconds([(50, 4)] * count) for count in (3000, 30_000))
    assert order(few, many, 10) == 2
    assert (
        order(cost_of_pairs([9] * 300, OPTIONS).total_seconds, cost_of_pairs([9] * 3000, OPTIONS).total_seconds, 10)
        == 2
    )


@pytest.mark.parametrize("backend", ["redzed", "gudhi", "ripser"])
@pytest.mark.parametrize("n", [2, 10, 50, 100, 512, 1000, 10_000])
def test_another_homology_dimension_never_costs_less(backend, n):
    costs = [seconds([(n, 16)], homology_dims=range(highest + 1), backend=backend) for highest in range(6)]
    assert costs == sorted(costs)


@pytest.mark.parametrize(
    "more", [{"mapper": True}, {"measures": ["wasserstein"]}, {"measures": ["sliced_wasserstein", "bottleneck"]}]
)
def test_what_is_asked_for_on_top_costs_more(more):
    shapes = [(512, 64)] * 20
    assert seconds(shapes, **more) > seconds(shapes)


def test_memory_grows_with_points_widths_layers_recordings_and_threads():
    def size(shapes, **options):
        return predict_cost(shapes, OPTIONS, **options).total_bytes

    few = size([(1000, 1000)] * 4)
    assert size([(10_000, 1000)] * 4) > 20 * few  # the matrix of distances
    assert size([(1000, 100_000)] * 4) > 10 * few
    assert size([(1000, 1000)] * 400) > 20 * few
    assert few < size([(1000, 1000)] * 4, n_threads=2) < size([(1000, 1000)] * 4, n_threads=4)
    assert size([(1000, 1000)] * 4, n_threads=4) == size([(1000, 1000)] * 4, n_threads=9)
    assert size([(1000, 1000)] * 4, n_recordings=2) - few == 4 * 1000 * 1000 * 4


@pytest.mark.parametrize(
    ("shapes", "options", "most"),
    [
        ([(1000, 64)], {"homology_dims": (0, 1, 2)}, "homology_dims"),
        ([(10_000, 64)], {}, "n_samples"),
        ([(512, 200_000)] * 6, {}, "pooling"),
        ([(512, 64)] * 400, {}, "layers"),
        ([(512, 64)] * 40, {"measures": ["bottleneck"]}, "measures"),
        ([(512, 64)] * 9, {"measures": ["rtd"]}, "measures"),
    ],
)
def test_the_option_that_dominates_is_known(shapes, options, most):
    cost = predict_cost(shapes, AnalysisOptions(**options)).seconds
    assert max(cost, key=cost.get) == most


def test_a_measure_that_takes_so_many_points_costs_by_its_trials():
    of_one, of_two, of_ten, of_many = (
        cost_of_pairs([n] * 9, AnalysisOptions(measures=["rtd"])).seconds["measures"] for n in (500, 1000, 5000, 50_000)
    )
    assert (2 * of_one, 10 * of_one, 10 * of_one) == pytest.approx((of_two, of_ten, of_many))


def test_nothing_costs_nothing_but_can_be_asked():
    assert predict_cost([], AnalysisOptions()) == Cost({"layers": 0.0}, {"layers": 0.0})


def test_costs_add_up_and_repeat_in_the_same_memory():
    both = Cost({"a": 1.0}, {"a": 5.0}).and_(Cost({"a": 2.0, "b": 3.0}, {"b": 7.0}))
    assert (both.total_seconds, both.total_bytes) == (6.0, 12.0)
    assert (both.times(10).seconds, both.times(10).peak) == ({"a": 30.0, "b": 30.0}, both.peak)


def test_fewer_threads_share_a_memory_that_is_short_and_one_always_works():
    shapes = [(1000, 64), (10_000, 64)]
    of_one = predict_cost([(10_000, 64)], OPTIONS).total_bytes
    assert threads_that_fit(4, shapes, OPTIONS, available=None) == 4
    assert threads_that_fit(4, shapes, OPTIONS, available=int(100 * of_one)) == 4
    assert threads_that_fit(4, shapes, OPTIONS, available=int(5 * of_one)) == 2
    assert threads_that_fit(4, shapes, OPTIONS, available=0) == 1
    assert threads_that_fit(4, [], OPTIONS, available=0) == 4
