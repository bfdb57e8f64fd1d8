"""What is kept on disk: an interrupted comparison goes on, and nothing kept is taken for something else."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from small_classifier import N_SAMPLES, Classifier, loader
from small_study import Sizes, assert_same, checkpoints_of, compare
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import (
    Comparison,
    Snapshot,
    compare_checkpoints,
    compare_models,
)
from topocallback.compare import measuring
from topocallback.compare.blocks import all_distances
from topocallback.compare.store import Store
from topocallback.measures.facts import LayerFacts
from topocallback.measures.mapper.options import MapperOptions

SCRIPT = """
import sys
from small_classifier import Classifier, loader
from topocallback import compare_checkpoints
found = compare_checkpoints(Classifier, sys.argv[1], loader(), n_samples=60, folder=sys.argv[2], n_jobs=2)
found.save(sys.argv[3])
"""


def test_killed_at_random_moments_and_started_again_it_ends_with_the_identical_result(study, compared, tmp_path):
    command = [sys.executable, "-c", SCRIPT, checkpoints_of(study), tmp_path / "kept", tmp_path / "found.npz"]
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    random, kills = np.random.default_rng(0), 0
    for _ in range(3):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        target = int(random.integers(1, 12))  # that many files in the folder
        while process.poll() is None and len(list((tmp_path / "kept").rglob("*"))) < target:
            time.sleep(0.005)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert_same(Comparison.load(tmp_path / "found.npz"), compared)


@pytest.fixture
def measured(monkeypatch):
    """What was recorded, a model's class each: what is kept is not."""
    found = []
    original = measuring.record_clouds

    def counted(model, *arguments):
        found.append(type(model).__name__)
        return original(model, *arguments)

    monkeypatch.setattr(measuring, "record_clouds", counted)
    return found


def test_what_is_kept_is_not_computed_again_and_other_options_or_data_are(study, tmp_path, measured):
    first = compare(study, folder=tmp_path)
    assert_same(compare(study, folder=tmp_path), first)
    assert len(measured) == 6
    compare(study, folder=tmp_path, seed=1)
    assert len(measured) == 12
    compare_checkpoints(Classifier, checkpoints_of(study), loader(seed=5), n_samples=N_SAMPLES, folder=tmp_path)
    assert len(measured) == 18


def test_parts_of_a_study_that_were_compared_alone_are_not_measured_again(study, compared, tmp_path, measured):
    for seed in range(2):
        files = str(study / f"seed={seed}" / "checkpoints" / "*.ckpt")
        compare_checkpoints(Classifier, files, loader(), n_samples=N_SAMPLES, folder=tmp_path)
    assert len(measured) == 6
    assert_same(compare(study, folder=tmp_path), compared)
    assert len(measured) == 6


def test_several_may_write_and_read_one_file_at_once(study, tmp_path):
    compare_checkpoints(Classifier, one_file(study), loader(), n_samples=N_SAMPLES, folder=tmp_path / "made")
    snapshot = Snapshot.load(next((tmp_path / "made" / "snapshots").iterdir()))
    stores = [Store(tmp_path / "shared") for _ in range(4)]
    found = []

    def write_and_read(store):
        for _ in range(20):
            store.keep_snapshot("key", snapshot)
            found.append(store.snapshot("key"))

    threads = [threading.Thread(target=write_and_read, args=(store,)) for store in stores]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == 80
    assert all(each is not None and each.layers == snapshot.layers for each in found)
    assert [path.name for path in (tmp_path / "shared" / "snapshots").iterdir()] == ["key.npz"]


def one_file(study):
    return study / "seed=0" / "checkpoints" / "epoch=2.ckpt"


def test_data_that_differ_after_the_first_batch_are_other_data(study, tmp_path, measured):
    data = loader()
    for _ in range(2):
        compare_checkpoints(Classifier, one_file(study), data, n_samples=N_SAMPLES, folder=tmp_path)
    assert len(measured) == 1
    data.dataset.tensors[0][-1] += 1
    changed = compare_checkpoints(Classifier, one_file(study), data, n_samples=N_SAMPLES, folder=tmp_path)
    assert len(measured) == 2
    expected = compare_checkpoints(Classifier, one_file(study), data, n_samples=N_SAMPLES)
    np.testing.assert_array_equal(changed.matrix(), expected.matrix())


