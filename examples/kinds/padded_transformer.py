"""Train a transformer encoder on padded sentences, and watch where its layers begin to separate topics.

    python examples/kinds/padded_transformer.py

The sentences are docstrings of Python's standard library, and the topic of one is the package that it comes from.
Padding never enters a cloud: the embedding says which token pads, and the encoder's layers are given a mask.
"""

from __future__ import annotations

import argparse
import ast
import re
import sysconfig
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from topocallback import TopologyMonitor

TOPICS = ("asyncio", "email", "tkinter", "unittest", "xml")
WORDS, LONGEST = 1000, 40
PADDING, UNKNOWN = 0, 1


class TopicClassifier(pl.LightningModule):
    """Embedded words, three layers of attention, a head on the mean of the words that are no padding."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, width, padding_idx=PADDING)
        self.places = nn.Parameter(0.1 * torch.randn(LONGEST, width))
        layer = nn.TransformerEncoderLayer(width, nhead=4, dim_feedforward=2 * width, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=3)
        self.head = nn.Linear(width, len(TOPICS))

    def forward(self, words: Tensor) -> Tensor:
        """(N, T) words to (N, topics) logits."""
        padding = words == PADDING
        x = self.encoder(self.words(words) + self.places[: words.shape[1]], src_key_padding_mask=padding)
        inside = ~padding[:, :, None]
        logits: Tensor = self.head((x * inside).sum(dim=1) / inside.sum(dim=1))
        return logits

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        """The loss of one batch."""
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        """Log the accuracy of one batch."""
        self.log("val_accuracy", (self(batch[0]).argmax(dim=1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW at a constant rate."""
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


def sentences() -> list[tuple[list[str], int]]:
    """The words of every docstring of the topics' packages, and the topic's number."""
    found = []
    for number, topic in enumerate(TOPICS):
        for file in sorted((Path(sysconfig.get_path("stdlib")) / topic).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                    words = re.findall(r"[a-z]+", (ast.get_docstring(node) or "").lower())
                    found += [(words[:LONGEST], number)] if len(words) > 3 else []
    return found


def loaders() -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Batches of padded words and topics, to train on and to validate on."""
    texts = sentences()
    frequent = Counter(word for words, _ in texts for word in words).most_common(WORDS - 2)
    numbers = {word: number for number, (word, _) in enumerate(frequent, start=UNKNOWN + 1)}
    data: Any = [(torch.tensor([numbers.get(word, UNKNOWN) for word in words]), topic) for words, topic in texts]

    def pad(items: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
        words = pad_sequence([words for words, _ in items], batch_first=True, padding_value=PADDING)
        return words, torch.tensor([topic for _, topic in items])

    train: Any = [item for i, item in enumerate(data) if i % 3]
    return DataLoader(train, 32, shuffle=True, collate_fn=pad), DataLoader(data[::3], 64, collate_fn=pad)


def main(arguments: Sequence[str] | None = None) -> TopologyMonitor:
    """Train, and say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--out", default="runs")
    options = parser.parse_args(arguments)

    pl.seed_everything(0)
    monitor = TopologyMonitor(n_samples=options.samples, measures=["sliced_wasserstein", "knn_accuracy"])
    trainer = pl.Trainer(
        max_epochs=options.epochs,
        accelerator="cpu",
        callbacks=[monitor],
        logger=TensorBoardLogger(options.out, name="padded_transformer"),
        num_sanity_val_steps=-1,  # the untrained network is the first snapshot
        enable_progress_bar=False,
    )
    trainer.fit(TopicClassifier(), *loaders())

    first, last = monitor.history[0], monitor.history[-1]
    print(f"Accuracy {float(trainer.callback_metrics['val_accuracy']):.2f} on {len(TOPICS)} topics.")
    print("How often a sentence's nearest neighbours are of its topic, before training and now:")
    for i, layer in enumerate(last.layers):
        before, now = (snapshot.statistics["knn_accuracy"].values[i] for snapshot in (first, last))
        print(f"  {layer:18} {before:.2f}  {now:.2f}")
    print(f"tensorboard --logdir {options.out}")
    return monitor


if __name__ == "__main__":
    main()
