"""Training samples beside validation: the run notices nothing, and the clouds are those of the items."""

from __future__ import annotations

import copy
import functools
import pickle
import random
import warnings
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.utilities.combined_loader import CombinedLoader
from small_trainings import Net, data, events, fit, hooks_of, loader, our_warnings, trainer_for
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, SubsetRandomSampler, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from topocallback import TopologyMonitor
from topocallback.hashing import sample_priorities
from topocallback.monitor.reports import Reports
from topocallback.monitor.training_samples import TrainingSamples

N = 30
OPTIONS: dict[str, Any] = {
    "layers": ("stem", "head"),
    "train_samples": N,
    "n_samples": N,
    "figures": False,
    "mapper": False,
}


class Noisy(Dataset):
    """Items with random augmentation, from every generator there is, that keeps note of what it was asked for."""

    def __init__(self, n: int = 64, seed: int = 5) -> None:
        self.whole = data(n, seed)
        self.transforms = [functools.partial(self.shift, np.random.default_rng(3))]

    @staticmethod
    def shift(generator: np.random.Generator, x: torch.Tensor) -> torch.Tensor:
        return x + 0.1 * float(generator.random()) + 0.1 * random.random() + 0.1 * float(np.random.rand())  # noqa: NPY002

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = self.whole[index]
        return self.transforms[0](x) + 0.1 * torch.rand(4), y


class Watchful(Net):
    """Keeps all that its steps leave behind: metrics, lists, logged numbers and pictures, and the order of samples."""

    def __init__(self) -> None:
        super().__init__()
        self.accuracy = MulticlassAccuracy(3)
        self.outputs: list[torch.Tensor] = []
        self.trained_on: list[torch.Tensor] = []
        self.counts = {"validation_step": 0, "transfer": 0}
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        return super().forward(self.norm(x))

    def on_after_batch_transfer(self, batch, dataloader_idx):
        self.counts["transfer"] += 1
        return batch

    def training_step(self, batch, batch_idx):
        self.trained_on.append(batch[0].clone())
        return super().training_step(batch, batch_idx)

    def validation_step(self, batch, batch_idx):
        self.counts["validation_step"] += 1
        logits = self(batch[0])
        self.accuracy(logits, batch[1])
        self.outputs.append(logits + torch.rand(1))
        self.log_dict({"val_accuracy": self.accuracy, "epoch_seen": float(self.current_epoch)})
        self.log("val_loss", nn.functional.cross_entropy(logits, batch[1]))
        self.logger.experiment.add_scalar("by_hand", logits.sum(), self.counts["validation_step"])
        assert not self.training
        assert not torch.is_grad_enabled()


def generators() -> tuple[Any, ...]:
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002


def traces(trainer: pl.Trainer) -> dict[str, Any]:
    """All that a training leaves behind."""
    model = trainer.lightning_module
    logged = events(trainer.log_dir)
    tags = [tag for tag in logged.Tags()["scalars"] if not tag.startswith("topology/")]
    return {
        "weights": [value.tolist() for value in model.state_dict().values()],
        "optimizer": [list(map(str, state.items())) for state in trainer.optimizers[0].state.values()],
        "trained on": [batch.tolist() for batch in model.trained_on],
        "outputs": [output.tolist() for output in model.outputs],
        "metric": [model.accuracy.tp.tolist(), model.accuracy._update_count],
        "counts": model.counts,
        "logged": {tag: [(event.step, event.value) for event in logged.Scalars(tag)] for tag in tags},
        "metrics": {k: v.item() for k, v in trainer.callback_metrics.items() if not k.startswith("topology/")},
        "generators": generators(),
        "attributes": sorted(vars(model)),
    }


@pytest.mark.parametrize("workers", [0, 1])
def test_a_training_leaves_the_same_behind_with_and_without(tmp_path, workers):
    def train(*callbacks: pl.Callback) -> pl.Trainer:
        pl.seed_everything(1, verbose=False)
        training = DataLoader(Noisy(), 16, shuffle=True, num_workers=workers)
        return fit(tmp_path, *callbacks, model=Watchful(), train=training)

    unwatched = traces(train())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        monitor = TopologyMonitor(**OPTIONS)
        watched = traces(train(monitor))
    assert our_warnings(caught) == []
    for what, left in unwatched.items():
        assert watched[what] == left, what
    for snapshot in monitor.history:
        assert np.isfinite(snapshot.statistics["train_gap_sliced_wasserstein", 0].values).all()


