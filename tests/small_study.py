"""What tests of comparisons share: how a small study is compared, and when two comparisons are the same."""

import dataclasses

from record_tools import assert_equal
from small_classifier import N_SAMPLES, Classifier, loader

from topocallback import Comparison, compare_checkpoints


def checkpoints_of(study):
    return str(study / "seed=*" / "checkpoints" / "*.ckpt")


def compare(study, **options):
    return compare_checkpoints(Classifier, checkpoints_of(study), loader(), **{"n_samples": N_SAMPLES, **options})


def assert_same(found, expected):
    for field in dataclasses.fields(Comparison):
        assert_equal(getattr(found, field.name), getattr(expected, field.name))
