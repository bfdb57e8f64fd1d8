"""Where a training's snapshots go: nothing is lost and nothing is mixed, on disks and in stores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import fsspec
import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from small_trainings import Net, fit, loader, our_warnings
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard_server import tensorboard, wait_until

from topocallback import TopologyMonitor, load_history
from topocallback.records.claims import claim_folder
from topocallback.records.runs import find_runs
from topocallback.views.report import write_report

INFORMATION = "lightning.pytorch.utilities.rank_zero"

# Two of these start every one of their trainings at the same moment: each waits for the other's file, but not for ever,
# for the other may have failed. CSVLogger is not among them: it rewrites the one file of its folder, and raises where
# another process has written there, too (ValueError: "dict contains fields not in fieldnames").
TRAININGS = """
import sys, time
from pathlib import Path
from small_trainings import fit, loader
from lightning.pytorch.loggers import TensorBoardLogger
from topocallback import TopologyMonitor
folder, own, other, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
for i in range(count):
    log_dir = folder / f"logs-{i}"
    logger = i % 2 == 1 and TensorBoardLogger(log_dir, "", version=0)
    (folder / f"{own}-{i}").touch()
    since = time.monotonic()
    while not (folder / f"{other}-{i}").exists():
        assert time.monotonic() < since + 120, f"the other process has not started its training {i}"
        time.sleep(0.001)
    monitor = TopologyMonitor(
        ["stem", "head"], n_samples=int(own), measures=["bottleneck"], homology_dims=[0], mapper=False, figures=False
    )
    fit(log_dir, monitor, logger=logger, max_epochs=2, train=loader(32), val=loader(32))
