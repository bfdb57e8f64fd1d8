"""What a metric will cost is said once, where it is much."""

import warnings

import pytest
from metric_tools import normal

from topocallback.functional import persistence_distance
from topocallback.metrics import LayerDistanceMatrix, PersistenceDistance


@pytest.fixture
def memory(monkeypatch):
    def set_to(size):
        monkeypatch.setattr("topocallback.measures.cost_told.available_memory", lambda: size)

    return set_to


def told(work):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    return [str(warning.message) for warning in caught if "will take" in str(warning.message)]


def use(metric, times=2):
    for _ in range(times):
        metric.update(normal(30, 50), normal(30, 50, seed=1))
        metric.compute()


def test_vectors_that_will_take_half_of_the_memory_are_said_when_the_first_ones_come(memory):
    memory(10_000)
    (message,) = told(lambda: PersistenceDistance(n_samples=100).update(normal(3, 50), normal(3, 50)))
    assert message == (
        "PersistenceDistance: Keeping 100 vectors will take about 20 kB: choose a `pooling` that keeps fewer values of "
        "a sample, such as 'mean'."
    )


def test_pooling_is_not_blamed_where_it_is_another_one(memory):
    memory(10_000)
    (message,) = told(lambda: LayerDistanceMatrix(["a"], n_samples=100, pooling="mean").update({"a": normal(3, 50)}))
    assert "`pooling`" not in message


def test_the_value_is_said_before_it_is_computed_and_once(memory, monkeypatch):
    metric = PersistenceDistance(n_samples=100, measure="bottleneck")
    monkeypatch.setattr("topocallback.measures.cost._PAIR", {"bottleneck": (1.0, 2), "sliced_wasserstein": (0, 1)})
    (message,) = told(lambda: use(metric))
    assert message.startswith("PersistenceDistance: 2 clouds of 30 points will take about ")
    assert "choose a `measure` that costs less" in message


def test_a_small_metric_is_not_worth_a_word():
    assert told(lambda: use(PersistenceDistance())) == []


def test_a_function_speaks_of_more_memory_than_there_is_and_of_nothing_else(memory):
    def call():
        persistence_distance(normal(60, 5), normal(60, 5, seed=1))

    memory(800_000)  # more than half of which is needed
    assert told(call) == []
    memory(100_000)
    messages = told(call)
    assert messages
    assert all(
        "1 cloud of 60 points will take about" in message and "take fewer points" in message for message in messages
    )
