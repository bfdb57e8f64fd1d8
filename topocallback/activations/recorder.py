"""Recording layers' outputs with forward hooks: only the sampled rows, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.hooks import RemovableHandle

from topocallback.activations.arguments import arguments_by_name, says_its_size, told_of_padding
from topocallback.activations.batches import count_samples
from topocallback.activations.channels import batch_first
from topocallback.activations.compiled import EagerStance, is_compiled
from topocallback.activations.current_batch import Arrangements, CurrentBatch
from topocallback.activations.hooks import CallHooks, Hook
from topocallback.activations.labels import take_labels
from topocallback.activations.layer_output import LayerOutput, VectorMaker
from topocallback.activations.layer_record import LayerRecord, cloud_names, layer_notes, layer_records, names_of_calls
from topocallback.activations.layers import LayerSpec, choose_layers
from topocallback.activations.masks import MaskFinder, told_size
from topocallback.activations.options import check_recorded
from topocallback.activations.outputs import arrange
from topocallback.activations.pooling import Pooling, check_pooling
from topocallback.activations.positions import Positions
from topocallback.activations.recording import Recording
from topocallback.activations.samples import start_sample
from topocallback.activations.slots import Slots, arrived
from topocallback.activations.tensors import check_is_plain, first_tensor, padded_shape
from topocallback.clock import Clock
from topocallback.records.point_clouds import PointClouds

__all__ = ["ActivationRecorder"]

# Of a batch whose size is told by nothing but a layer's output.
_MOST_ROWS = 1 << 24


class ActivationRecorder:
    """Records one vector per sampled input from chosen layers, with nothing but PyTorch.

    A context manager: nothing is watched outside of ``with``, and hooks are on the layers during calls of the model
    only. A hook touches only the rows that are kept. Memory is ``n_samples`` vectors per layer, on the layer's device.

    Samples are numbered in the order in which they come. Each call of ``module`` is one batch, until ``start_batch`` or
    ``end_batch`` is called: from then on, these say where batches begin and end. Parts of the model that are called
    alone, as in ``net.encoder(x)``, need these. What the model is called with says how many samples a batch has, packed
    sequences and batched graphs among it; steps and nodes are a sample's positions.

    Args:
        module: The model.
        layers: Which layers; see ``choose_layers``.
        pooling: How positions become one vector, or ``Positions`` for points of their own; see ``to_vectors``.
        n_samples: How many samples to keep, at least 1.
        length: Number of samples in the data set, if known: then rows that will not be kept are never touched.
        seed: Seed of the choice of samples.
        select: Takes the tensor out of a layer's output; by default the first tensor in it.
        channels: Where channels are in outputs with three and more axes: 1, -1, or ``None`` to tell from what the
            layer is made of (see ``channel_axis``).
        calls: Which output of a layer that runs several times in a batch: the ``"first"``, the ``"last"``, or
            ``"each"`` as a cloud of its own, ``layer@0``, ``layer@1`` and so on; ``"together"`` makes one cloud of all
            calls, several points of each sample. Several views of the samples in one call count as calls.
        automatic_batches: Whether each call of ``module`` is a batch until ``start_batch`` or ``end_batch`` is called.

    Attributes:
        samples_seen: How many samples there were in all batches so far.
        sees_graphs: Whether samples are graphs.

    Raises:
        ValueError: If ``layers`` matches nothing, ``pooling`` or ``calls`` is unknown, ``channels`` is neither 1 nor
            -1, or ``n_samples`` is under 1.

    Example:
        >>> import torch
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
        calls: str = "first",
        automatic_batches: bool = True,
    ) -> None:
        check_pooling(pooling)
        check_recorded(calls, channels, select)
        if n_samples < 1:
            raise ValueError(f"Expected `n_samples` to be at least 1, got {n_samples}.")
        self.module = module
        self.pooling = pooling
        self.seed = seed
        self.before_call: Callable[[], None] | None = None
        self.after_admission: Callable[[Any, NDArray[np.intp], NDArray[np.int64]], None] | None = None
        self.sees_graphs = False
        # Rows are samples of their own: how many there will be is not the length of the data set.
        self._sample = start_sample(n_samples, None if pooling == "rows" else length, seed)
        slots = len(self._sample.ids)
        chosen = choose_layers(module, layers)
        told = told_of_padding(module, chosen.values())
        self._is_told = bool(told)
        self._layers = layer_records(module, chosen, slots)
        self._labels = Slots(slots)
        self._select = select or first_tensor
        self._make_vectors = VectorMaker(pooling, channels, seed)
        self._calls = calls
        self._keeps_all = calls in ("each", "together")
        self._is_compiled = is_compiled(module)
        self._hooks = CallHooks(
            module, chosen, self._on_call, self._on_output, self._on_input, told,
            by_module=automatic_batches or self._is_compiled,
        )  # fmt: skip
        self._root_hook: RemovableHandle | None = None
        self._eager = self._of_samples = False
        self._batch: CurrentBatch | None = None
        self._automatic = automatic_batches
        self._samples_first = all(map(batch_first, module.modules()))
        self._find_mask = MaskFinder("auto")
        self._arrangements = Arrangements()
        self._outside = "apart from a batch"
        self.samples_seen = 0
        self._doubts: dict[str, None] = {}

    @property
    def layers(self) -> tuple[str, ...]:
        """Canonical names of the chosen layers, in the model's order."""
        return tuple(self._layers)

    @property
    def calls(self) -> dict[str, int]:
        """How often each chosen layer ran inside of a batch."""
        return {name: layer.calls for name, layer in self._layers.items()}

    @property
    def calls_per_batch(self) -> dict[str, int]:
        """How often each chosen layer ran in one batch, at most."""
        return {name: layer.most_calls for name, layer in self._layers.items()}

    @property
    def pooled(self) -> dict[str, str]:
        """What was done with each layer's positions, in words."""
        return {name: layer.pooled for name, layer in self._layers.items() if layer.pooled is not None}

    def __enter__(self) -> ActivationRecorder:
        self.attach()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.detach()

    def attach(self) -> None:
        """Watch the model's calls. Doing so twice changes nothing."""
        if self._hooks.attached:
            return
        if self._is_compiled:
            self._eager = True
            EagerStance.enter()
        self._hooks.attach()
        if self._automatic:
            # It sees named arguments, which the hook on all modules does not.
            self._root_hook = self.module.register_forward_pre_hook(Hook(self._on_model_call), with_kwargs=True)

    def detach(self) -> None:
        """Watch them no longer. Doing so twice changes nothing."""
        self._hooks.detach()
        if self._root_hook is not None:
            self._root_hook.remove()
        self._root_hook = None
        if self._eager:
            self._eager = False
            EagerStance.leave()
        self._settle()
        self._batch = None

    @property
    def clock(self) -> Clock:
        """What its hooks have taken."""
        return self._hooks.clock

    def start_batch(
        self,
        size: int | None = None,
        *,
        sample_ids: Sequence[int] | NDArray[np.int64] | None = None,
        labels: Tensor | None = None,
        mask: Tensor | None = None,
        batch: Any = None,
        others: Sequence[Tensor] = (),
    ) -> None:
        """Say that a batch begins; from then on only batches that are started in this way are recorded.

        Args:
            size: Number of samples in the batch; by default the length of the first recorded output.
            sample_ids: (size,) indices of the batch's samples; by default they go on counting.
            labels: (size,) labels, kept beside the vectors.
            mask: (size, positions...) which positions of the samples are no padding.
            batch: What the data loader gave: it tells packed sequences, graphs and several views of a sample apart.
            others: Tensors of other data loaders in the same batch: what the model is given of them is not recorded.

        Raises:
            ValueError: If ``labels`` is not of shape (size,), or ``sample_ids`` holds a negative index.
        """
        self._automatic = False
        started = self._begin(batch, mask, others, labels)
        if sample_ids is not None:
            ids = np.asarray(sample_ids, dtype=np.int64)
            if len(ids) and ids.min() < 0:
                raise ValueError(f"Expected `sample_ids` to be at least 0, got {ids.min()}.")
            self._admit(started, ids)
        elif size is not None and self.pooling != "rows":
            self._admit(started, np.arange(self.samples_seen, self.samples_seen + size))

    def end_batch(self) -> None:
        """Say that a batch is over: what the layers do until the next ``start_batch`` is not recorded."""
        self._automatic = False
        self._settle()
        self._batch = None
        self._hooks.end_call()

    def recording(self, calls: Mapping[str, int] | None = None) -> Recording:
        """What was recorded so far, one row per slot; see ``Recording``.

        Args:
            calls: How often each layer runs in a batch, where all calls are kept: other processes may know of more.

        Returns:
            The recording. A layer that did not run in every batch, or gave something that is no vector per sample, is
            not in it, but named in its ``problems``.
        """
        self._settle()
        complete: dict[str, Tensor] = {}
        problems: dict[str, str] = {}
        ids = arrived(self._sample, (table for layer in self._layers.values() for table in layer.slots))
        for name, of_call, call in cloud_names(self._counts(calls or self.calls_per_batch, self._layers)):
            layer = self._layers[name]
            problem = layer.problem or layer.incomplete(call, ids, self._outside)
            if problem:
                problems[of_call] = problem
            elif call < len(layer.slots) and (rows := layer.slots[call].rows) is not None:
                complete[of_call] = rows
        labels = self._labels.rows if (self._labels.held == ids)[ids >= 0].all() else None
        positions = self.pooling if isinstance(self.pooling, Positions) else None
        return Recording(ids, complete, labels, problems, positions, together=self.calls_together(calls))

    def let_go(self) -> None:
        """Let go of all vectors: what was recorded is elsewhere, or not wanted.

        A recorder and its hooks hold on to each other, so that it would keep them until Python looks for circles.
        """
        for layer in self._layers.values():
            layer.let_go()

    def calls_together(self, calls: Mapping[str, int] | None = None) -> dict[str, list[str]]:
        """The layers whose calls are points of one cloud, and the names of these calls; see ``recording``."""
        return names_of_calls(calls or self.calls_per_batch) if self._calls == "together" else {}

    def modules(self, calls: Mapping[str, int]) -> dict[str, nn.Module]:
        """Some layers under the names of their clouds, in their order; see ``recording``."""
        return {cloud: self._layers[name].module for name, cloud, _ in cloud_names(self._counts(calls, calls))}

    def point_clouds(self) -> PointClouds:
        """The recorded clouds on the CPU, rows in the order of the sample indices.

        See ``recording`` for layers with problems.
        """
        return self.recording().to_point_clouds()

    def notes(self) -> list[str]:
        """What is not certain of how layers were recorded: a sentence for each thing."""
        return [*self._doubts, *layer_notes(self._layers, takes_first=self._calls == "first")]

    def counting_positions(self) -> list[str]:
        """The layers whose vectors are made of several positions, none of them masked."""
        return [name for name, layer in self._layers.items() if layer.counts_positions]

    def _counts(self, calls: Mapping[str, int], layers: Iterable[str]) -> dict[str, int]:
        return {name: calls.get(name, 1) if self._keeps_all else 1 for name in layers}

    # -- Batches ----------------------------------------------------------------------------------------------------

    def _begin(
        self, content: Any, mask: Tensor | None = None, others: Sequence[Tensor] = (), labels: Tensor | None = None
    ) -> CurrentBatch:
        self._settle()
        self._of_samples = False
        self._batch = CurrentBatch(content, mask, others, labels, self._arrangements)
        for layer in self._layers.values():
            layer.call = 0
        return self._batch

    def _begin_automatically(self, arguments: Mapping[str, Any]) -> None:
        """A batch of what the model is called with."""
        size, doubt = count_samples(arguments, told_size(arguments))
        # Of time-major inputs the first axis is not that of the samples: then the first output tells.
        is_told = size is not None and self.pooling != "rows" and (self._samples_first or says_its_size(arguments))
        batch = self._begin(arguments, self._find_mask(arguments, size) if is_told else None)
        if is_told:
            if doubt is not None:
                self._doubts[doubt] = None
            self._admit(batch, np.arange(self.samples_seen, self.samples_seen + (size or 0)))
        self._of_samples = True

    def _admit(self, batch: CurrentBatch, ids: NDArray[np.int64]) -> None:
        self.samples_seen += len(ids)
        batch.admit(self._sample, ids, rows_are_samples=self.pooling == "rows")
        self.sees_graphs |= batch.rows.node_counts is not None
        if self.after_admission is not None:
            self.after_admission(batch.content, batch.kept, ids)
        labels = batch.labels
        if labels is None or (self.pooling == "rows" and len(labels) != len(ids)):  # of the inputs, not of their rows
            self._labels.clear(batch.slots)
            return
        if labels.shape != (len(ids),):
            raise ValueError(f"Expected `labels` to be of shape ({len(ids)},), got {tuple(labels.shape)}.")
        self._labels.write(batch.slots, ids[batch.kept], take_labels(labels, batch.kept))

    # -- Calls ------------------------------------------------------------------------------------------------------

    def _on_model_call(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._automatic:
            return
        try:
            self._begin_automatically(arguments_by_name(module, args, kwargs))
        except Exception as error:  # a forward pass must never fail because it is watched
            self._batch = None
            self._doubts[f"a call was left out, because {type(error).__name__}: {error}."] = None

    def _on_call(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self._of_samples = False
        try:
            if self.before_call is not None:
                self.before_call()
            if self._automatic:
                self._batch = None  # unless the module's own hook, which comes after this one, begins one
            if self._batch is None:
                self._outside = "apart from a batch"
            elif not self._batch.owns(args):
                self._outside = "on samples of another data loader, or on what is no part of the batch"
            else:
                self._of_samples = True
                self._batch.look_at_call(module, args)
        except Exception as error:
            self._of_samples = False
            self._outside = f"on what could not be read ({type(error).__name__}: {error})"

    def _on_input(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._batch is not None and self._of_samples:
            self._batch.look_at_input(module, args, kwargs)

    # -- Outputs ----------------------------------------------------------------------------------------------------

    def _on_output(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        layer, batch = self._layers[name], self._batch
        if batch is None or not self._of_samples:
            layer.calls_outside += 1
            return
        layer.calls += 1
        if layer.problem is not None or batch.is_empty:
            layer.next_call()
            return
        try:
            batch.look_at_layer(module, args, kwargs)
            self._keep(layer, batch, output)
        except Exception as error:  # a forward pass must never fail because it is watched
            layer.fail(f"{type(error).__name__}: {error}")

    def _keep(self, layer: LayerRecord, batch: CurrentBatch, output: Any) -> None:
        selected = self._select(output)
        if not isinstance(selected, PackedSequence):
            check_is_plain(selected)
        axes = self._samples_axes(layer, batch, selected)
        if batch.is_empty:
            layer.next_call()
            return
        assert batch.ids is not None
        for arranged in arrange(selected, batch.rows, axes, layer.samples_axis):
            call = layer.next_call()
            layer.samples_axis = arranged.samples_axis
            if call == 0 or self._calls != "first":
                kept = batch.kept, batch.slots, batch.ids[batch.kept]
                self._write(LayerOutput(layer, call if self._keeps_all else 0, arranged, *kept), batch)

    def _samples_axes(
        self, layer: LayerRecord, batch: CurrentBatch, output: Tensor | PackedSequence
    ) -> tuple[int, ...]:
        """Where samples may be; without anything that tells how many there are, as many as there are rows."""
        if isinstance(output, PackedSequence):
            return (0,)
        shape = padded_shape(output)
        size = None if batch.ids is None else batch.rows.size
        axes = layer.sample_axes(output, size, transposed=batch.rows.transposed)
        if batch.ids is None and shape:
            if shape[axes[0]] > _MOST_ROWS:
                raise ValueError(f"Expected at most {_MOST_ROWS} rows in a batch, got an output of shape {shape}.")
            self._admit(batch, np.arange(self.samples_seen, self.samples_seen + shape[axes[0]]))
        return axes

    def _write(self, output: LayerOutput, batch: CurrentBatch) -> None:
        """Make vectors of an output, at the end of the batch if it may still be told what in it is padding."""
        batch.waiting.drop(output)
        if self._is_told and not batch.masks and output.may_be_padded and self.pooling != "rows":
            batch.waiting.add(output)
        else:
            self._make_vectors(output, batch.masks)

    def _settle(self) -> None:
        if self._batch is not None:
            self._batch.waiting.settle(self._batch.rows.inside, self._make_vectors)
