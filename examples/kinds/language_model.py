"""Train a causal language model on characters, and watch either its tokens or whole sequences.

    python examples/kinds/language_model.py                 every character is a point: 8 of each sequence
    python examples/kinds/language_model.py --points last   every sequence is a point: the last token has seen all of it

The text is source code of Python's standard library. A character's vector holds what the model makes of everything up
to it; the mean over a sequence, which is the default, mixes vectors that have seen little with those that have
seen all.
"""

from __future__ import annotations

import argparse
import ast
import inspect
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from topocallback import Positions, TopologyMonitor

CONTEXT = 64  # characters


class CharacterModel(pl.LightningModule):
    """Embedded characters, three layers of causal attention, a head that predicts the next character."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.characters = nn.Embedding(128, width)
        self.places = nn.Parameter(0.1 * torch.randn(CONTEXT, width))
        layer = nn.TransformerEncoderLayer(width, nhead=4, dim_feedforward=2 * width, batch_first=True, norm_first=True)
        self.decoder = nn.TransformerEncoder(layer, num_layers=3, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 128)

    def forward(self, characters: Tensor) -> Tensor:
        """(N, T) characters to (N, T, 128) logits of the next ones."""
        steps = characters.shape[1]
        causal = nn.Transformer.generate_square_subsequent_mask(steps, device=characters.device)
        x = self.decoder(self.characters(characters) + self.places[:steps], mask=causal, is_causal=True)
        logits: Tensor = self.head(self.norm(x))
        return logits

    def loss(self, batch: Sequence[Tensor]) -> Tensor:
        """Cross entropy of the next characters, in nats."""
        return nn.functional.cross_entropy(self(batch[0]).flatten(0, 1), batch[1].flatten())

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        """The loss of one batch."""
        return self.loss(batch)

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        """Log the loss of one batch."""
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW at a constant rate."""
        return torch.optim.AdamW(self.parameters(), lr=2e-3)


def loaders() -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Pieces of the text, and the same one character further, to train on and to validate on."""
    text = "".join(map(inspect.getsource, (argparse, ast)))
    numbers = torch.tensor([min(ord(character), 127) for character in text])
    pieces = numbers.unfold(0, CONTEXT + 1, CONTEXT)
    train, validation = (pieces[[i for i in range(len(pieces)) if (i % 8 == 0) is held]] for held in (False, True))
    return (
        DataLoader(TensorDataset(train[:, :-1], train[:, 1:]), 32, shuffle=True),
        DataLoader(TensorDataset(validation[:, :-1], validation[:, 1:]), 64),
    )


def main(arguments: Sequence[str] | None = None) -> TopologyMonitor:
    """Train, and say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--points", choices=["characters", "last", "mean"], default="characters")
    parser.add_argument("--out", default="runs")
    options = parser.parse_args(arguments)

    pl.seed_everything(0)
    pooling = Positions(8) if options.points == "characters" else options.points
    monitor = TopologyMonitor(pooling=pooling, n_samples=options.samples, measures=["sliced_wasserstein", "two_nn"])
    trainer = pl.Trainer(
        max_epochs=options.epochs,
        accelerator="cpu",
        callbacks=[monitor],
        logger=TensorBoardLogger(options.out, name="language_model"),
        num_sanity_val_steps=-1,  # the untrained network is the first snapshot
        enable_progress_bar=False,
    )
    trainer.fit(CharacterModel(), *loaders())

    first, last = monitor.history[0], monitor.history[-1]
    print(f"Loss {float(trainer.callback_metrics['val_loss']):.2f} nats per character.")
    print("Intrinsic dimension of each layer's points (TwoNN), before training and now:")
    for i, layer in enumerate(last.layers):
        before, now = (snapshot.statistics["two_nn"].values[i] for snapshot in (first, last))
        print(f"  {layer:18} {before:5.1f}  {now:5.1f}")
    print(f"tensorboard --logdir {options.out}")
    return monitor


if __name__ == "__main__":
    main()
