"""Networks that benchmarks take activations of."""

from __future__ import annotations

from typing import Any, TypeVar

import lightning.pytorch as pl
from torch.utils.data import DataLoader

__all__ = ["trained"]

Model = TypeVar("Model", bound=pl.LightningModule)


def trained(model: Model, epochs: int, data: DataLoader[Any]) -> Model:
    """The model after some epochs, without anything on screen or on disk."""
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model.train(), data)
    return model
