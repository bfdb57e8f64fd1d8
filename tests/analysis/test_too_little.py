"""What is said where there is too little to measure, and of which layers."""

import dataclasses

import numpy as np
from analysis_tools import random_clouds

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import Distance

FEW = "Nothing was tested: 20 samples are too few, tests need 24."


def test_a_layer_that_lacks_samples_which_others_have_is_named():
    clouds = random_clouds("ab")
    owners = np.repeat(np.arange(20), 2)  # a mask has left the other samples without any position
    snapshot = analyse(dataclasses.replace(clouds, owners={"b": owners}))
    assert snapshot.problems == {"b": FEW}
    assert np.isfinite(snapshot.distances["sliced_wasserstein", 1].noise).all()


def test_where_no_layer_has_samples_enough_that_is_said_once_and_not_of_each():
    assert analyse(random_clouds("abc", n=20)).problems == {"noise": FEW}


class NoSmallClouds(Distance):
    """A distance that gives no number for small diagrams."""

    def prepare(self, facts):
        return float(facts.diagram(0)[:-1, 1].sum()) if facts.n_points > 20 else np.nan

    def between(self, first, second):
        return abs(first - second)

    from_diagrams = True


def test_a_layer_whose_noise_is_not_known_is_named_with_the_measure():
    snapshot = analyse(random_clouds("ab"), AnalysisOptions([NoSmallClouds()]))
    assert np.isnan(snapshot.distances["no_small_clouds"].noise).all()
    assert snapshot.problems.keys() == {"a", "b"}
    assert all("The noise of " in text and "is not known" in text for text in snapshot.problems.values())


def test_a_layer_of_equal_points_is_named_and_one_with_a_single_other_point_is_not():
    clouds = random_clouds("abc").clouds
    nearly = np.zeros((40, 3))
    nearly[7] = 1.0
    for equal in (np.zeros((40, 3)), np.full((40, 3), -2.5), np.zeros((40, 1))):
        found = analyse(dataclasses.replace(random_clouds("abc"), clouds={**clouds, "b": equal, "c": nearly}))
        assert found.problems == {"b": "All 40 points are equal: there is no shape to measure."}
