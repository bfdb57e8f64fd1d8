"""Recording the chosen samples of one validation: what a monitor and a comparison of checkpoints do alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from topocallback.activations.batches import batch_size, find_labels
from topocallback.activations.gather import gather_recordings
from topocallback.activations.indices import BatchIndices
from topocallback.activations.inputs import InputRecorder
from topocallback.activations.layers import LayerSpec
from topocallback.activations.pooling import Pooling, check_pooling
from topocallback.activations.positions import Positions
from topocallback.activations.recorder import ActivationRecorder
from topocallback.activations.recording import Recording

__all__ = ["ValidationOptions", "ValidationRecorder", "check_integer"]


@dataclass(frozen=True)
class ValidationOptions:
    """What is recorded of a validation.

    Args:
        layers: Which layers; see ``choose_layers``.
        pooling: How a layer's positions become one vector per sample, or ``Positions``; see ``to_vectors``.
        n_samples: How many samples, at least 2.
        dataloader_idx: Which validation data loader.
        labels: Where a batch has its labels; see ``find_labels``.
        seed: Seed of the choice of samples.

    Raises:
        ValueError: If an option is not one of those allowed.

    Example:
        >>> ValidationOptions("Conv2d", n_samples=100).pooling
        'auto'
    """

    layers: LayerSpec = "auto"
    pooling: Pooling | Positions = "auto"
    n_samples: int = 512
    dataloader_idx: int = 0
    labels: str | int | None = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        check_pooling(self.pooling)
        check_integer("n_samples", self.n_samples, least=2)
        check_integer("dataloader_idx", self.dataloader_idx, least=0)


def check_integer(name: str, value: int, *, least: int) -> None:
    """Refuse an option that is no integer, or too small.

    Args:
        name: The option's name.
        value: Its value.
        least: The smallest one allowed.

    Raises:
        ValueError: If it is not allowed.

    Example:
        >>> check_integer("n_samples", 2, least=2)
    """
    if not isinstance(value, int) or value < least:
        raise ValueError(f"Expected `{name}` to be an integer of at least {least}, got {value!r}.")


class ValidationRecorder:
    """Records one validation: the layers' outputs, and if asked for the inputs, of the same samples.

    A context manager, as ``ActivationRecorder`` is. Around it the caller runs the validation and says where batches
    begin and end; outside of them, and in the batches of other data loaders, nothing is recorded.

    Args:
        module: The model.
        options: What to record.
        indices: The sample indices of the recorded data loader's batches.
        inputs: Keeps the sampled inputs; ``None`` keeps none.
        on_missing_labels: What to do where a batch lacks the labels that ``options.labels`` names: a function of the
            error, after which the batch counts as one without labels. ``None`` raises the error.

    Raises:
        ValueError: If ``options.layers`` matches nothing.

    Example:
        >>> from torch.utils.data import DataLoader, TensorDataset
        >>> model = nn.Sequential(nn.Linear(4, 2))
        >>> loader = DataLoader(TensorDataset(torch.randn(10, 4), torch.arange(10)), batch_size=4)
        >>> with ValidationRecorder(model, ValidationOptions(n_samples=5), BatchIndices(loader)) as recorder:
        ...     for x, y in loader:
        ...         recorder.start_batch((x, y), dataloader_idx=0)
        ...         _ = model(x)
        ...         recorder.end_batch()
        >>> clouds = recorder.recording().to_point_clouds()
        >>> clouds.clouds["0"].shape, bool((clouds.labels == clouds.sample_ids).all())
        ((5, 2), True)
    """

    def __init__(
        self,
        module: nn.Module,
        options: ValidationOptions,
        indices: BatchIndices,
        *,
        inputs: InputRecorder | None = None,
        on_missing_labels: Callable[[ValueError], None] | None = None,
    ) -> None:
        self.inputs = inputs
        self._options = options
        self._indices = indices
        self._on_missing_labels = on_missing_labels
        self._activations = ActivationRecorder(
            module,
            options.layers,
            pooling=options.pooling,
            n_samples=options.n_samples,
            length=indices.length,
            seed=options.seed,
            automatic_batches=False,
        )

    @property
    def repeated(self) -> list[str]:
        """The layers that ran more than once in some batch, and gave their first output."""
        return self._activations.repeated

    def __enter__(self) -> ValidationRecorder:
        self.attach()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.detach()

    def attach(self) -> None:
        """Register the hooks. Doing so twice changes nothing."""
        self._activations.attach()

    def detach(self) -> None:
        """Remove the hooks. Doing so twice changes nothing."""
        self._activations.detach()

    def start_batch(self, batch: Any, dataloader_idx: int) -> None:
        """Say that a batch begins.

        Args:
            batch: What the data loader gave.
            dataloader_idx: Which data loader: a batch of another than the recorded one changes nothing.

        Raises:
            ValueError: If the batch lacks the labels that it should have, and nothing else is to be done about it.
        """
        if dataloader_idx != self._options.dataloader_idx:
            return
        size = batch_size(batch)
        ids = None if size is None or self._options.pooling == "rows" else self._indices.take(size)
        self._activations.start_batch(size, sample_ids=ids, labels=self._labels(batch, size))
        if self.inputs is not None:
            self.inputs.add(batch, ids)

    def end_batch(self) -> None:
        """Say that a batch is over: what the layers do until the next ``start_batch`` is not recorded."""
        self._activations.end_batch()

    def recording(self, device: torch.device | None = None) -> Recording:
        """What was recorded of the layers so far; see ``ActivationRecorder.recording``.

        Args:
            device: Where several processes exchange tensors: then every process must call this. ``None`` if this one is
                alone.

        Returns:
            The recording; of several processes, the first one's is of all of them.
        """
        own = self._activations.recording()
        return own if device is None else gather_recordings(own, self._activations.layers, self._options.seed, device)

    def _labels(self, batch: Any, size: int | None) -> Tensor | None:
        try:
            return find_labels(batch, self._options.labels, size)
        except ValueError as error:
            if self._on_missing_labels is None:
                raise
            self._on_missing_labels(error)
            return None
