"""analyse_next: what is known of earlier steps is not computed again, and the numbers are those of computing it."""

import dataclasses

import numpy as np
import pytest
from analysis_tools import SLICED, assert_same, random_clouds, replace_layer

from topocallback.analysis.analyse import analyse, analyse_next
from topocallback.analysis.analysed import digest_of_layer
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures import Statistic


class TimesMeasured(Statistic):
    """How often it has been taken of a whole layer, in all."""

    label = "Times measured"
    unit = "times"
    on_parts = False

    def __init__(self):
        object.__setattr__(self, "count", 0)

    def value(self, facts):
        object.__setattr__(self, "count", self.count + 1)
        return float(self.count)


def steps_of(options, *clouds):
    """The snapshots of one step after the other."""
    snapshots, first, previous = [], None, None
    for step, each in enumerate(clouds):
        previous = analyse_next(each, options, step, 0, previous, first)
        first = first or previous
        snapshots.append(previous.snapshot)
    return snapshots


def moved(clouds, *layers):
    """The same clouds, but for some layers."""
    for layer in layers:
        clouds = replace_layer(clouds, layer, clouds[layer] + 0.1 * np.sin(7 * clouds[layer]))
    return clouds


def test_every_step_is_what_analyse_gives_of_its_snapshots():
    clouds = random_clouds()
    trained = [clouds, moved(clouds, *clouds.layers[:1]), moved(moved(clouds, *clouds.layers[:1]), *clouds.layers)]
    found = steps_of(AnalysisOptions(), *trained)
    assert np.isfinite(found[2].distances[SLICED, 1].drift_from_reference_p).all()
    for step, each in enumerate(trained):
        earlier = {"previous": found[step - 1], "reference": found[0]} if step else {}
        assert_same(found[step], analyse(each, step=step, **earlier))


def test_layers_that_stay_the_same_are_measured_twice_and_kept_from_then_on():
    counted = TimesMeasured()
    clouds = random_clouds()
    frozen, trained = clouds.layers[0], clouds.layers[1:]
    steps = [clouds]
    for _ in range(4):
        steps.append(moved(steps[-1], *trained))
    options = AnalysisOptions(measures=["sliced_wasserstein", counted])
    found = steps_of(options, *steps)
    assert counted.count == 2 + 5 * len(trained)
    for snapshot in found[1:]:
        assert snapshot.distances[SLICED, 1].drift[0] == 0
        assert snapshot.distances[SLICED, 1].drift_p[0] == 1
    alone = analyse(steps[4], AnalysisOptions())
    np.testing.assert_array_equal(found[4].distances[SLICED, 1].matrix, alone.distances[SLICED, 1].matrix)
    np.testing.assert_array_equal(found[4].distances[SLICED, 1].p_values, alone.distances[SLICED, 1].p_values)
    assert found[4].mappers[frozen] is found[3].mappers[frozen]


def test_a_layer_that_moves_again_is_measured_again():
    counted = TimesMeasured()
    clouds = random_clouds()
    later = moved(clouds, *clouds.layers)
    steps_of(AnalysisOptions(measures=["sliced_wasserstein", counted]), clouds, clouds, clouds, later, clouds)
    assert counted.count == 4 * len(clouds)


def test_what_failed_is_tried_again():
    class FailsOnce(TimesMeasured):
        def value(self, facts):
            if super().value(facts) == 2:
                raise RuntimeError("not now")
            return 0.0

    clouds = random_clouds("a")
    options = AnalysisOptions(measures=["sliced_wasserstein", FailsOnce()])
    found = steps_of(options, *[clouds] * 4)
    assert [len(snapshot.problems) for snapshot in found] == [0, 1, 0, 0]


@pytest.mark.parametrize("what", ["sample_ids", "labels", "classes", "owners"])
def test_the_same_points_of_other_samples_are_another_layer(what):
    clouds = dataclasses.replace(random_clouds(), labels=np.repeat([0, 1], [25, 15]))
    other = {
        "sample_ids": clouds.sample_ids + 1,
        "labels": clouds.labels[::-1],
        "classes": ("1", "0"),
        "owners": {clouds.layers[0]: np.arange(40) // 2},
    }
    layer = clouds.layers[0]
    changed = dataclasses.replace(clouds, **{what: other[what]})
    assert digest_of_layer(changed, layer) != digest_of_layer(clouds, layer)
    assert digest_of_layer(dataclasses.replace(clouds), layer) == digest_of_layer(clouds, layer)
