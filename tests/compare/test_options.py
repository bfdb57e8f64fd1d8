"""The options that comparisons share."""

import pytest
from small_classifier import N_SAMPLES, Classifier, loader
from small_study import checkpoints_of

from topocallback import (
    compare_checkpoints,
)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"model": 3}, TypeError, "model"),
        ({"data": [1]}, TypeError, "data"),
        ({"checkpoints": []}, ValueError, "checkpoints"),
        ({"n_samples": 1}, ValueError, "n_samples"),
        ({"pooling": "other"}, ValueError, "pooling"),
        ({"measures": ["other"]}, ValueError, "other"),
        ({"dataloader_idx": 3}, ValueError, "dataloader_idx"),
    ],
)
def test_a_bad_argument_is_named(study, arguments, error, said):
    given = {"model": Classifier, "checkpoints": checkpoints_of(study), "data": loader(), "n_samples": N_SAMPLES}
    with pytest.raises(error, match=said):
        compare_checkpoints(**(given | arguments))
