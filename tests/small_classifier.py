"""A classifier that trains in a second, its data, and a study of it: what the tests of comparisons share."""

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import TopologyMonitor

LAYERS = ("net.0", "net.2", "net.4")
N_SAMPLES = 60


class Classifier(pl.LightningModule):
    def __init__(self, width: int = 8):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 6), nn.ReLU(), nn.Linear(6, 3))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.cross_entropy(self.net(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.3)


def loader(n=120, *, shuffle=False, seed=0):
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))
    labels = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    return DataLoader(TensorDataset(x, labels), batch_size=32, shuffle=shuffle)


class Data(pl.LightningDataModule):
    def __init__(self, n: int = 120):
        super().__init__()
        self.n = n

    def val_dataloader(self):
        return loader(self.n)


class RandomSplit(pl.LightningDataModule):
    """Chooses other validation samples each time it is set up."""

    def setup(self, stage):
        chosen = torch.randperm(240)[:120]
        full = loader(240).dataset
        self.chosen = TensorDataset(*(tensor[chosen] for tensor in full.tensors))

    def val_dataloader(self):
        return DataLoader(self.chosen, batch_size=32)


def train(folder, seed, epochs=3, **monitor_options):
    """One run: checkpoints in ``<folder>/checkpoints``, snapshots in ``<folder>/topology``."""
    pl.seed_everything(seed, verbose=False)
    logger = monitor_options.pop("logger", False)
    options = {"n_samples": N_SAMPLES, "figures": False, "on_error": "raise", **monitor_options}
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=logger,
        default_root_dir=folder,
        callbacks=[TopologyMonitor(**options), ModelCheckpoint(folder / "checkpoints", "{epoch}", save_top_k=-1)],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(), loader(shuffle=True, seed=1), loader())
    return folder
