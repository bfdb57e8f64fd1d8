"""Versions of one layer, value by value: against the formula in decibels, and SciPy's cosine distance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cosine

from topocallback.measures import SQNR, BlockInfluence, Cosine


def decibels(x, y):
    return 10 * np.log10(np.linalg.norm(x) ** 2 / np.linalg.norm(x - y) ** 2)


@pytest.mark.parametrize("wanted", [10, 30, 60])
def test_of_small_noise_it_is_the_inverse_of_what_papers_state(wanted):
    random = np.random.default_rng(0)
    x, noise = random.normal(size=(2, 4000, 7))
    noise -= x * np.sum(x * noise) / np.sum(x * x)
    y = x + noise * np.linalg.norm(x) / np.linalg.norm(noise) / 10 ** (wanted / 20)
    assert decibels(x, y) == pytest.approx(wanted)
    # The signal is the mean of both: at 10 dB that is 5 % more than the original's.
    assert -10 * np.log10(SQNR()(x, y)) == pytest.approx(wanted, abs=0.22 if wanted == 10 else 0.003)


def test_each_bit_less_costs_6_decibels():
    x = np.random.default_rng(0).uniform(-1, 1, size=(2000, 8))

    def rounded(bits):
        step = 2.0 ** (1 - bits)
        return np.round(x / step) * step

    found = [-10 * np.log10(SQNR()(x, rounded(bits))) for bits in (4, 6, 8)]
    assert np.diff(found) == pytest.approx([12.04, 12.04], abs=0.1)


@given(seed=st.integers(0, 2**32 - 1), factor=st.sampled_from([1e-30, 1.0, 1e200]))
def test_it_lies_between_equal_and_opposite_and_both_may_be_scaled(seed, factor):
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, 5, 3))
    found = SQNR()(x, y)
    assert SQNR()(factor * x, factor * y) == pytest.approx(found, rel=1e-9)
    assert SQNR()(x, x) == 0
    assert SQNR()(x, -x) == pytest.approx(4)
    assert 0 < found < 4


def test_unrelated_layers_have_as_much_noise_as_both_have_signal():
    x, y = np.random.default_rng(0).normal(size=(2, 5000, 10))
    assert SQNR()(x, y) == pytest.approx(2, abs=0.05)


def test_dead_layers_are_equal_and_unlike_living_ones():
    x, dead = np.random.default_rng(0).normal(size=(9, 3)), np.zeros((9, 3))
    assert (SQNR()(dead, dead), SQNR()(x, dead)) == (0, 2)
    assert (Cosine()(dead, dead), Cosine()(x, dead)) == (1, 1)


def test_it_is_the_mean_of_scipys_cosine_distances():
    x, y = np.random.default_rng(0).normal(size=(2, 30, 7))
    expected = np.mean([cosine(a, b) for a, b in zip(x, y, strict=True)])
    assert Cosine()(x, y) == pytest.approx(expected, abs=1e-12)
    assert BlockInfluence()(x, y) == Cosine()(x, y)


@pytest.mark.parametrize("measure", [SQNR(), Cosine()])
def test_layers_of_other_widths_cannot_be_compared(measure):
    assert np.isnan(measure(np.eye(4), np.eye(4)[:, :3]))


def test_its_label_says_how_to_come_to_decibels():
    assert "dB" in SQNR().describe().label
    assert SQNR().describe().direction == "similarity"
