"""What tests of comparisons share: how a small study is compared, and when two comparisons are the same."""

import dataclasses
from dataclasses import dataclass

from record_tools import assert_equal
from small_classifier import N_SAMPLES, Classifier, loader

from topocallback import Comparison, compare_checkpoints
from topocallback.measures import Distance


def checkpoints_of(study):
    return str(study / "seed=*" / "checkpoints" / "*.ckpt")


def compare(study, **options):
    return compare_checkpoints(Classifier, checkpoints_of(study), loader(), **{"n_samples": N_SAMPLES, **options})


def assert_same(found, expected):
    for field in dataclasses.fields(Comparison):
        assert_equal(getattr(found, field.name), getattr(expected, field.name))


@dataclass(frozen=True)
class Sizes(Distance):
    """How differently two layers are scaled: a measure that needs their clouds."""

    label = "Difference of scales"
    paired = True

    def prepare(self, facts):
        return facts.scale

    def between(self, first, second):
        return abs(first - second)
