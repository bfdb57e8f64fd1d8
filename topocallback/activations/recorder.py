"""Recording layers' outputs with forward hooks: only the sampled rows, in bounded memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from topocallback.activations.channels import batch_first, channel_axis
from topocallback.activations.compiled import EagerStance, is_compiled
from topocallback.activations.layers import LayerSpec, choose_layers
from topocallback.activations.pooling import Pooling, check_lengths, check_pooling, rows_to_vectors
from topocallback.activations.positions import Positions
from topocallback.activations.recording import Recording
from topocallback.activations.samples import start_sample
from topocallback.activations.slots import Slots, arrived
from topocallback.activations.tensors import first_tensor, padded_shape
from topocallback.records.point_clouds import PointClouds

__all__ = ["ActivationRecorder"]

# Of one layer: 4 GiB in single precision.
_MOST_VALUES = 1 << 30
# Of a batch whose size is told by nothing but a layer's output.
_MOST_ROWS = 1 << 24


@dataclass
class _Layer:
    """One hooked layer and what it has given so far."""

    module: nn.Module
    vectors: Slots
    calls: int = 0
    last_batch: int = -1
    repeated: bool = False
    problem: str | None = None
    samples_axis: int | None = None


class ActivationRecorder:
    """Records one vector per sampled input from chosen layers, with nothing but PyTorch.

    A context manager: hooks are there inside of ``with`` and gone after it, however it is left. A hook touches only
    the rows that are kept, a batch without such rows costs nothing, and nothing is read back from the device to decide
    what is kept. Memory is ``n_samples`` vectors per layer, on the layer's device, whatever the size of the data set.

    Samples are numbered in the order in which they come. Each call of ``module`` is one batch, until ``start_batch`` or
    ``end_batch`` is called: from then on, these say where batches begin and end. A layer that runs several times in a
    batch gives its first output.

    Args:
        module: The model.
        layers: Which layers; see ``choose_layers``.
        pooling: How positions become one vector, or ``Positions`` for points of their own; see ``to_vectors``.
        n_samples: How many samples to keep, at least 1.
        length: Number of samples in the data set, if known: then rows that will not be kept are never touched.
        seed: Seed of the choice of samples.
        select: Takes the tensor out of a layer's output; by default the first tensor in it.
        channels: Where channels are in outputs with three and more axes: 1, -1, or ``None`` to tell from the layer's
            type (see ``channel_axis``).
        automatic_batches: Whether each call of ``module`` is one batch, as long as neither ``start_batch`` nor
            ``end_batch`` is called. ``False`` records nothing before the first ``start_batch``.

    Raises:
        ValueError: If ``layers`` matches nothing, ``pooling`` is unknown, or ``n_samples`` is under 1.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> with ActivationRecorder(model, n_samples=100, length=256) as recorder:
        ...     for batch in torch.randn(4, 64, 4, generator=torch.Generator().manual_seed(0)):
        ...         _ = model(batch)
        >>> {layer: cloud.shape for layer, cloud in recorder.point_clouds().clouds.items()}
        {'0': (100, 8), '2': (100, 2)}
    """

    def __init__(
        self,
        module: nn.Module,
        layers: LayerSpec = "auto",
        *,
        pooling: Pooling | Positions = "auto",
        n_samples: int = 512,
        length: int | None = None,
        seed: int = 0,
        select: Callable[[Any], Tensor] | None = None,
        channels: int | None = None,
        automatic_batches: bool = True,
    ) -> None:
        check_pooling(pooling)
        if n_samples < 1:
            raise ValueError(f"Expected `n_samples` to be at least 1, got {n_samples}.")
        self.module = module
        self.pooling = pooling
        self.seed = seed
        # Rows are samples of their own: how many there will be is not the length of the data set.
        self._sample = start_sample(n_samples, None if pooling == "rows" else length, seed)
        slots = len(self._sample.ids)
        self._layers = {name: _Layer(layer, Slots(slots)) for name, layer in choose_layers(module, layers).items()}
        self._labels = Slots(slots)
        self._select = select or first_tensor
        self._channels = channels
        self._handles: list[RemovableHandle] = []
        self._eager = False
        self._batch = -1
        self._active = False
        self._automatic = automatic_batches
        self._seen = 0
        self._forget_batch()

    @property
    def layers(self) -> tuple[str, ...]:
        """Canonical names of the chosen layers, in the model's order."""
        return tuple(self._layers)

    @property
    def calls(self) -> dict[str, int]:
        """How often each chosen layer ran inside of a batch."""
        return {name: layer.calls for name, layer in self._layers.items()}

    @property
    def repeated(self) -> list[str]:
        """The layers that ran more than once in some batch, and gave their first output."""
        return [name for name, layer in self._layers.items() if layer.repeated]

    def __enter__(self) -> ActivationRecorder:
        self.attach()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.detach()

    def attach(self) -> None:
        """Register the hooks. Doing so twice changes nothing."""
        if self._handles:
            return
        if is_compiled(self.module):
            self._eager = True
            EagerStance.enter()
        try:
            self._handles.append(self.module.register_forward_pre_hook(self._on_model_call))
            for name, layer in self._layers.items():
                self._handles.append(layer.module.register_forward_hook(functools.partial(self._on_output, name)))
        except BaseException:
            self.detach()
            raise

    def detach(self) -> None:
        """Remove the hooks. Doing so twice changes nothing."""
        while self._handles:
            self._handles.pop().remove()
        if self._eager:
            self._eager = False
            EagerStance.leave()
        self._active = False

    def start_batch(
        self,
        size: int | None = None,
        *,
        sample_ids: Sequence[int] | NDArray[np.int64] | None = None,
        labels: Tensor | None = None,
    ) -> None:
        """Say that a batch begins; from then on only batches that are started in this way are recorded.

        Args:
            size: Number of samples in the batch; by default the length of the first recorded output.
            sample_ids: (size,) indices of the batch's samples; by default they go on counting.
            labels: (size,) labels, kept beside the vectors.

        Raises:
            ValueError: If ``labels`` is not of shape (size,), or ``sample_ids`` holds a negative index.
        """
        self._automatic = False
        self._begin()
        self._batch_labels = labels
        if sample_ids is not None:
            ids = np.asarray(sample_ids, dtype=np.int64)
            if len(ids) and ids.min() < 0:
                raise ValueError(f"Expected `sample_ids` to be at least 0, got {ids.min()}.")
            self._admit(ids)
        elif size is not None and self.pooling != "rows":
            self._admit(np.arange(self._seen, self._seen + size))

    def end_batch(self) -> None:
        """Say that a batch is over: what the layers do until the next ``start_batch`` is not recorded."""
        self._automatic = False
        self._active = False
        self._forget_batch()

    def recording(self) -> Recording:
        """What was recorded so far, one row per slot; see ``Recording``.

        Returns:
            The recording. A layer that never ran, did not run in every batch, or gave something that is no vector per
            sample is not in it, but named in its ``problems``.
        """
        complete: dict[str, Tensor] = {}
        problems: dict[str, str] = {}
        ids = arrived(self._sample, (layer.vectors for layer in self._layers.values()))
        for name, layer in self._layers.items():
            problem = layer.problem or self._incomplete(layer, ids)
            if problem:
                problems[name] = problem
            elif layer.vectors.rows is not None:
                complete[name] = layer.vectors.rows
        labels = self._labels.rows if (self._labels.held == ids)[ids >= 0].all() else None
        positions = self.pooling if isinstance(self.pooling, Positions) else None
        return Recording(ids, complete, labels, problems, positions)

    def point_clouds(self) -> PointClouds:
        """The recorded clouds on the CPU, rows in the order of the sample indices.

        Returns:
            A ``PointClouds``; see ``recording`` for layers with problems.
        """
        return self.recording().to_point_clouds()

    def _incomplete(self, layer: _Layer, ids: NDArray[np.int64]) -> str | None:
        if layer.calls == 0:
            return (
                "its forward hook never fired. Either the layer is not used, or it is used without being called "
                "(a container, a weight used directly), or compiled code skipped the hook."
            )
        missing = int(((layer.vectors.held != ids) & (ids >= 0)).sum())
        return f"it did not run for {missing} of {int((ids >= 0).sum())} samples." if missing else None

    def _begin(self) -> None:
        self._forget_batch()
        self._batch += 1
        self._active = True

    def _forget_batch(self) -> None:
        self._ids: NDArray[np.int64] | None = None
        self._batch_labels = None
        self._rows = self._slots = np.empty(0, dtype=np.intp)

    def _admit(self, ids: NDArray[np.int64]) -> None:
        self._ids = ids
        self._seen += len(ids)
        self._rows, self._slots = self._sample.admit(ids)
        labels = self._batch_labels
        if self.pooling == "rows" and labels is not None and len(labels) != len(ids):
            labels = None  # they are of the inputs, not of their rows
        if labels is None:
            self._labels.clear(self._slots)
        else:
            self._keep_labels(labels, ids)

    def _keep_labels(self, labels: Tensor, ids: NDArray[np.int64]) -> None:
        if labels.shape != (len(ids),):
            raise ValueError(f"Expected `labels` to be of shape ({len(ids)},), got {tuple(labels.shape)}.")
        real = torch.float32 if labels.device.type == "mps" else torch.float64  # which has no float64
        kept = labels.detach().index_select(0, torch.from_numpy(self._rows).to(labels.device))
        dtype = real if labels.is_floating_point() else torch.int64
        self._labels.write(self._slots, ids[self._rows], kept.to(dtype))

    def _on_model_call(self, module: nn.Module, args: Any) -> None:
        if self._automatic:
            self._begin()

    def _on_output(self, name: str, module: nn.Module, args: Any, output: Any) -> None:
        layer = self._layers[name]
        if not self._active:
            return
        layer.calls += 1
        if layer.last_batch == self._batch:
            layer.repeated = True
            return
        layer.last_batch = self._batch
        if layer.problem is not None or (self._ids is not None and len(self._rows) == 0):
            return
        try:
            self._keep(layer, output)
        except Exception as error:  # a forward pass must never fail because it is watched
            layer.problem = f"{type(error).__name__}: {error}"
            layer.vectors.rows = None

    def _keep(self, layer: _Layer, output: Any) -> None:
        tensor = self._select(output)
        if not isinstance(tensor, Tensor):
            raise TypeError(f"Expected `select` to give a tensor, got {type(tensor).__name__}.")
        if tensor.is_meta:
            raise TypeError("Expected an activation with data, got a tensor on the device 'meta'.")
        axis = self._samples_axis(layer, tensor)
        if self._ids is None or len(self._rows) == 0:
            return
        ids = self._ids[self._rows]
        channels = self._channels or channel_axis(layer.module, tensor.dim())
        vectors = rows_to_vectors(tensor, self._rows, self.pooling, channels, ids, self.seed, samples_axis=axis)
        if layer.vectors.rows is not None:
            check_lengths(layer.vectors.rows, vectors)
        elif len(self._sample.ids) * vectors.shape[1] > _MOST_VALUES:
            raise ValueError(
                f"Expected at most {_MOST_VALUES} values to keep, got {len(self._sample.ids)} vectors of "
                f"{vectors.shape[1]}. Lower `n_samples`, or choose `pooling='mean'`, 'max_norm' or 'token'."
            )
        layer.vectors.write(self._slots, ids, vectors)

    def _samples_axis(self, layer: _Layer, tensor: Tensor) -> int:
        shape = padded_shape(tensor)
        if not shape:
            raise ValueError("Expected one row per sample, got a single number.")
        axes = (1, 0) if len(shape) > 2 and not tensor.is_nested and not batch_first(layer.module) else (0,)
        if self._ids is None:
            if shape[axes[0]] > _MOST_ROWS:
                raise ValueError(f"Expected at most {_MOST_ROWS} rows in a batch, got an output of shape {shape}.")
            self._admit(np.arange(self._seen, self._seen + shape[axes[0]]))
        count = 0 if self._ids is None else len(self._ids)
        fitting = [axis for axis in axes if shape[axis] == count]
        if not fitting:
            raise ValueError(
                f"Expected one row for each of the batch's {count} samples, got an output of shape {shape}. "
                "Pass `select=` to bring it into that form, or `pooling='rows'` where every row is a sample of its own."
            )
        # With as many positions as samples the shape does not tell; then an earlier batch does.
        if len(fitting) == 1 or layer.samples_axis is None:
            layer.samples_axis = fitting[0]
        return layer.samples_axis
