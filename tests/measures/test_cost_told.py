"""What is said of a cost: nothing within the bounds, else its size and the options that help most."""

import pytest

from topocallback.measures.cost import Cost
from topocallback.measures.cost_told import too_much

ALL = ["homology_dims", "pooling", "n_samples", "layers", "measures", "mapper", "figures"]


@pytest.fixture
def memory(monkeypatch):
    def set_to(size):
        monkeypatch.setattr("topocallback.measures.cost_told.available_memory", lambda: size)

    set_to(100 * 10**9)
    return set_to


@pytest.mark.parametrize("size", [None, 10**9])
def test_within_the_bounds_nothing_is_said(memory, size):
    memory(size)
    assert too_much(Cost({"layers": 59.0}, {"layers": 4e8}), "It", options=ALL) is None


@pytest.mark.parametrize("option", ALL)
def test_the_option_that_makes_most_of_it_is_named_first(memory, option):
    shares = dict.fromkeys(ALL, 20.0) | {option: 100.0}
    said = too_much(Cost(shares, {}), "It", options=ALL)
    first = min((said.find(f"`{name}"), name) for name in ALL if f"`{name}" in said)[1]
    assert first == option


def test_what_makes_little_of_it_is_not_named(memory):
    said = too_much(Cost({"layers": 90.0, "mapper": 2.0}, {}), "It", options=ALL)
    assert said == "It will take about 92 s of processor time and 0 bytes: choose fewer `layers`."


def test_memory_is_held_against_what_there_is_and_named_by_what_takes_it(memory):
    cost = Cost({"n_samples": 1.0}, {"pooling": 8e9, "n_samples": 1e8})
    assert too_much(cost, "It", options=ALL) is None
    memory(10 * 10**9)
    said = too_much(cost, "It", options=ALL, always=["every_n_validations"])
    assert "8.1 GB: choose a `pooling`" in said
    assert "every_n_validations" not in said  # which needs as much at once


def test_an_option_that_is_not_there_is_never_advised(memory):
    cost = Cost({"pooling": 100.0, "measures": 90.0}, {})
    assert "fewer `layers`" in too_much(cost, "It", options=["layers"])
    assert "a `measure` that" in too_much(cost, "It", options=["measure", "n_samples"])
    assert "take fewer points" in too_much(Cost({"n_samples": 99.0}, {}), "It", options=["points"])


def test_what_always_helps_comes_last(memory):
    cost = Cost({"layers": 50.0, "n_samples": 40.0, "mapper": 30.0}, {})
    said = too_much(cost, "It", options=ALL, when="at every step", always=["every_n_validations"])
    assert said.endswith(" at every step: choose fewer `layers`, lower `n_samples` or raise `every_n_validations`.")