class Kept(pl.Callback):
    """Keeps what the monitor beside it recorded of training samples, and the weights that were recorded."""

    def __init__(self, monitor: TopologyMonitor) -> None:
        self.clouds: list[Any] = []
        self.weights: list[Any] = []
        take = monitor._watch._training.take
        monitor._watch._training.take = lambda: self._keep(take())

    def _keep(self, clouds: Any) -> Any:
        self.clouds.append(clouds)
        return clouds

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        if batch_idx == dataloader_idx == 0 and not trainer.sanity_checking:
            self.weights.append(copy.deepcopy(pl_module))


def kept(tmp_path, *callbacks, first: bool = True, **options) -> Kept:
    """A training with a monitor that takes all warnings of its own for errors."""
    monitor = TopologyMonitor(**(OPTIONS | options.pop("monitor", {})), on_error="raise", pooling="flatten")
    clouds = Kept(monitor)
    callbacks = (*callbacks, monitor) if first else (monitor, *callbacks)
    fit(tmp_path, *callbacks, clouds, **({"max_epochs": 1} | options))
    return clouds


def assert_clouds_are_of(recorded: Kept, items: TensorDataset, ids: np.ndarray) -> None:
    """What a forward pass by hand of the same items gives."""
    for clouds, model in zip(recorded.clouds, recorded.weights, strict=True):
        np.testing.assert_array_equal(clouds.sample_ids, ids)
        np.testing.assert_array_equal(clouds.labels, items.tensors[1][ids])
        with torch.no_grad():
            x = items.tensors[0][ids]
            stem = model.stem(model.norm(x) if hasattr(model, "norm") else x)
            np.testing.assert_allclose(clouds["stem"], stem, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(clouds["head"], model.head(model.blocks(stem)), rtol=1e-5, atol=1e-5)


def smallest(candidates: Any, n: int = N) -> np.ndarray:
    ids = np.asarray(candidates)
    return np.sort(ids[np.argsort(sample_priorities(ids, 0))[:n]])


def test_the_clouds_are_those_of_the_items_of_smallest_priority(tmp_path):
    training = data(100, seed=9)
    recorded = kept(tmp_path, train=DataLoader(training, 16, shuffle=True), max_epochs=2)
    assert len(recorded.clouds) == 2
    assert_clouds_are_of(recorded, training, smallest(range(100)))


def test_only_items_that_training_draws_from_are_taken(tmp_path):
    shared = data(100, seed=9)
    train = DataLoader(shared, 16, sampler=SubsetRandomSampler(range(0, 100, 2)))
    assert_clouds_are_of(kept(tmp_path, train=train), shared, smallest(range(0, 100, 2)))


@pytest.mark.parametrize("first", [True, False])
def test_averaged_weights_are_recorded_whatever_the_order_of_callbacks(tmp_path, first):
    training = data(100, seed=9)
    recorded = kept(tmp_path, EMAWeightAveraging(decay=0.5), train=DataLoader(training, 16, shuffle=True), first=first)
    assert_clouds_are_of(recorded, training, smallest(range(100)))


def test_a_data_set_smaller_than_was_asked_for_is_taken_whole(tmp_path):
    training = data(26, seed=9)
    recorded = kept(tmp_path, train=DataLoader(training, 16, shuffle=True), monitor={"train_samples": 500})
    assert_clouds_are_of(recorded, training, np.arange(26))


class OnlyTrains(pl.LightningDataModule):
    """Scales what it moves, as no module does."""

    def train_dataloader(self):
        return DataLoader(TensorDataset(data(100, seed=9).tensors[0] / 2, data(100).tensors[1]), 16, shuffle=True)

    def val_dataloader(self):
        return loader()

    def on_after_batch_transfer(self, batch, dataloader_idx):
        return [2 * batch[0], batch[1]]


def test_a_data_module_moves_its_batches(tmp_path):
    monitor = TopologyMonitor(**OPTIONS, on_error="raise", pooling="flatten")
    recorded = Kept(monitor)
    pl.seed_everything(1, verbose=False)
    trainer_for(tmp_path, monitor, recorded).fit(Net(), datamodule=OnlyTrains())
    assert_clouds_are_of(recorded, data(100, seed=9), smallest(range(100)))


class WithoutLabels(Net):
    """Learns to give back what it is given."""

    def loss(self, batch):
        return self(batch).square().mean()

    def validation_step(self, batch):
        self.log("val_loss", self.loss(batch))


def test_without_labels_there_is_everything_else(tmp_path):
    plain = DataLoader(data(60).tensors[0], 16)
    monitor = TopologyMonitor(**OPTIONS, on_error="raise")
    fit(tmp_path, monitor, model=WithoutLabels(), train=plain, val=plain)
    assert np.isfinite(monitor.history[-1].statistics["train_gap_bars", 0].values).all()


class Fetches(Net):
    """Fetches its validation batches itself."""

    def validation_step(self, dataloader_iter):
        batch, _, _ = next(dataloader_iter)
        self.log("val_loss", self.loss(batch), batch_size=len(batch[0]))


def test_a_step_that_fetches_its_batch_is_given_one(tmp_path):
    training = data(100, seed=9)
    recorded = kept(tmp_path, model=Fetches(), train=DataLoader(training, 16, shuffle=True), num_sanity_val_steps=0)
    assert_clouds_are_of(recorded, training, smallest(range(100)))


def test_of_several_training_loaders_the_first_with_items_is_taken(tmp_path):
    class TakesFirst(Net):
        def training_step(self, batch, batch_idx):
            return self.loss(batch["items"])

    training = data(100, seed=9)
    loaders = {"stream": DataLoader(Stream(), 4), "items": DataLoader(training, 16, shuffle=True)}
    recorded = kept(
        tmp_path, model=TakesFirst(), train=CombinedLoader(loaders, "max_size_cycle"), val=[loader(), loader()]
    )
    assert_clouds_are_of(recorded, training, smallest(range(100)))


@pytest.mark.parametrize("workers", [0, 1])
def test_random_augmentation_is_the_same_at_every_step(tmp_path, workers):
    class Still(Net):
        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.0)

    augmented = Noisy()
    augmented.transforms = [lambda x: x]  # no generator of its own
    training = DataLoader(augmented, 16, shuffle=True, num_workers=workers)
    recorded = kept(tmp_path, model=Still(), train=training, max_epochs=2)
    first, second = recorded.clouds
    np.testing.assert_array_equal(first["stem"], second["stem"])
    plain = Still().stem(augmented.whole.tensors[0][first.sample_ids])
    assert np.abs(first["stem"] - plain.detach().numpy()).max() > 0.01


