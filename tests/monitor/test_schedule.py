"""Which of a run's validations are recorded."""

from types import SimpleNamespace

import pytest

from topocallback.monitor.schedule import Schedule
from topocallback.monitor.spent import Spent

TRAINER = SimpleNamespace(sanity_checking=False, is_global_zero=True)
OTHER = SimpleNamespace(sanity_checking=False, is_global_zero=False)
CHECKING = SimpleNamespace(sanity_checking=True, is_global_zero=True)


def run_through(schedule, trainers, pending=0):
    found = []
    for trainer in trainers:
        schedule.start(trainer, pending=pending)
        found.append(schedule.is_due)
        schedule.end(trainer)
    return found


def test_the_first_of_every_so_many_is_recorded():
    schedule = Schedule(3, None, Spent())
    assert run_through(schedule, [TRAINER] * 7) == [True, False, False, True, False, False, True]
    assert schedule.validations == 7


def test_a_sanity_check_is_looked_at_and_does_not_count():
    schedule = Schedule(2, None, Spent())
    assert run_through(schedule, [CHECKING, TRAINER, TRAINER, CHECKING]) == [True, True, False, True]
    assert schedule.validations == 2


def test_whether_there_has_been_a_validation_is_asked_of_each_training():
    schedule = Schedule(1, None, Spent())
    schedule.begin_training()
    assert not schedule.has_begun
    run_through(schedule, [TRAINER])
    assert schedule.has_begun
    schedule.begin_training()
    assert not schedule.has_begun


def test_the_first_process_saves_and_the_others_do_not():
    spent = Spent()
    spent.add({"diagrams": 1000.0, "total": 1000.0})
    schedule = Schedule(1, 0.01, spent)
    assert run_through(schedule, [TRAINER, OTHER]) == [False, True]
    schedule.start(TRAINER, pending=0)
    assert (schedule.is_due, schedule.saves, spent.n_saved) == (False, True, 2)
    schedule.skip()
    assert (schedule.is_due, schedule.saves, spent.n_saved) == (False, False, 2)


def test_what_is_not_due_is_not_saved():
    spent = Spent()
    spent.add({"diagrams": 1000.0, "total": 1000.0})
    assert run_through(Schedule(3, 0.01, spent), [TRAINER] * 4) == [False] * 4
    assert spent.n_saved == 2


@pytest.mark.parametrize("every", [0, 1.5, True])
def test_a_number_that_is_none_is_refused(every):
    with pytest.raises(ValueError, match="Expected `every_n_validations` to be an integer of at least 1"):
        Schedule(every, None, Spent())
