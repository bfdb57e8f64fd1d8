"""What a monitor costs is counted, and said at the end of a training."""

import re

import numpy as np
import pytest
from small_trainings import events, fit, steps_of

from topocallback import TopologyMonitor, load_history

ALWAYS = {"recording", "diagrams", "mapper", "noise", "distances", "drift", "statistics", "total"}


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


@pytest.mark.parametrize("figures", [0, -1.0, float("nan"), float("inf"), "often", None])
def test_figures_that_are_no_time_are_refused(figures):
    with pytest.raises(ValueError, match="Expected `figures` to be True, False or a positive number of seconds, got"):
        TopologyMonitor(figures=figures)