class Stream(IterableDataset):
    """Items that come one after the other."""

    def __iter__(self):
        return iter([data()[i] for i in range(64)])


class NeedsTwoViews(Net):
    """Trained on batches that its validation step cannot take."""

    def training_step(self, batch, batch_idx):
        return self.loss((batch[0][0], batch[1]))


def two_views(items: list[Any]) -> Any:
    x, y = map(torch.stack, zip(*items, strict=True))
    return (x, x + 0.1), y


def hooked() -> Net:
    model = Net()
    model.stem.register_forward_hook(lambda *_: None)
    return model


@pytest.mark.parametrize(
    ("model", "training", "why"),
    [
        (Net, lambda: DataLoader(Stream(), 16), "an iterable data set has no items that could be taken once more"),
        (Net, lambda: DataLoader([(x[None], y[None]) for x, y in data()], batch_size=None), "is a whole batch"),
        (NeedsTwoViews, lambda: DataLoader(data(), 16, collate_fn=two_views), r"failed \(TypeError: "),
        (hooked, loader, r"the model has a forward hook \(.*hooked"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_one_sentence_and_costs_nothing_else(tmp_path, model, training, why):
    monitor = TopologyMonitor(**OPTIONS)
    with pytest.warns(
        UserWarning, match=f"the gap between training and validation data is not measured.*{why}"
    ) as caught:
        trainer = fit(tmp_path, monitor, model=model(), train=training(), max_epochs=3)
    messages = our_warnings(caught)
    assert len(messages) == 1
    assert messages[0].endswith("`train_samples=0` leaves it out.")
    assert trainer.current_epoch == 3
    assert len(monitor.history) == 3
    assert "train_gap_bars" not in monitor.history[-1].statistics
    assert np.isfinite(monitor.history[-1].statistics["bars", 0].values).all()


def test_it_is_an_error_where_errors_are_asked_for(tmp_path):
    monitor = TopologyMonitor(**OPTIONS, on_error="raise")
    with pytest.raises(RuntimeError, match="an iterable data set has no items"):
        fit(tmp_path, monitor, train=DataLoader(Stream(), 16))


def test_methods_of_the_model_as_hooks_run_on_the_copy(tmp_path):
    class Hooked(Net):
        def __init__(self):
            super().__init__()
            self.seen = []
            self.stem.register_forward_hook(self.see)

        def see(self, layer, args, output):
            if not self.training:
                self.seen.append(len(output))

    model = Hooked()
    monitor = TopologyMonitor(**OPTIONS, on_error="raise")
    fit(tmp_path, monitor, model=model, num_sanity_val_steps=0)
    assert model.seen == [16] * 8
    assert "train_gap_bars" in monitor.history[-1].statistics


def test_a_run_that_goes_on_from_a_checkpoint_goes_on_with_its_gap(tmp_path):
    monitor = TopologyMonitor(**OPTIONS, on_error="raise")
    trainer = fit(tmp_path / "first", monitor, max_epochs=1)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    again = TopologyMonitor(**OPTIONS, on_error="raise")
    fit(tmp_path / "second", again, max_epochs=2, ckpt_path=tmp_path / "last.ckpt")
    assert [snapshot.epoch for snapshot in again.history] == [1]
    assert np.isfinite(again.history[0].statistics["train_gap_bars", 0].values).all()


@pytest.mark.parametrize("options", [{"fast_dev_run": True}, {"num_sanity_val_steps": -1}, {"overfit_batches": 2}])
def test_short_and_odd_trainings_have_what_they_can(tmp_path, options):
    monitor = TopologyMonitor(**OPTIONS, on_error="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(tmp_path, monitor, **options)
    snapshot = monitor.history[-1]
    assert np.isfinite(snapshot.statistics["train_gap_bars", 0].values).all()
    untrained = [each for each in monitor.history if "train_gap_bars" not in each.statistics]
    assert len(untrained) == ("num_sanity_val_steps" in options)


def test_outside_of_fit_there_are_no_training_samples(tmp_path):
    monitor = TopologyMonitor(**OPTIONS, on_error="raise")
    trainer_for(tmp_path, monitor).validate(Net(), loader(), verbose=False)
    assert "train_gap_bars" not in monitor.history[0].statistics


def test_the_gap_can_be_monitored_from_the_first_validation_on(tmp_path):
    monitor = TopologyMonitor(**OPTIONS, on_error="raise", background=False)
    trainer = fit(tmp_path, monitor, max_epochs=1)
    gaps = {name for name in trainer.callback_metrics if name.startswith("topology/train_gap_bars_H1/")}
    assert gaps == {f"topology/train_gap_bars_H1/{layer}" for layer in OPTIONS["layers"]}
    assert {f"topology/train_gap_p_sliced_wasserstein_H0/{layer}" for layer in OPTIONS["layers"]} <= set(
        trainer.callback_metrics
    )


def test_it_is_counted_in_what_the_monitor_takes(tmp_path):
    monitor = TopologyMonitor(**OPTIONS, on_error="raise")
    fit(tmp_path, monitor)
    assert monitor.history[-1].seconds["gap"] > 0
    assert monitor.spent.seconds["gap"] >= monitor.history[-1].seconds["gap"]


def test_no_copy_of_the_model_outlives_its_validation(tmp_path):
    copies = []

    class Counts(Net):
        def validation_step(self, batch, batch_idx):
            if self.log.__name__ == "_nothing":
                copies.append(self)
            super().validation_step(batch, batch_idx)

    model = Counts()
    monitor = TopologyMonitor(**OPTIONS, on_error="raise")
    fit(tmp_path, monitor, model=model, max_epochs=1)
    assert copies
    assert all(parameter.numel() == 0 for each in copies for parameter in each.parameters())
    assert all(parameter.numel() for parameter in model.parameters())
    assert monitor._watch._training._model is None
    assert hooks_of(model) == 0
    monitor._watch._training._model = model
    assert pickle.loads(pickle.dumps(monitor._watch._training))._model is None


class Shared(nn.Linear):
    """A frozen layer that copies share."""

    def __deepcopy__(self, memo):
        return self


def test_what_copies_share_with_the_model_is_left_alone(tmp_path):
    class WithTeacher(Net):
        def __init__(self):
            super().__init__()
            self.teacher = Shared(4, 2)

    model = WithTeacher()
    before = model.teacher.weight.clone()
    fit(tmp_path, TopologyMonitor(**OPTIONS, on_error="raise"), model=model, max_epochs=1)
    assert model.teacher.weight.shape == before.shape


@pytest.mark.parametrize("n_samples", [1, -1, 2.0, True])
def test_a_number_of_samples_that_there_cannot_be_is_refused(n_samples):
    with pytest.raises(ValueError, match="Expected `train_samples` to be 0 or an integer of at least 2, got"):
        TrainingSamples(n_samples, TopologyMonitor().recording, Reports("warn"))
