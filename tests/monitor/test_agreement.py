"""What several processes do together is decided for all of them at once."""

import dataclasses

import pytest

from topocallback.activations.options import ValidationOptions
from topocallback.monitor.agreement import NOTHING, Intention, decide, digest

READY = Intention(is_due=True, is_ready=True, has_inputs=True, options=7)


def but(**changes):
    return dataclasses.replace(READY, **changes)


def test_processes_that_agree_do_everything():
    agreement = decide([READY, READY])
    assert agreement.is_due
    assert agreement.records
    assert agreement.inputs
    assert agreement.notes == ()


def test_a_validation_that_nobody_records_is_not_spoken_of():
    assert decide([but(is_due=False), but(is_due=False)]) == NOTHING


@pytest.mark.parametrize(
    ("other", "due", "records", "note"),
    [
        (but(is_due=False), False, False, "not to be recorded in process 1."),
        (but(options=8), False, False, "process 1 has other options than that of process 0"),
        (but(is_ready=False), True, False, None),
        (but(is_ready=False, has_inputs=False), True, False, None),
        (but(has_inputs=False), True, True, "the sampled inputs are not shown, because there are none in process 1."),
    ],
)
def test_processes_that_disagree_do_what_all_of_them_can_do(other, due, records, note):
    agreement = decide([READY, other, READY])
    assert (agreement.is_due, agreement.records, agreement.inputs) == (due, records, False)
    assert len(agreement.notes) == (note is not None)
    assert note is None or note in agreement.notes[0]


def test_options_that_must_be_the_same_are_told_apart_and_others_are_not():
    own = digest(ValidationOptions(), background=True)
    assert digest(ValidationOptions(layers=["stem"]), background=True) == own
    different = [ValidationOptions(seed=1), ValidationOptions(n_samples=9), ValidationOptions(calls="each")]
    assert len({digest(options, background=True) for options in different} | {own}) == 4
    assert digest(ValidationOptions(), background=False) != own
    # Two objects of one class may be the same function: nothing can be said.
    assert digest(ValidationOptions(select=len), background=True) == digest(
        ValidationOptions(select=min), background=True
    )
