import numpy as np

from topocallback import PointClouds, analyse
from topocallback.findings.broken import nan_layers
from topocallback.findings.course import Course


def run_of(clouds, **others):
    return Course([analyse(PointClouds(clouds, **others), step=7)])


def test_the_worst_of_the_layers_that_hold_nan_is_counted():
    rng = np.random.default_rng(0)
    clouds = {name: rng.normal(size=(40, 3)) for name in ("stem", "body", "head")}
    clouds["body"][:2], clouds["head"][:, 0] = np.nan, np.inf
    (found,) = nan_layers(run_of(clouds))
    assert found.layers == ("body", "head")
    assert found.statement == "Layers 'body', 'head' hold NaN or infinity at step 7: all points of 'head'."
    assert found.numbers["points that are not finite"] == [
        {"layer": "body", "value": 2},
        {"layer": "head", "value": 40},
    ]


def test_points_of_a_layer_with_several_for_each_sample_are_counted_among_its_own():
    clouds = {"stem": np.random.default_rng(0).normal(size=(80, 3))}
    owners = {"stem": np.repeat(np.arange(40), 2)}
    assert nan_layers(run_of(clouds, sample_ids=np.arange(40), owners=owners)) == []
    clouds["stem"][5] = np.nan
    (found,) = nan_layers(run_of(clouds, sample_ids=np.arange(40), owners=owners))
    assert "1 of 80 points" in found.statement


def test_a_sound_run_and_one_without_snapshots_hold_no_nan():
    assert nan_layers(run_of({"stem": np.eye(5)})) == nan_layers(Course()) == []
