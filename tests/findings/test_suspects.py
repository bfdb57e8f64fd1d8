"""Which samples lie among another class: those whose neighbours agree on it, and only where classes separate."""

import numpy as np
import pytest
from neighbour_tools import classes_apart, with_neighbours

from topocallback.findings.course import Course
from topocallback.findings.suspects import among_another_class, label_suspects


def said_of(clouds, labels, sample_ids=None):
    return label_suspects(Course([with_neighbours(clouds, labels, sample_ids)]))


def test_a_sample_with_another_label_is_named_with_its_neighbours():
    cloud, labels = classes_apart()
    labels[7] = 2
    ids = 1000 + np.arange(120)
    (found,) = said_of({"stem": cloud, "head": 2 * cloud}, labels, ids)
    assert str(found) == (
        "1 of 120 samples lies among another class: mislabelled, or hard. It is sample 1007, labelled 2: 10 of 10 "
        "neighbours are 0, in layer 'stem'."
    )
    view = found.evidence["view"]
    assert (view["kind"], view["layer"], view["n_samples"], found.samples) == ("samples", "stem", 1, (1007,))
    (sample,) = view["samples"]
    assert (sample["label"], sample["note"]) == ("2", "10 of 10 neighbours are 0")
    assert set(sample["neighbours"]) <= set(range(1000, 1030)) - {1007}
    assert (found.kind, found.level) == ("label_suspects", 0.05)


def test_classes_are_called_by_their_names():
    cloud, labels = classes_apart()
    names = np.array(["ape", "bee", "cat", "dog"], dtype=object)[labels]
    names[3], names[50] = "dog", None
    (found,) = said_of({"stem": cloud}, names)
    assert "119 samples" in str(found)
    assert "sample 3, labelled dog: 10 of 10 neighbours are ape" in str(found)


def test_the_surest_come_first_and_thousands_are_counted_but_not_listed():
    cloud, labels = classes_apart(per_class=400)
    rng = np.random.default_rng(0)
    wrong = rng.permutation(len(labels))[:120]
    labels[wrong] = (labels[wrong] + rng.integers(1, 4, size=120)) % 4
    (found,) = said_of({"stem": cloud}, labels)
    everything = among_another_class(with_neighbours({"stem": cloud}, labels))
    assert len(everything.samples) > 60
    assert np.isin(everything.samples, wrong).all()
    assert everything.mean_votes[0] == everything.mean_votes.max() > everything.mean_votes[-1]
    assert found.samples == tuple(everything.samples[:20])
    assert len(found.samples) == 20
    assert found.evidence["view"]["n_samples"] == found.numbers["samples among another class"] > 60
    assert str(found).startswith(f"{len(everything.samples)} of 1,600 samples lie among another class")


def test_nothing_is_named_in_clean_classes_nor_where_they_do_not_separate():
    cloud, labels = classes_apart()
    assert said_of({"stem": cloud}, labels) == []
    assert said_of({"stem": classes_apart(distance=0.0)[0]}, labels) == []
    assert said_of({"stem": classes_apart(distance=1.5)[0]}, labels) == []  # surely, but hardly


def test_shuffled_labels_name_nobody():
    cloud, labels = classes_apart(n_classes=2, per_class=60)
    rng = np.random.default_rng(0)
    assert not any(said_of({"stem": cloud}, rng.permutation(labels)) for _ in range(30))


def test_samples_of_small_classes_are_not_named_for_there_are_too_few_of_their_own():
    cloud, labels = classes_apart()
    labels[0] = 9
    assert said_of({"stem": cloud}, labels) == []
    labels[0] = 1
    assert said_of({"stem": cloud}, labels)[0].samples == (0,)


def test_a_layer_where_classes_do_not_separate_does_not_count():
    cloud, labels = classes_apart()
    labels[7] = 2
    noise = np.random.default_rng(1).normal(size=cloud.shape)
    (found,) = said_of({"noise": noise, "head": cloud}, labels)
    assert found.samples == (7,)
    assert found.evidence["view"]["layer"] == "head"


@pytest.mark.parametrize("labels", [None, np.zeros(120), np.linspace(0, 1, 120), np.arange(120)])
def test_nobody_is_named_without_classes(labels):
    assert said_of({"stem": classes_apart()[0]}, labels) == []
