"""Where classes separate: said in a sentence, with the layers and the shares, and not said by chance."""

import numpy as np
import pytest
from neighbour_tools import LIGHT, classes_apart, with_neighbours

from topocallback import PointClouds, analyse
from topocallback.findings.course import Course
from topocallback.findings.separation import separation
from topocallback.records.snapshot import Snapshot


def clouds_of(**distances):
    return {layer: classes_apart(distance=distance, seed=i)[0] for i, (layer, distance) in enumerate(distances.items())}


def said_of(clouds, labels):
    return separation(Course([with_neighbours(clouds, labels)]))


def test_the_first_layer_is_named_from_which_on_classes_separate():
    (found,) = said_of(clouds_of(stem=0.0, block=1.0, late=8.0, head=9.0), classes_apart()[1])
    assert str(found) == (
        "Classes separate from layer 'late' on: 100% of a sample's nearest neighbours carry its label there (24% by "
        "chance)."
    )
    assert found.layers == ("late", "head")
    assert (found.level, found.is_alert, found.kind) == (0.05, False, "separation")
    shares = found.numbers["share of neighbours with a sample's label"]
    assert [each["layer"] for each in shares] == ["stem", "block", "late", "head"]
    assert found.numbers["the same by chance"] == pytest.approx(29 / 119)


def test_the_best_layer_is_named_beside_the_first_one():
    (found,) = said_of(clouds_of(stem=0.0, late=4.5, head=9.0), classes_apart()[1])
    assert str(found).startswith("Classes separate from layer 'late' on: ")
    assert "100% at best, in layer 'head'; 24% by chance" in str(found)


def test_layers_that_separate_classes_less_again_are_named():
    (found,) = said_of(clouds_of(stem=0.0, late=8.0, pooled=1.0, head=0.0), classes_apart()[1])
    assert str(found).startswith("Classes separate from layer 'late' on: 100%")
    assert "Layer 'pooled' separates them less again: " in str(found)
    assert str(found).endswith("in the last, layer 'head'.")


def test_classes_that_are_told_apart_from_chance_but_lie_among_each_other_hardly_separate():
    (found,) = said_of(clouds_of(stem=1.5), classes_apart()[1])
    assert str(found).startswith("Classes hardly separate: at best, in layer 'stem', ")


def test_one_layer_separates_classes_by_itself():
    (found,) = said_of(clouds_of(stem=8.0), classes_apart()[1])
    assert str(found).startswith("Classes separate in layer 'stem': 100%")


def test_nothing_is_said_where_layers_have_nothing_to_do_with_classes():
    assert said_of(clouds_of(stem=0.0, head=0.0), classes_apart()[1]) == []


@pytest.mark.parametrize("labels", [None, np.zeros(120), np.arange(120), np.linspace(0, 1, 120)])
def test_nothing_is_said_without_classes(labels):
    cloud = np.arange(120.0)[:, None]  # on which neighbours have similar targets
    assert said_of({"stem": cloud}, labels) == []


def test_a_curve_is_shown_where_a_snapshot_has_it_and_the_finding_outlives_a_file(tmp_path):
    clouds, labels = clouds_of(stem=0.0, head=8.0), classes_apart()[1]
    snapshot = analyse(PointClouds(clouds, labels=labels), LIGHT)
    (found,) = separation(Course([snapshot]))
    assert found.evidence["view"] == {
        "kind": "curve",
        "measure": "knn_accuracy",
        "homology_dim": None,
        "quantity": "value",
        "layers": ["stem", "head"],
    }
    loaded = Snapshot.load(snapshot.save(tmp_path / "1.npz"))
    assert separation(Course([loaded]))[0].to_json() == found.to_json()
    assert said_of(clouds, labels)[0].evidence["view"] is None
