"""Models that are measured by workers: nothing of what is found or said is lost. Here the workers are threads."""

import multiprocessing
import random
import threading
import warnings

import numpy as np
import pytest
import torch
from small_study import Sizes, assert_same, compare
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import compare_models
from topocallback.compare import measuring, sent
from topocallback.compare import study as study_module
from topocallback.compare.jobs import WorkersLostError
from topocallback.compare.measuring import Subject
from topocallback.compare.options import CompareOptions
from topocallback.compare.recording import ValidationData
from topocallback.records.comparison import Checkpoint

DATA = DataLoader(torch.randn(50, 4, generator=torch.Generator().manual_seed(0)), batch_size=20)


@pytest.fixture
def elsewhere(monkeypatch):
    """As if joblib's workers were other processes; the names of the models that were recorded by them."""
    monkeypatch.setattr(study_module, "are_elsewhere", lambda: True)
    found = []
    original = sent.Measuring.recorded

    def noted(self, subject, is_kept, **options):
        if options:
            found.append(subject.checkpoint.name)
        return original(self, subject, is_kept, **options)

    monkeypatch.setattr(sent.Measuring, "recorded", noted)
    return found


def test_the_result_is_the_same_and_every_model_was_sent(study, compared, elsewhere):
    assert_same(compare(study, n_jobs=2), compared)
    assert len(elsewhere) == 6


def test_measures_that_need_clouds_are_given_them(study, elsewhere, monkeypatch):
    found = compare(study, measures=[Sizes()])
    assert len(elsewhere) == 6
    assert found.matrix().any()
    monkeypatch.undo()
    assert_same(compare(study, measures=[Sizes()]), found)