"""


def in_another_process(script, *arguments, **options):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)], env=environment, **options
    )


def monitor(**options) -> TopologyMonitor:
    return TopologyMonitor(["stem", "head"], **({"figures": False, "mapper": False} | options))


def train(folder, *callbacks, steps=16, every=4, log_dir=None, **options):
    """Sixteen steps, validated and saved after every so many of them."""
    saved = ModelCheckpoint(
        folder / "checkpoints", "{step}", save_top_k=-1, every_n_train_steps=every, enable_version_counter=False
    )
    logger = TensorBoardLogger(folder if log_dir is None else log_dir, name="run", version=0)
    settings = {"max_steps": steps, "max_epochs": -1, "val_check_interval": every, "check_val_every_n_epoch": None}
    return fit(folder, *callbacks, saved, **(settings | {"logger": logger} | options))


def saved_at(folder: Path, step: int) -> str:
    return str(folder / "checkpoints" / f"step={step}.ckpt")


# -- Several at once -------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.scenario("two trainings that start at the same moment in one directory: each keeps all of its snapshots")
def test_trainings_that_start_at_once_keep_all_of_their_snapshots(tmp_path):
    count = 20
    both = [in_another_process(TRAININGS, tmp_path, *names, count) for names in (("20", "24"), ("24", "20"))]
    assert [process.wait(timeout=500) for process in both] == [0, 0]
    for i in range(count):
        found = [load_history(archive) for archive in find_runs(tmp_path / f"logs-{i}").values()]
        assert [len(history) for history in found] == [2, 2]
        assert sorted([len(snapshot.sample_ids) for snapshot in history] for history in found) == [[20] * 2, [24] * 2]


CLAIM_AND_WAIT = """
import sys
from topocallback.records.claims import claim_folder
claim = claim_folder(sys.argv[1], continues=True)
print(claim.folder, flush=True)
sys.stdin.readline()
"""


@pytest.mark.scenario("resuming while the first process still lives: it goes on in a folder of its own, and says so")
def test_a_run_does_not_go_on_where_a_living_process_writes(tmp_path):
    trainer = train(tmp_path, monitor(), steps=8)
    resumed = monitor()
    first = in_another_process(
        CLAIM_AND_WAIT, trainer.log_dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with first:
        assert first.stdout.readline().strip() == f"{trainer.log_dir}/topology"
        with pytest.warns(UserWarning, match="still alive in another process") as caught:
            train(tmp_path, resumed, ckpt_path=saved_at(tmp_path, 8))
    assert len(our_warnings(caught)) == 1
    assert load_history(f"{trainer.log_dir}/topology").steps == (3, 7)
    assert load_history(f"{trainer.log_dir}/topology-v1").steps == resumed.history.steps == (11, 15)


@pytest.mark.scenario("`trainer.validate`, `fit` and `validate` again: what training measures is a run of its own")
def test_validating_before_and_after_training_mixes_nothing(tmp_path):
    ours, model = monitor(), Net()
    trainer = pl.Trainer(
        callbacks=[ours],
        logger=False,
        default_root_dir=tmp_path,
        max_epochs=2,
        accelerator="cpu",
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.validate(model, loader(), verbose=False)
    trainer.fit(model, loader(), loader())
    assert load_history(tmp_path / "topology").steps == (0,)
    assert load_history(tmp_path / "topology-v1").steps == (3, 7)
    other = claim_folder(tmp_path, continues=True)  # nobody holds it between two calls
    assert (other.folder.name, other.note) == ("topology-v1", "")
    trainer.validate(model, loader(), verbose=False)  # which somebody else has gone on in
    other.release()
    assert load_history(tmp_path / "topology-v1").steps == (3, 7)
    assert load_history(tmp_path).folder.name == "topology-v2"


@pytest.mark.scenario("a training that fails and goes on in the same process")
def test_a_run_that_failed_is_gone_on_with_in_its_folder(tmp_path):
    class Fails(pl.Callback):
        def on_train_batch_start(self, trainer, *_):
            if trainer.global_step == 10:
                raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        train(tmp_path, monitor(background=False), Fails())
    resumed = monitor()
    trainer = train(tmp_path, resumed, ckpt_path=saved_at(tmp_path, 8))
    assert [path.name for path in Path(trainer.log_dir).glob("topology*")] == ["topology"]
    assert resumed.history.steps == (3, 7, 11, 15)


# -- Set back --------------------------------------------------------------------------------------------------------


@pytest.mark.scenario("set back to an earlier step: what comes after it is put aside and said, in archive, tab, report")
@pytest.mark.parametrize("background", [True, False])
def test_a_run_that_is_set_back_has_one_history_everywhere(tmp_path, caplog, background):
    first = train(tmp_path, monitor(background=background), steps=20)
    log_dir = Path(first.log_dir)
    assert load_history(log_dir).steps == (3, 7, 11, 15, 19)
    resumed = monitor(background=background, n_samples=32)  # told apart by how many samples it took
    with caplog.at_level("INFO", INFORMATION), pytest.warns(UserWarning, match="Drift starts anew"):
        train(tmp_path, resumed, every=3, steps=18, ckpt_path=saved_at(tmp_path, 8))
    steps = resumed.history.steps
    assert steps[:2] == (3, 7)
    assert not {15, 19} & set(steps)  # which other validations did not come to
    samples = {snapshot.step: len(snapshot.sample_ids) for snapshot in load_history(log_dir)}
    assert list(samples) == list(steps)
    assert list(samples.values()) == [64, 64, *[32] * (len(steps) - 2)]
    assert load_history(log_dir / "topology" / "set-aside").steps == (11, 15, 19)
    assert caplog.text.count("The run was set back") == 1
    assert str(log_dir / "topology" / "set-aside") in caplog.text
    page = write_report(log_dir, tmp_path / "report.html").read_text()
    assert [int(text.split(",")[0]) for text in page.split('"step": ')[1:]][: len(steps)] == list(steps)
    for backend in ("--load_fast=true", "--load_fast=false"):
        with tensorboard(tmp_path / "run", backend) as server:
            listed = lambda server=server: [entry["step"] for entry in server.steps("version_0")["steps"]]  # noqa: E731
            wait_until(lambda listed=listed: listed() == list(steps))
            for entry in server.steps("version_0")["steps"]:
                payload = server.ask("snapshot", key=entry["key"]).body
                assert (b'"n_points":[32' in payload) == (samples[entry["step"]] == 32), entry


@pytest.mark.scenario("set back without an archive: the history in memory is set back too")
def test_without_an_archive_a_run_is_set_back_in_memory(tmp_path, caplog):
    ours = monitor(archive=False)
    train(tmp_path, ours)
    with caplog.at_level("INFO", INFORMATION):
        train(tmp_path, ours, ckpt_path=saved_at(tmp_path, 8), steps=12)
    assert [snapshot.step for snapshot in ours.history] == [3, 7, 11]
    assert caplog.text.count("The run was set back") == 1


# -- In a store ------------------------------------------------------------------------------------------------------


@pytest.mark.scenario("a log directory in a store (fsspec): snapshots, history and report are where the logs are")
@pytest.mark.parametrize("kind", ["TensorBoardLogger", "CSVLogger", "no logger"])
@pytest.mark.parametrize("where", ["memory", "file"])
def test_a_log_directory_may_be_an_address(tmp_path, store, kind, where, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where a folder called `memory:` would be
    address = store if where == "memory" else f"file://{tmp_path}/logs"
    loggers = {
        "TensorBoardLogger": lambda: TensorBoardLogger(address, "run"),
        "CSVLogger": lambda: CSVLogger(address, "run"),
        "no logger": lambda: False,
    }
    ours = monitor()
    trainer = fit(address, ours, logger=loggers[kind]())
    assert ours.history.steps == load_history(trainer.log_dir).steps == (3, 7)
    assert not [path for path in tmp_path.iterdir() if path.name not in ("logs", "checkpoints")]
    names = {"TensorBoardLogger": "run/version_0", "CSVLogger": "run/version_0"}
    assert list(find_runs(address)) == [names.get(kind, address.rsplit("/", 1)[1])]
    assert write_report(address, tmp_path / "report.html").stat().st_size > 10_000
    if kind == "TensorBoardLogger":
        store_of_logs, path = fsspec.core.url_to_fs(trainer.log_dir)
        assert [file for file in store_of_logs.ls(path, detail=False) if "tfevents" in file]
        events = EventAccumulator(trainer.log_dir, size_guidance={"tensors": 0})
        events.Reload()
        assert [event.step for event in events.Tensors("topology/snapshot")] == [3, 7]


def test_a_run_in_a_store_goes_on_and_is_set_back(tmp_path, store):
    first = train(tmp_path, monitor(), log_dir=store)
    with pytest.warns(UserWarning, match="A store of objects has no locks") as caught:
        train(tmp_path, monitor(), log_dir=store, ckpt_path=saved_at(tmp_path, 8), steps=12)
    assert len(our_warnings(caught)) == 1
    assert load_history(first.log_dir).steps == (3, 7, 11)
    assert load_history(f"{first.log_dir}/topology/set-aside").steps == (11, 15)


@pytest.mark.scenario("a store that does not answer: one warning, and the run is the same")
@pytest.mark.parametrize("lasts", [True, False])
def test_a_store_that_fails_costs_one_warning_and_no_run(tmp_path, store, monkeypatch, lasts):
    file_system = type(fsspec.filesystem("memory"))
    pipe_file, calls = file_system.pipe_file, []

    def fail(self, path, *args, **options):
        if "topology" in path and (lasts or len(calls) < 2):
            calls.append(path)
            raise RuntimeError("no route to host")  # such libraries raise what they like
        return pipe_file(self, path, *args, **options)

    unwatched = fit(tmp_path, logger=CSVLogger(f"{store}/a"))
    monkeypatch.setattr(file_system, "pipe_file", fail)
    ours = monitor()
    with pytest.warns(UserWarning, match="no route to host") as caught:
        watched = fit(tmp_path, ours, logger=CSVLogger(f"{store}/b"), max_epochs=4)
    assert len(our_warnings(caught)) == 1
    assert [snapshot.step for snapshot in ours.history] == [3, 7, 11, 15]
    if not lasts:
        assert load_history(watched.log_dir).steps == (3, 7, 11, 15)
    again = fit(tmp_path, logger=CSVLogger(f"{store}/c"), max_epochs=4)
    assert unwatched.global_step == 8
    for mine, theirs in zip(watched.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)


# -- Links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["--load_fast=true", "--load_fast=false"])
def test_a_run_has_the_name_that_tensorboard_shows(tmp_path, backend):
    disk, logs = tmp_path / "disk", tmp_path / "logs"
    logs.mkdir()
    fit(disk / "exp", monitor(), logger=TensorBoardLogger(disk / "exp", name=None, version="v"))
    (disk / "archive").mkdir()
    fit(disk / "two", monitor(), logger=TensorBoardLogger(disk / "two", name=None, version="v"))
    (disk / "two" / "v" / "topology").rename(disk / "archive" / "abc")
    (disk / "two" / "v" / "topology").symlink_to(disk / "archive" / "abc")
    (logs / "linked").symlink_to(disk / "exp")
    (logs / "chain").symlink_to(tmp_path / "link")
    (tmp_path / "link").symlink_to(disk / "two")
    (logs / "loop").symlink_to("loop")
    (logs / "gone").symlink_to("nowhere")
    assert sorted(find_runs(logs)) == ["chain/v", "linked/v"]
    with tensorboard(logs, backend) as server:
        wait_until(lambda: len(server.runs()) >= 2)
        assert server.runs() == ["chain/v", "linked/v"]
