"""Two views and no labels: a cloud of each view, and statistics that tell a collapse."""

import numpy as np
from examples_as_run import load, run
from own_clouds import of_largest_norm, raw, train_and_compare
from small_trainings import fit

from topocallback import TopologyMonitor

self_supervised = load("self_supervised")
LAYERS = ("encoder.0", "encoder.2", "encoder.5", "predictor.0", "predictor.2")


def test_the_example_makes_a_cloud_of_each_view(tmp_path, caplog):
    ran = run("self_supervised", tmp_path, caplog, epochs=1, images=800)
    clouds = tuple(f"{layer}@{view}" for layer in LAYERS for view in (0, 1))
    assert [snapshot.layers for snapshot in ran.result.history] == [clouds] * 2
    assert ran.result.history[-1].labels is None
    assert ran.result.history[-1].n_points.tolist() == [200] * 10
    assert ran.warnings == []
    assert len(ran.told) == 1
    assert [line.split(":")[0] for line in ran.printed[-4:]] == [
        "The encoder's RankMe", "The encoder's Mean cosine", "CKA distance of the two views in encoder.5", "Report",
    ]  # fmt: skip


def test_a_collapse_shows_in_rank_and_cosine(tmp_path, caplog):
    ran = run("self_supervised", tmp_path, caplog, epochs=4, images=800, collapse=True)
    before, now = (
        {
            key: snapshot.statistics[key].values[snapshot.layers.index("encoder.5@0")]
            for key in ("rankme", "mean_cosine")
        }
        for snapshot in (ran.result.history[0], ran.result.history[-1])
    )
    assert now["rankme"] < before["rankme"] / 2
    assert 1 - now["mean_cosine"] < (1 - before["mean_cosine"]) / 10
    assert np.isfinite(list(now.values())).all()


def test_both_views_together_have_what_lidar_needs(tmp_path):
    monitor = TopologyMonitor(
        ("encoder.5", "predictor.2"), calls="together", labels=None, measures=("sliced_wasserstein", "lidar"),
        n_samples=100, mapper=False, figures=False, on_error="raise",
    )  # fmt: skip
    train, val = self_supervised.view_loaders(800)
    fit(tmp_path, monitor, model=self_supervised.SimSiam(), train=train, val=val, max_epochs=1)
    (snapshot,) = monitor.history
    assert snapshot.n_points.tolist() == [200, 200]
    assert snapshot.recording["points"] == "calls of samples"
    lidar = snapshot.statistics["lidar"].values
    assert ((lidar > 1) & (lidar < 32)).all()


def test_the_first_call_is_the_first_view(tmp_path):
    class Net(self_supervised.SimSiam):  # that logs nothing
        def validation_step(self, batch, batch_idx):
            self.loss(batch)

    def own(calls):
        found = {}
        for call in calls:
            end = f"@{call}" if len(calls) > 1 else ""
            found |= {f"{layer}{end}": of_largest_norm(layer, call) for layer in LAYERS[:2]}
            found |= {f"{layer}{end}": raw(layer, call) for layer in LAYERS[2:]}
        return found

    loader = self_supervised.view_loaders(120)[1]
    each = train_and_compare(tmp_path / "each", Net, loader, own((0, 1)), layers="auto", calls="each", labels=None)
    assert each.warnings == []
    first = train_and_compare(tmp_path / "first", Net, loader, own((0,)), layers="auto", labels=None)
    [message] = first.warnings
    assert "5 layers" in message or "ran several times in one batch, and the first output is recorded" in message