def test_what_workers_measured_is_kept_and_found_by_either(study, compared, elsewhere, tmp_path, monkeypatch):
    recorded = []
    original = measuring.record_clouds

    def counted(*arguments):
        recorded.append(1)
        return original(*arguments)

    monkeypatch.setattr(measuring, "record_clouds", counted)
    for _ in range(2):
        assert_same(compare(study, folder=tmp_path), compared)
        assert len(recorded) == 6
    monkeypatch.setattr(study_module, "are_elsewhere", lambda: False)
    assert_same(compare(study, folder=tmp_path), compared)
    assert len(recorded) == 6
    monkeypatch.setattr(study_module, "are_elsewhere", lambda: True)
    damaged = next((tmp_path / "snapshots").glob("*.npz"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert_same(compare(study, folder=tmp_path), compared)
    assert len(recorded) == 7


def test_what_one_model_does_costs_that_model_alone_with_the_same_sentence(elsewhere, monkeypatch):
    def broken():
        raise KeyError("no such weights")

    models = {"good": nn.Sequential(nn.Linear(4, 8)), "broken": broken, "bad": nn.Sequential(nn.Linear(5, 8))}
    with pytest.warns(UserWarning, match="Left out broken: KeyError: 'no such weights'"):
        found = compare_models(models, DATA, n_samples=50)
    assert sorted(elsewhere) == sorted(models)
    assert [each.name for each in found.checkpoints] == ["good"]
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="Left out"):
        assert found.left_out == compare_models(models, DATA, n_samples=50).left_out


class Talkative(nn.Linear):
    def forward(self, x):
        warnings.warn("a word of the model's", UserWarning, stacklevel=2)
        return super().forward(x)


def test_what_is_said_in_a_worker_is_said_once(elsewhere):
    models = {name: nn.Sequential(Talkative(4, 3)) for name in "ab"}
    with pytest.warns(UserWarning, match="a word of the model's") as said:
        compare_models(models, DATA, n_samples=50)
    assert len(elsewhere) == 2
    assert len([each for each in said if "a word" in str(each.message)]) <= 2  # the test shows every one


def test_a_model_that_cannot_be_pickled_is_measured_here_and_that_is_said_once(elsewhere):
    models = {name: nn.Sequential(nn.Linear(4, 3)) for name in "abc"}
    models["b"].lock, models["c"].lock = threading.Lock(), threading.Lock()
    with pytest.warns(UserWarning, match="Some models are measured in this process.*: b: TypeError: .*lock") as said:
        found = compare_models(models, DATA, n_samples=50)
    assert len(said) == 1
    assert elsewhere == ["a"]
    assert [each.name for each in found.checkpoints] == ["a", "b", "c"]


class Locked(TensorDataset):
    def __init__(self, *tensors):
        super().__init__(*tensors)
        self.lock = threading.Lock()


class Augmented(TensorDataset):
    def __getitem__(self, index):
        return tuple(values + torch.rand(1) for values in super().__getitem__(index))


@pytest.mark.parametrize(("kind", "reason"), [(Locked, "TypeError: .*lock"), (Augmented, "the data differ from pass")])
def test_data_that_would_not_be_the_same_elsewhere_stay(elsewhere, kind, reason):
    data = DataLoader(kind(torch.randn(50, 4)), batch_size=20)
    models = {name: nn.Sequential(nn.Linear(4, 3)) for name in "ab"}
    with pytest.warns(UserWarning, match=f"All models are measured in this process.*: {reason}") as said:
        compare_models(models, data, n_samples=50)
    assert len(said) == 1
    assert elsewhere == []


class Noisy(nn.Linear):
    def forward(self, x):
        return super().forward(nn.functional.dropout(x, 0.5))


def noisy(seed):
    torch.manual_seed(seed)
    return nn.Sequential(Noisy(4, 9), Noisy(9, 3))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_models_that_draw_at_random_draw_the_same_wherever_they_are(elsewhere, monkeypatch, n_jobs):
    models = {str(seed): noisy(seed) for seed in range(3)}
    found = compare_models(models, DATA, n_samples=50, n_jobs=n_jobs)
    assert len(elsewhere) == 3
    monkeypatch.undo()
    assert_same(compare_models(models, DATA, n_samples=50), found)


def test_models_that_are_made_at_random_are_those_that_this_process_makes(elsewhere, monkeypatch):
    def make():
        return nn.Sequential(nn.Linear(4, 9), nn.Linear(9, 3))

    def found():
        torch.manual_seed(0)
        return compare_models({"first": make, "second": make}, DATA, n_samples=50, n_jobs=1)

    with pytest.warns(UserWarning, match="Some models are measured in this process.*: first: it is made at random"):
        sent_away = found()
    assert sorted(elsewhere) == ["first", "second"]
    assert sent_away.between("first", "second").any()
    monkeypatch.undo()
    assert_same(found(), sent_away)


class CountsThreads(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = nn.Identity()

    def forward(self, x):
        return self.count(x * torch.get_num_threads())


def test_settings_of_torch_go_with_a_model():
    before = torch.get_num_threads()
    options = CompareOptions(n_samples=50, layers="count", measures=[Sizes()], scale="none")
    subject = Subject(Checkpoint("one", "one"), lambda source: (CountsThreads(), 0, 0))
    torch.set_num_threads(before + 1)
    try:
        arguments = sent.Sender.of(measuring.Measuring(options, ValidationData(DATA))).job(subject, frozenset())
    finally:
        torch.set_num_threads(before)
    found = sent.measure_sent(*arguments).found
    np.testing.assert_array_equal(found.clouds.clouds["count"], (before + 1) * DATA.dataset.numpy())
    assert torch.get_num_threads() == before


def test_when_all_workers_die_it_says_what_is_kept_and_the_next_call_goes_on(study, compared, tmp_path, monkeypatch):
    monkeypatch.setattr(study_module, "are_elsewhere", lambda: True)
    original, sent_away = study_module.run_jobs, []

    def measured(*arguments):
        sent_away.append(1)
        return sent.measure_sent(*arguments)

    def deadly(function, arguments, n_jobs):
        if function is not sent.measure_sent:
            yield from original(function, arguments, n_jobs)
            return
        for each in arguments:
            if len(sent_away) == 4:
                raise WorkersLostError("Workers that joblib was told to use died over and over.")
            yield measured(*each)

    monkeypatch.setattr(study_module, "run_jobs", deadly)
    with pytest.raises(WorkersLostError, match=r"over\. 4 of 6 models were measured, .*ckpt would have been the next"):
        compare(study)
    sent_away.clear()
    with pytest.raises(WorkersLostError, match=r"kept in .*: the same call goes on from there\.$"):
        compare(study, folder=tmp_path)
    assert len(list((tmp_path / "snapshots").glob("*.npz"))) == 4
    monkeypatch.undo()
    assert_same(compare(study, folder=tmp_path), compared)


def starts_a_child(answers):
    context = multiprocessing.get_context("fork")
    with sent._may_have_children():
        child = context.Process(target=answers.put, args=("from the child",))
        child.start()
        child.join()
    answers.put(multiprocessing.current_process().daemon)


def test_a_data_loader_may_have_workers_in_a_worker_that_is_a_daemon_as_dasks_are():
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    worker = context.Process(target=starts_a_child, args=(answers,), daemon=True)
    worker.start()
    worker.join()
    assert [answers.get() for _ in range(2)] == ["from the child", True]


class DrawsOnce(nn.Module):
    """As another thread may do it meanwhile."""

    drawn = False

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        if not DrawsOnce.drawn:
            DrawsOnce.drawn = True
            random.random()
        return self.layer(x)


def test_what_another_thread_draws_is_not_taken_for_the_models(elsewhere, tmp_path):
    compare_models({"one": DrawsOnce()}, DATA, n_samples=50, folder=tmp_path)
    assert DrawsOnce.drawn
    assert len(list((tmp_path / "snapshots").glob("*.npz"))) == 1
