"""Statistics of one diagram: their analytic values, and those of the bars' lengths."""

import numpy as np
import pytest
from diagram_tools import INF, diagrams
from hypothesis import assume, given
from scipy.stats import entropy

from topocallback.measures.euclidean import distance_matrix
from topocallback.measures.facts import LayerFacts
from topocallback.measures.topology.rips import rips_diagrams
from topocallback.measures.topology.statistics import (
    Bars,
    DiagramStatistic,
    LongestBar,
    PersistentEntropy,
    TotalPersistence,
)

STATISTICS = (Bars(), TotalPersistence(), LongestBar(), PersistentEntropy())


def statistics_of(diagram):
    return {statistic.key: statistic.of_diagram(diagram) for statistic in STATISTICS}


@pytest.mark.parametrize("n_bars", [1, 2, 5, 64])
@pytest.mark.parametrize("length", [1e-30, 0.5, 1e30])
def test_equal_bars_have_the_entropy_of_their_number(n_bars, length):
    assert statistics_of([(0, length)] * n_bars) == pytest.approx(
        {
            "bars": n_bars,
            "total_persistence": n_bars * length,
            "longest_bar": length,
            "persistent_entropy": np.log2(n_bars),
        },
        rel=1e-12,
    )


def test_statistics_have_their_analytic_values():
    found = statistics_of([(0, 1), (5, 6), (-3, -1), (7, 7), (0, INF)])
    assert found == {"bars": 3, "total_persistence": 4, "longest_bar": 2, "persistent_entropy": 1.5}


@pytest.mark.parametrize("diagram", [[], [(1, 1)], [(0, INF)], [(0, INF), (2, 2)]])
def test_statistics_of_a_diagram_without_finite_bars_are_zero(diagram):
    assert [str(value) for value in statistics_of(diagram).values()] == ["0.0"] * 4


@given(diagram=diagrams(max_bars=30, lowest=-300))
def test_statistics_are_those_of_the_bar_lengths(diagram):
    lengths = [death - birth for birth, death in diagram if death > birth]
    assume(lengths)
    found = statistics_of(diagram)
    assert found["bars"] == len(lengths)
    assert found["total_persistence"] == pytest.approx(sum(lengths), rel=1e-12)
    assert found["longest_bar"] == max(lengths)
    assert found["persistent_entropy"] == pytest.approx(entropy(lengths, base=2), rel=1e-9, abs=1e-12)
    assert 0 <= found["persistent_entropy"] <= np.log2(len(lengths)) + 1e-12


def test_the_smallest_and_the_largest_bars_together_have_a_finite_entropy():
    assert PersistentEntropy().of_diagram([(0, 5e-324), (0, 1e300)]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_the_statistic_of_a_layer_is_that_of_its_diagram(dim):
    cloud = np.random.default_rng(0).normal(size=(30, 3))
    (diagram,) = rips_diagrams(distance_matrix(cloud), (dim,))
    facts = LayerFacts(cloud, homology_dims=(0, 1, 2))
    for statistic in STATISTICS:
        in_dimension = type(statistic)(homology_dim=dim)
        assert in_dimension.value(facts) == statistic.of_diagram(facts.diagram(dim))
        assert in_dimension(cloud) == statistic.of_diagram(diagram)


def test_a_statistic_of_ones_own_needs_no_more_than_the_lengths():
    class ShortestBar(DiagramStatistic):
        def of_lengths(self, lengths):
            return float(lengths.min(initial=np.inf))

    assert ShortestBar().of_diagram([(0, 3), (1, 2), (0, INF)]) == 1
    with pytest.raises(NotImplementedError, match="DiagramStatistic has no `of_lengths`"):
        DiagramStatistic().of_diagram([])


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda statistic: statistic.key)
def test_statistics_refuse_what_is_not_a_diagram(statistic):
    for bad in ([(1, 2, 3)], [(0, np.nan)], [(1, 0)], [(0, 1), (1, 0)], [(-INF, 0)]):
        with pytest.raises(ValueError, match="Expected `diagram` to "):
            statistic.of_diagram(bad)
