"""What a comparison cannot say, and why."""

import dataclasses

import numpy as np
from synthetic_comparison import example, paired

from topocallback.findings.not_said import not_said
from topocallback.records.results import DistanceTable, Results


def said(comparison):
    return [str(found) for found in not_said(comparison)]


def bare(comparison):
    tables = [DistanceTable(table.about, table.matrix) for table in comparison.distances.values()]
    return dataclasses.replace(comparison, distances=Results(tables))


def test_a_whole_comparison_leaves_nothing_out():
    assert said(example()) == []


def test_one_checkpoint_is_not_enough():
    assert said(example(runs=1, epochs=1)) == [
        "There is one checkpoint: what differs between checkpoints, and when layers settle, needs two."
    ]


def test_no_distance_no_test_and_no_noise_are_said():
    assert said(dataclasses.replace(example(), distances=Results())) == [
        "No distance was measured: nothing is said of what differs."
    ]
    assert said(bare(example())) == [
        "No distance has a p-value: from 24 samples on, distances between diagrams have one. "
        "Which layers differ beyond noise, or still move, is not said.",
        "The noise of Sliced Wasserstein distance is not known: "
        "when layers settled, and which still move, is not said.",
    ]


def test_paired_distances_alone_are_named_as_the_reason():
    (reason,) = said(paired([0.1, 0.2, 0.3], [0.01] * 3))
    assert reason.startswith("All distances need the same samples on both sides, and have standard errors")
    assert "sliced_wasserstein" in reason


def test_a_layer_without_any_finite_point_is_named_with_its_checkpoint():
    comparison = example(runs=2, epochs=1)
    points = comparison.n_points.copy()
    points[4] = 0
    assert said(dataclasses.replace(comparison, n_points=points)) == [
        "Layer 'a<b>' has no finite point in 'run 1/0': nothing is said of that."
    ]


def test_checkpoints_without_a_common_layer_are_named():
    comparison = example(runs=2, epochs=1, layers=("stem", "head"))
    kept = np.array([0, 3])
    tables = [
        DistanceTable(
            t.about,
            *(a[np.ix_(kept, kept)] for a in (t.matrix,)),
            t.noise[kept],
            p_values=t.p_values[np.ix_(kept, kept)],
        )
        for t in comparison.distances.values()
    ]
    apart = dataclasses.replace(
        comparison,
        checkpoint_of=np.array([0, 1]),
        layer_of=np.array([0, 1]),
        n_points=np.full(2, 5),
        distances=Results(tables),
    )
    (reason,) = said(apart)
    assert reason.startswith("The compared checkpoints, such as 'run 0/0', 'run 1/0', have no layer in common")