def test_a_checkpoint_of_the_same_size_and_time_is_another_one(study, tmp_path, measured):
    path = tmp_path / "a.ckpt"
    shutil.copy(one_file(study), path)
    before = path.stat()
    compare_checkpoints(Classifier, path, loader(), n_samples=N_SAMPLES, folder=tmp_path / "kept")
    content = torch.load(path, weights_only=True)
    content["state_dict"]["net.0.weight"] *= 2
    torch.save(content, path)
    os.truncate(path, before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = compare_checkpoints(Classifier, path, loader(), n_samples=N_SAMPLES, folder=tmp_path / "kept", scale="none")
    expected = compare_checkpoints(Classifier, path, loader(), n_samples=N_SAMPLES, scale="none")
    np.testing.assert_array_equal(found.matrix(), expected.matrix())
    assert len(measured) == 3


SCALE = 1.0


class Scaled(Classifier):
    def forward(self, x):
        return self.net(SCALE * x)

    def validation_step(self, batch, batch_idx):
        self(batch[0])


def test_other_code_of_the_model_gives_other_numbers(study, tmp_path, measured, monkeypatch):
    def found():
        return compare_checkpoints(
            Scaled, one_file(study), loader(), n_samples=N_SAMPLES, folder=tmp_path, scale="none"
        ).matrix()

    first = found()
    np.testing.assert_array_equal(found(), first)
    assert len(measured) == 1
    monkeypatch.setitem(globals(), "SCALE", 3.0)  # a value that its code names
    assert not np.array_equal(found(), first)
    monkeypatch.setitem(globals(), "SCALE", 1.0)
    monkeypatch.setattr(Scaled, "forward", lambda self, x: self.net(x + 1))
    assert not np.array_equal(found(), first)
    assert len(measured) == 3


def test_an_attribute_that_is_no_weight_tells_models_apart(tmp_path, measured):
    class Shifted(nn.Linear):
        shift = 0.0

        def forward(self, x):
            return super().forward(x).sigmoid() + self.shift * x.norm()

    torch.manual_seed(0)
    model = nn.Sequential(Shifted(4, 3))
    data = DataLoader(torch.randn(50, 4), batch_size=20)
    for shift in (0.0, 2.0, 2.0):
        model[0].shift = shift
        compare_models({"one": model}, data, n_samples=50, folder=tmp_path)
    assert len(measured) == 2


def test_what_cannot_be_seen_is_said_once_and_not_kept(study, tmp_path, measured):
    def make():
        model = Classifier()
        model.lock = threading.Lock()
        return model

    for _ in range(2):
        with pytest.warns(UserWarning, match=r"Not all snapshots are kept in .*model\.lock \(lock\)") as said:
            compare_checkpoints(make, checkpoints_of(study), loader(), n_samples=N_SAMPLES, folder=tmp_path)
        assert len([each for each in said if "Not all" in str(each.message)]) == 1
    assert len(measured) == 12
    assert not list(tmp_path.glob("snapshots/*"))


def test_a_model_that_draws_at_random_is_not_kept(tmp_path, measured):
    class Noisy(nn.Linear):
        def forward(self, x):
            return super().forward(nn.functional.dropout(x, 0.5))

    data = DataLoader(torch.randn(50, 4), batch_size=20)
    for _ in range(2):
        with pytest.warns(UserWarning, match="the model draws from a random generator"):
            compare_models({"one": nn.Sequential(Noisy(4, 3))}, data, n_samples=50, folder=tmp_path)
    assert len(measured) == 2


class Augmented(TensorDataset):
    def __getitem__(self, index):
        return tuple(values + torch.rand(1) for values in super().__getitem__(index))


def test_data_that_differ_from_pass_to_pass_are_not_kept(study, tmp_path, measured):
    data = DataLoader(Augmented(torch.randn(120, 4)), batch_size=32)
    for _ in range(2):
        with pytest.warns(UserWarning, match="the data differ from pass to pass"):
            compare_models({"one": Classifier().net}, data, n_samples=50, folder=tmp_path)
    assert len(measured) == 2


def test_files_that_were_swapped_or_changed_are_computed_again(study, tmp_path):
    first = compare(study, folder=tmp_path)
    for kind in ("snapshots", "blocks"):
        paths = sorted((tmp_path / kind).glob("*.npz"))
        contents = [path.read_bytes() for path in paths]
        for path, content in zip(paths, contents[1:] + contents[:1], strict=True):
            path.write_bytes(content)
        assert_same(compare(study, folder=tmp_path), first)
    for path in (tmp_path / "blocks").glob("*.npz"):
        blocks = np.load(path)["distances"]
        np.savez(path, distances=np.full_like(blocks, np.nan))
    assert_same(compare(study, folder=tmp_path), first)


def in_a_files_place(folder):
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("no folder")


def without_blocks(folder):
    folder.mkdir()
    (folder / "blocks").write_text("no folder")


@pytest.mark.parametrize("spoil", [in_a_files_place, without_blocks])
def test_a_file_in_a_folders_place_costs_a_warning_and_no_number(study, compared, tmp_path, spoil):
    spoil(tmp_path / "kept")
    with pytest.warns(UserWarning, match=r"Not all (snapshots|blocks) are kept in .*kept") as said:
        assert_same(compare(study, folder=tmp_path / "kept"), compared)
    assert len({str(each.message) for each in said}) == len(said) <= 2


def test_folders_in_files_places_cost_a_warning_and_no_number(study, compared, tmp_path):
    compare(study, folder=tmp_path)
    for path in list(tmp_path.rglob("*.npz")):
        path.unlink()
        path.mkdir()
    with pytest.warns(UserWarning, match="Is a directory") as said:
        assert_same(compare(study, folder=tmp_path), compared)
    assert len(said) == 2  # snapshots and blocks
    assert not list(tmp_path.rglob("*.new"))


def test_a_full_disk_costs_a_warning_and_no_number(study, compared, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="No space left on device") as said:
        assert_same(compare(study, folder=tmp_path), compared)
    assert len(said) == 2
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_layers_of_which_no_hash_can_be_made_are_compared_and_not_kept(tmp_path):
    with open(__file__) as unseen:
        mapper = MapperOptions(filter=lambda points: (unseen, points[:, 0])[1])
        layers = [LayerFacts(np.eye(30) * size, scale="quantile", mapper=mapper) for size in (1, 2)]
        with pytest.warns(UserWarning, match="Not all blocks are kept in"):
            found = all_distances(layers, Sizes(), store=Store(tmp_path))
    assert found.matrix[0, 1] > 0
    assert not list(tmp_path.rglob("*.npz"))


def test_blocks_of_the_same_layers_seen_otherwise_are_others(tmp_path):
    torch.manual_seed(0)
    model, data = nn.Sequential(nn.Linear(4, 9), nn.Linear(9, 3)), DataLoader(torch.randn(60, 4), batch_size=20)

    def found(scale):
        options = {"n_samples": 60, "measures": [Sizes()], "layers": "Linear", "scale": scale, "folder": tmp_path}
        return compare_models({"one": model}, data, **options).matrix()

    quantile, none = found("quantile"), found("none")
    assert quantile.any()
    assert not none.any()
    assert [len(list(tmp_path.glob(f"{kind}/*.npz"))) for kind in ("snapshots", "blocks")] == [2, 6]


def test_damaged_files_in_the_folder_are_computed_again(study, tmp_path):
    first = compare(study, folder=tmp_path)
    for path in tmp_path.rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    assert_same(compare(study, folder=tmp_path), first)


def test_functions_of_one_name_are_not_taken_for_one_another(study, tmp_path):
    first, second = (
        compare(study, folder=tmp_path, pooling=lambda values, power=power: values.flatten(1) ** power)
        for power in (1, 3)
    )
    assert not np.array_equal(first.matrix(), second.matrix())
