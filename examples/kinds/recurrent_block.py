"""Train a network whose one block runs several times in a forward pass, and watch every turn of it.

    python examples/kinds/recurrent_block.py
    python examples/kinds/recurrent_block.py --varying

The task is to go from link to link of a list. The block's weights are shared by all turns, as those of a recurrent or
an interpreting network are. ``calls="each"`` makes a cloud of each turn: ``block@0``, ``block@1`` and so on. With
``--varying`` a batch takes as many turns as its samples need: a turn that some batches do without is named in a warning
and left out of the snapshot, and ``calls="last"`` would record the last turn of each batch.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import TopologyMonitor
from topocallback.findings.report import write_report

N = 4
"""Numbers that are gone through, in a list that says for each of them which one is next."""


def make_lists(count: int, seed: int = 0) -> TensorDataset:
    """(count, N * N) lists one-hot, (count,) where one comes to from 0, and (count,) after how many links, 1 to 4.

    Those with few links come first, as where lists are sorted by length.
    """
    generator = torch.Generator().manual_seed(seed)
    following = torch.randint(N, (count, N), generator=generator)
    links = 1 + torch.arange(count) * 4 // count
    place = torch.zeros(count, dtype=torch.long)
    for turn in range(4):
        place = torch.where(links > turn, following.gather(1, place[:, None])[:, 0], place)
    x = nn.functional.one_hot(following, N).flatten(1).float()
    return TensorDataset(torch.cat([x, nn.functional.one_hot(links - 1, 4)], dim=1), place, links)


class Turn(nn.Module):
    """What is done again and again: a step from the state that knows what was asked."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, state: Tensor, asked: Tensor) -> Tensor:
        """(N, width) to (N, width)."""
        moved: Tensor = state + self.mlp(torch.cat([self.norm(state), asked], dim=1))
        return moved


class RecurrentNet(pl.LightningModule):
    """A stem, the block as often as is needed, a head."""

    def __init__(self, width: int = 48, *, varying: bool = False) -> None:
        super().__init__()
        self.stem = nn.Linear(N * N + 4, width)
        self.block = Turn(width)
        self.head = nn.Linear(width, N)
        self.varying = varying

    def forward(self, x: Tensor, links: Tensor) -> Tensor:
        """Lists to (N, numbers) logits."""
        asked = state = self.stem(x)
        for _ in range(int(links.max()) if self.varying else 4):
            state = self.block(state, asked)
        logits: Tensor = self.head(state)
        return logits

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        """The loss of one batch."""
        return nn.functional.cross_entropy(self(batch[0], batch[2]), batch[1])

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        """The accuracy of one batch."""
        self.log("val_accuracy", (self(batch[0], batch[2]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW at a constant rate."""
        return torch.optim.AdamW(self.parameters(), lr=3e-3)


def list_loader(count: int, seed: int, *, shuffle: bool = False) -> DataLoader[Any]:
    """Batches of 64 lists."""
    return DataLoader(make_lists(count, seed), 64, shuffle)


def main(epochs: int = 10, lists: int = 4000, out: str = "runs", *, varying: bool = False) -> TopologyMonitor:
    """Train, and say what was seen."""
    pl.seed_everything(0, verbose=False)
    monitor = TopologyMonitor(
        ["stem", "block", "head"], n_samples=256, calls="each", labels=1,
        measures=("sliced_wasserstein", "cka", "knn_accuracy"),
    )  # fmt: skip
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[monitor],
        logger=TensorBoardLogger(out, name="recurrent_block"),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=-1,  # all of the validation data: the first snapshot is that of the untrained network
    )
    trainer.fit(RecurrentNet(varying=varying), list_loader(lists, 0, shuffle=True), list_loader(lists // 4, 1))
    last = monitor.history[-1]
    print(f"Validation accuracy {float(trainer.callback_metrics['val_accuracy']):.2f}.")
    for i, layer in enumerate(last.layers):
        step = last.distances["cka"].matrix[i, max(i - 1, 0)]
        accuracy = last.statistics["knn_accuracy"].values[i]
        print(f"  {layer}: CKA distance {step:.2f} from the one before; neighbours of one answer {accuracy:.2f}")
    folder = Path(trainer.log_dir or out)
    print(f"Report: {write_report(folder, folder / 'report.html')}")
    return monitor


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lists", type=int, default=4000, help="lists to train on")
    parser.add_argument("--varying", action="store_true", help="take as many turns as a batch needs")
    parser.add_argument("--out", default="runs", help="folder for the logs")
    main(**vars(parser.parse_args()))
