"""What a monitor costs is counted, and said at the end of a training."""

import re
from pathlib import Path

import numpy as np
import pytest
from small_trainings import events, fit, in_two_processes, steps_of

from topocallback import TopologyMonitor, load_history

pytestmark = pytest.mark.long

ALWAYS = {"recording", "diagrams", "mapper", "noise", "distances", "drift", "statistics", "findings", "total"}


@pytest.mark.scenario("`figures` by default: pictures of the first and the last snapshot, one a minute between them")
@pytest.mark.parametrize("background", [True, False])
def test_pictures_are_of_the_first_and_the_last_snapshot_of_a_short_run(tmp_path, background):
    trainer = fit(tmp_path, TopologyMonitor(background=background), max_epochs=4)
    logged = events(trainer.log_dir)
    for picture in ("topology/layer_distance", "topology/persistence_diagrams", "topology/mapper"):
        assert [event.step for event in logged.Images(picture)] == [3, 15]
    assert steps_of(trainer.log_dir, "topology/seconds") == (3, 7, 11, 15)


def test_a_run_of_one_snapshot_has_its_pictures_once(tmp_path):
    trainer = fit(tmp_path, TopologyMonitor(), max_epochs=1)
    assert [event.step for event in events(trainer.log_dir).Images("topology/layer_distance")] == [3]


@pytest.mark.parametrize("background", [True, False])
def test_the_record_says_what_each_stage_took(tmp_path, background):
    monitor = TopologyMonitor(background=background, figures=True)
    trainer = fit(tmp_path, monitor)
    snapshots = list(load_history(trainer.log_dir))
    for snapshot in snapshots:
        assert snapshot.seconds.keys() == {*ALWAYS, "pictures"}
        stages = [seconds for stage, seconds in snapshot.seconds.items() if stage != "total"]
        assert 0 < sum(stages) <= snapshot.seconds["total"]
    logged = [event.value for event in events(trainer.log_dir).Scalars("topology/seconds")]
    np.testing.assert_allclose(logged, [snapshot.seconds["total"] for snapshot in snapshots], rtol=1e-6)
    assert {"archive", "tab", "loggers"} <= monitor.spent.seconds.keys()
    assert monitor.spent.total > sum(snapshot.seconds["total"] for snapshot in snapshots)
    assert 0 < monitor.spent.share < 1


@pytest.mark.scenario("what the monitor took of the run's processor time is said at its end")
def test_the_end_of_a_training_says_what_the_monitor_took(tmp_path, caplog):
    with caplog.at_level("INFO"):
        fit(tmp_path, TopologyMonitor(), max_epochs=3)
    said = [message for message in caplog.messages if "processor time" in message]
    assert len(said) == 1
    assert re.fullmatch(
        r"TopologyMonitor: 3 snapshots took \d+\.\d s of processor time, \d+\.\d % of the run\. "
        r"The largest part was \w+ \(\d+\.\d s\)\.",
        said[0],
    )


# -- A bound ---------------------------------------------------------------------------------------------------------


@pytest.mark.scenario("`max_overhead`: validations that would cost more of the run than that are left out, and counted")
@pytest.mark.parametrize("background", [True, False])
def test_validations_are_left_out_to_stay_under_a_share(tmp_path, caplog, background):
    monitor = TopologyMonitor(max_overhead=1e-6, background=background, on_error="raise")
    with caplog.at_level("INFO"):
        trainer = fit(tmp_path, monitor, max_epochs=4)
    assert monitor.history.steps == (3,)
    assert steps_of(trainer.log_dir) == (3, 7, 11, 15)
    assert monitor.spent.n_saved == 3
    assert "3 more were left out to stay under `max_overhead`" in " ".join(caplog.messages)


def test_a_share_that_is_not_reached_leaves_nothing_out(tmp_path):
    monitor = TopologyMonitor(max_overhead=1.0, background=False)
    fit(tmp_path, monitor, max_epochs=3)
    assert (len(monitor.history), monitor.spent.n_saved) == (3, 0)


def test_a_run_goes_on_under_its_share(tmp_path):
    monitor = TopologyMonitor(max_overhead=0.3, background=False, figures=False)
    fit(tmp_path / "short", TopologyMonitor(), max_epochs=1)  # imports
    fit(tmp_path, monitor, max_epochs=60)
    assert 1 < len(monitor.history) < 60
    assert monitor.spent.n_saved == 60 - len(monitor.history)
    assert monitor.spent.share < 0.33


def train_two(folder: Path) -> None:
    monitor = TopologyMonitor(max_overhead=1e-6, on_error="raise", figures=False)
    fit(folder, monitor, max_epochs=3, strategy="ddp", devices=2)


@pytest.mark.scenario("`max_overhead` in two processes: the first one decides")
def test_the_first_process_decides_and_the_others_follow_without_a_word(tmp_path):
    in_two_processes(train_two, tmp_path)
    assert len(load_history(tmp_path / "run" / "version_0")) == 1


@pytest.mark.parametrize("share", [0, -0.1, 1.5, float("nan"), "little", True])
def test_a_bound_that_is_no_share_is_refused(share):
    with pytest.raises(ValueError, match="Expected `max_overhead` to be None or a share between 0 and 1, got"):
        TopologyMonitor(max_overhead=share)


@pytest.mark.parametrize("figures", [0, -1.0, float("nan"), float("inf"), "often", None])
def test_figures_that_are_no_time_are_refused(figures):
    with pytest.raises(ValueError, match="Expected `figures` to be True, False or a positive number of seconds, got"):
        TopologyMonitor(figures=figures)
