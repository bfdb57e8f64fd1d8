"""Samples as the evidence of a finding holds them: a few, the surest first, with what they lie beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from topocallback.findings.classes import labels_in_words
from topocallback.records.snapshot import Snapshot

__all__ = ["MOST_SHOWN", "samples_in_words", "samples_view"]

MOST_SHOWN = 20
"""How many samples a finding names at most; it says how many there are."""

_MOST_IN_WORDS = 3


def samples_view(snapshot: Snapshot, layer: str, samples: Sequence[int], notes: Sequence[str]) -> dict[str, Any]:
    """What shows samples: each with its label and its neighbours in a layer.

    Args:
        snapshot: The snapshot.
        layer: The layer whose neighbours are shown.
        samples: Positions among the snapshot's samples, the surest first.
        notes: What is said of each one, at least of those that are shown.
    """
    labels, ids = labels_in_words(snapshot), snapshot.sample_ids.tolist()
    neighbours = snapshot.nearest[layer].positions
    shown = [
        {
            "id": ids[sample],
            "label": labels[sample],
            "neighbours": [ids[near] for near in neighbours[sample].tolist() if near >= 0],
            "note": note,
        }
        for sample, note in zip(samples[:MOST_SHOWN], notes, strict=False)
    ]
    return {"kind": "samples", "layer": layer, "samples": shown, "n_samples": len(samples)}


def samples_in_words(snapshot: Snapshot, samples: Sequence[int]) -> str:
    """The ids of a few samples, and how many more there are.

    Example:
        >>> import numpy as np
        >>> from topocallback import PointClouds, analyse
        >>> snapshot = analyse(PointClouds({"stem": np.eye(6)}, sample_ids=[7, 8, 9, 20, 21, 22]))
        >>> samples_in_words(snapshot, [3, 0]), samples_in_words(snapshot, [4, 3, 2, 1, 0])
        ('samples 20, 7', 'samples 21, 20, 9 and 2 more')
    """
    ids = ", ".join(str(snapshot.sample_ids[sample]) for sample in samples[:_MOST_IN_WORDS])
    more = len(samples) - _MOST_IN_WORDS
    return f"sample{'' if len(samples) == 1 else 's'} {ids}" + (f" and {more:,} more" if more > 0 else "")
