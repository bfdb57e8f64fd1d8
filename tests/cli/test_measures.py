"""Measures as a command line writes them."""

import numpy as np
import own_measures
import pytest

from topocallback.cli.measures import measure_of_argument
from topocallback.measures import Bars, SlicedWasserstein, Wasserstein


@pytest.mark.parametrize(
    ("argument", "measure"),
    [
        ("wasserstein", Wasserstein()),
        ("bars", Bars()),
        ("sliced_wasserstein:n_directions=7", SlicedWasserstein(n_directions=7)),
        ("wasserstein:order=2,ground_norm=.inf", Wasserstein(order=2, ground_norm=np.inf)),
        ("wasserstein:essential=true", Wasserstein(essential=True)),
        ("own_measures.Procrustes", own_measures.Procrustes()),
        ("own_measures.LongBars:longer_than=0.2", own_measures.LongBars(0.2)),
    ],
)
def test_names_options_and_measures_of_ones_own_are_understood(argument, measure):
    assert measure_of_argument(argument) == measure


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("wassersten", "Closest: .*wasserstein"),
        ("wassersten:order=2", "Closest: .*wasserstein"),
        ("wasserstein:power=2", "power"),
        ("wasserstein:order", "Expected name:option=value"),
        ("wasserstein:order=0.5", "`order` of wasserstein to be finite and at least 1 .*got 0.5"),
        ("wasserstein:order=high", "`order` of wasserstein to be finite and at least 1 .*got 'high'"),
        ("no_such_module.Thing", "No module named 'no_such_module'"),
        ("own_measures.Nothing", "Nothing"),
        ("numpy.mean:axis=0", "takes none"),
    ],
)
def test_what_cannot_be_understood_is_named(argument, said):
    with pytest.raises(ValueError, match=said):
        measure_of_argument(argument)
