"""WatchedStep: a recorder's hooks are there during one validation step, however it ends."""

import pytest

from topocallback.monitor.reports import Reports
from topocallback.monitor.steps import WatchedStep


class Recorder:
    """Says whether it watches."""

    watches = False

    def attach(self):
        self.watches = True

    def detach(self):
        self.watches = False


class Strategy:
    """Its step asks whether it is watched, and may fail."""

    def __init__(self, recorder, error=None):
        self.recorder = recorder
        self.error = error
        self.seen = []

    def validation_step(self, *batch):
        self.seen.append(self.recorder.watches)
        if self.error is not None:
            raise self.error
        return batch


def test_one_step_is_watched_and_gives_what_it_gives():
    recorder = Recorder()
    strategy = Strategy(recorder)
    WatchedStep(recorder, strategy, Reports("raise"))
    assert strategy.validation_step(1, 2) == (1, 2)
    assert strategy.validation_step(3) == (3,)
    assert strategy.seen == [True, False]
    assert "validation_step" not in vars(strategy)


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt(), SystemExit(), GeneratorExit()])
def test_a_step_that_fails_leaves_nothing(error):
    recorder = Recorder()
    strategy = Strategy(recorder, error)
    WatchedStep(recorder, strategy, Reports("warn"))
    with pytest.raises(type(error)):
        strategy.validation_step()
    assert strategy.seen == [True]
    assert not recorder.watches
    assert "validation_step" not in vars(strategy)


def test_a_step_that_never_comes_leaves_nothing_once_it_is_ended():
    recorder = Recorder()
    strategy = Strategy(recorder)
    watched = WatchedStep(recorder, strategy, Reports("warn"))
    for _ in range(2):
        watched.end()
        assert "validation_step" not in vars(strategy)
    strategy.validation_step()
    assert strategy.seen == [False]


@pytest.mark.parametrize("ended", [[], [0], [1], [0, 1], [1, 0]])
def test_two_recorders_of_one_strategy_do_not_get_in_each_others_way(ended):
    recorders = Recorder(), Recorder()
    strategy = Strategy(recorders[0])
    watched = [WatchedStep(recorder, strategy, Reports("raise")) for recorder in recorders]
    for index in ended:
        watched[index].end()
    assert strategy.validation_step(1) == (1,)
    assert not any(recorder.watches for recorder in recorders)
    assert strategy.validation_step(2) == (2,)


def test_what_somebody_else_put_in_the_place_of_the_step_stays_there():
    recorder = Recorder()
    strategy = Strategy(recorder)

    def somebody_elses(*batch):
        strategy.seen.append(recorder.watches)
        return "theirs"

    strategy.validation_step = somebody_elses
    WatchedStep(recorder, strategy, Reports("raise"))
    assert strategy.validation_step() == strategy.validation_step() == "theirs"
    assert strategy.seen == [True, False]
    assert strategy.validation_step is somebody_elses


def test_a_recorder_that_cannot_watch_costs_a_warning_and_no_step():
    class Broken(Recorder):
        def attach(self):
            super().attach()
            raise ArithmeticError("no hooks today")

    recorder = Broken()
    strategy = Strategy(recorder)
    WatchedStep(recorder, strategy, Reports("warn"))
    with pytest.warns(UserWarning, match="ArithmeticError while watching a validation step: no hooks today"):
        assert strategy.validation_step(1) == (1,)
    assert strategy.seen == [False]
