"""Recording the chosen samples of one validation: what a monitor and a comparison of checkpoints do alike."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from topocallback.activations.arguments import counts_of_nodes
from topocallback.activations.batches import count_samples
from topocallback.activations.edges import EdgeRecorder
from topocallback.activations.gather import agree_on_calls, any_text, common_layers, gather_recordings
from topocallback.activations.indices import BatchIndices
from topocallback.activations.inputs import InputRecorder
from topocallback.activations.labels import TextLabels, find_labels
from topocallback.activations.masks import MaskFinder
from topocallback.activations.options import ValidationOptions
from topocallback.activations.padding import may_be_padded
from topocallback.activations.parameters import parameter_digests
from topocallback.activations.positions import Positions
from topocallback.activations.recorder import ActivationRecorder
from topocallback.activations.recording import Recording
from topocallback.activations.tensors import signed
from topocallback.activations.weights import weights_of_layers
from topocallback.clock import Clock
from topocallback.records.wording import layers_in_words

__all__ = ["ValidationRecorder"]

Found = TypeVar("Found")

_SAMPLE_IDS = "sample_ids"
_MOST_LOOKS = 4  # batches in which values are read to see whether they are padded


class ValidationRecorder:
    """Records one validation: the layers' outputs, and if asked for the inputs, of the same samples.

    A context manager, as ``ActivationRecorder`` is. Around it the caller runs the validation and says where batches
    begin and end; outside of them, and in the batches of other data loaders, nothing is recorded.

    Args:
        module: The model.
        options: What to record.
        indices: The sample indices of the recorded data loader's batches.
        inputs: Keeps the sampled inputs; ``None`` keeps none.
        on_missing: What to do where a batch lacks the labels or the mask that the options name: a function of the
            error, after which the batch counts as one without them. ``None`` raises the error.
        needs: What is recorded besides: ``"weights"``, of the layers; ``"edges"``, of graphs whose nodes are points.

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
        on_missing: Callable[[ValueError], None] | None = None,
        needs: Collection[str] = (),
    ) -> None:
        self.inputs = inputs
        self._options = options
        self._indices = indices
        self._on_missing = on_missing
        self._find_mask = MaskFinder(options.mask)
        self._labels_from: str | None = None
        self._text: TextLabels | None = None
        self._own_ids = False
        self._problem_elsewhere: str | None = None
        self._looks_padded = False
        self._doubts: dict[str, None] = {}
        self._looks = _MOST_LOOKS
        self._fetches: tuple[Callable[[], int], Callable[[], None]] | None = None
        self._n_fetched = 0
        self._fetches_otherwise = False
        self._activations = ActivationRecorder(
            module,
            options.layers,
            pooling=options.pooling,
            n_samples=options.n_samples,
            length=indices.length,
            seed=options.seed,
            select=options.select,
            channels=options.channels,
            calls=options.calls,
            automatic_batches=False,
        )
        self._module = module
        self._needs_weights = "weights" in needs
        self._edges: EdgeRecorder | None = None
        if "edges" in needs and options.pooling == "rows":
            self._edges = EdgeRecorder()
            self._activations.after_admission = self._edges.add

    def __enter__(self) -> ValidationRecorder:
        self.attach()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.detach()

    def attach(self) -> None:
        """Watch the model's calls. Doing so twice changes nothing."""
        self._activations.attach()

    def detach(self) -> None:
        """Watch them no longer. Doing so twice changes nothing."""
        self._activations.detach()

    @property
    def clock(self) -> Clock:
        """What its hooks have taken."""
        return self._activations.clock

    def start_batch(self, batch: Any, dataloader_idx: int, others: Sequence[Tensor] = ()) -> None:
        """Say that a batch begins.

        Args:
            batch: What the data loader gave.
            dataloader_idx: Which data loader: a batch of another than the recorded one changes nothing.
            others: Tensors that other data loaders gave at the same time.

        Raises:
            ValueError: If the batch lacks the labels or the mask that it should have, and nothing else is to be done
                about it.
        """
        # A loader may begin again before a longer one beside it has ended.
        if dataloader_idx != self._options.dataloader_idx or self._indices.has_ended:
            return
        try:
            size, doubt = count_samples(batch, self._indices.expected)
        except Exception:
            self._indices.skip()  # or the next batch would be taken for this one
            raise
        if doubt is not None:
            self._doubts[doubt] = None
        ids = self._ids_of(batch, size)
        if ids is None and size is not None and self._options.pooling != "rows":
            return  # nothing tells which samples these are; the indices count them
        mask = self._read(lambda: self._find_mask(batch, size))
        labels = self._labels(batch, size)
        if mask is None and self._options.mask == "auto" and self._looks:
            self._looks -= 1  # it reads values
            self._looks_padded |= may_be_padded(batch, size)
        self._activations.start_batch(size, sample_ids=ids, labels=labels, mask=mask, batch=batch, others=others)
        if self.inputs is not None:
            self.inputs.add(batch, ids)

    def expect_batch(self, count: Callable[[], int], start: Callable[[], None]) -> None:
        """Say that a step begins which fetches its batch for itself.

        Args:
            count: How many batches it has fetched so far.
            start: Says that the last one of them begins, by ``start_batch``.
        """
        self._fetches, self._n_fetched = (count, start), 0
        self._activations.before_call = self._look_at_fetched

    def end_batch(self) -> None:
        """Say that a batch is over: what the layers do until the next ``start_batch`` is not recorded."""
        self._look_at_fetched()
        self._fetches = self._activations.before_call = None
        self._activations.end_batch()

    def let_go(self) -> None:
        """Let go of all vectors; see ``ActivationRecorder.let_go``."""
        self._activations.let_go()

    def recording(self, device: torch.device | None = None) -> Recording:
        """What was recorded of the layers so far; see ``ActivationRecorder.recording``.

        Args:
            device: Where several processes exchange tensors: then every process must call this. ``None`` if this one is
                alone.

        Returns:
            The recording; of several processes, the first one's is of all of them.
        """
        calls = self._activations.calls_per_batch
        if device is None:
            return self._own_recording(calls)
        layers, lacking = common_layers(self._activations.layers, device)
        calls = {layer: calls[layer] for layer in layers}
        if self._options.calls in ("each", "together"):
            calls = agree_on_calls(calls, device)
        self._problem_elsewhere = any_text(self._unidentified(), device)
        names = tuple(self._activations.modules(calls))
        try:
            own = self._own_recording(calls)
        except Exception as error:  # the other processes go on to exchange what they have
            own = Recording(
                np.zeros(1, dtype=np.int64), {}, problems=dict.fromkeys(names, f"{type(error).__name__}: {error}")
            )
        gathered = gather_recordings(own, names, self._options.seed, device)
        gathered.problems.update(lacking)
        gathered.together = self._activations.calls_together(calls)
        return gathered

    def _own_recording(self, calls: Mapping[str, int]) -> Recording:
        """What this process recorded."""
        own = self._activations.recording(calls)
        own.text = self._text
        own.about = self.about()
        own.parameters = parameter_digests(self._activations.modules(calls))
        own.edges = None if self._edges is None else self._edges.among(own.ids)
        if self._needs_weights:
            own.weights, unread = weights_of_layers(self._module, self._activations.modules(calls))
            for reason in unread.values():
                layers = layers_in_words([name for name, why in unread.items() if why == reason])
                self._doubts[f"the weights of {layers} were left out, because {reason}."] = None
        return own

    def about(self) -> dict[str, Any]:
        """How it was recorded, as JSON can hold it: the options, what they came to, and what a row is."""
        return {
            **ValidationOptions.describe(self._options),  # how a comparison runs a model is no part of it
            "labels": self._labels_from,
            "mask": self._find_mask.place,
            "points": self._points(),
            "samples": self._unidentified() or "indices into the data set",
            "pooled": self._activations.pooled,
        }

    def notes(self) -> list[str]:
        """What a user should know of how it was recorded: one sentence per cause."""
        notes = [*self._doubts, *self._activations.notes()]
        if self._indices.is_defect and self._unidentified():
            consequence = "samples are numbered in the order in which they come, and nothing leads back to the items"
            if self._indices.shuffled:
                consequence = (
                    "every snapshot sees other samples, drift shows the samples changing as well as the network, and "
                    "the inputs are not shown"
                )
            notes.append(
                "it is not known which items of the data set the validation's samples are, because "
                f"{self._unidentified()}: {consequence}. Give the data loader `shuffle=False`, `in_order=True`, and a "
                "sampler and a collate function that draw nothing at random and leave nothing out; or put the items' "
                "indices into the batch, under `sample_ids`."
            )
        if self._indices.left_out:
            notes.append(
                "batches were left out, because they have more samples or fewer than the data loader's sampler put "
                "into them, so that it is not known which items they are. Put the items' indices into the batch, under "
                "`sample_ids`."
            )
        if self._edges is not None and self._edges.problem is not None:
            notes.append(self._edges.problem)
        if self._activations.sees_graphs and self._activations.samples_seen == 1:
            notes.append(
                "the validation data are one graph, and a graph is one point. `pooling='rows'` makes a point of every "
                "node."
            )
        counting = self._activations.counting_positions()
        if self._looks_padded and self._find_mask.place is None and counting:
            notes.append(
                f"sequences look padded, and padding counts in the clouds of {layers_in_words(counting)}. `mask=` says "
                "where a batch has its mask or the sequences' lengths; `mask=None` says that nothing is padded."
            )
        return notes

    def summary(self) -> str:
        """What was chosen, in a line."""
        pooled = Counter(self._activations.pooled.values())
        counts = (f"{how} ({count} layer{'s' if count > 1 else ''})" for how, count in pooled.most_common(3))
        pooling = ", ".join(counts) or "nothing"
        samples = self._unidentified() or "indices into the data set"
        # Nodes of graphs are always counted for each graph by itself.
        is_told = any("masked" in how for how in pooled) and not self._activations.sees_graphs
        mask = self._find_mask.place or ("as layers are told" if is_told else None)
        found = f"labels = {self._labels_from}; mask = {mask}"
        return f"{found}; points = {self._points()}; pooling = {pooling}; samples = {samples}"

    def _look_at_fetched(self) -> None:
        """Before every call in a step that fetches, and at its end: one batch in each step is certain to be that one.

        Of several nothing tells which of them a call is given, nor whether the next step is given one of this step's.
        """
        if self._fetches is None:
            return
        count, start = self._fetches
        new = count() - self._n_fetched
        self._n_fetched += new
        if new and self._n_fetched == 1 and not self._fetches_otherwise:
            start()
        elif new:
            self._fetches_otherwise = True
            self._activations.start_batch(sample_ids=())
            for _ in range(new):
                self._indices.skip()
            self._doubts[
                "a validation step that fetches its batches itself did not fetch one batch for each step, so nothing "
                "tells which samples these were, and from there on nothing is recorded."
            ] = None

    def _points(self) -> str:
        """What a point of a cloud is."""
        if self._options.pooling == "rows":
            return "rows"
        samples = "graphs" if self._activations.sees_graphs else "samples"
        samples = f"calls of {samples}" if self._options.calls == "together" else samples
        return f"positions of {samples}" if isinstance(self._options.pooling, Positions) else samples

    def _unidentified(self) -> str | None:
        return self._problem_elsewhere or (None if self._own_ids else self._indices.unidentified)

    def _ids_of(self, batch: Any, size: int | None) -> NDArray[np.int64] | None:
        """The samples of a batch; ``None`` if nothing tells, or if rows are samples of their own."""
        own = batch.get(_SAMPLE_IDS) if isinstance(batch, Mapping) else getattr(batch, _SAMPLE_IDS, None)
        if size is None or self._options.pooling == "rows":
            self._indices.skip()
            return None
        own = signed(own) if isinstance(own, Tensor) else own
        if isinstance(own, Tensor) and own.shape == (size,) and not own.is_floating_point() and bool((own >= 0).all()):
            self._indices.skip()
            self._own_ids = True
            return own.detach().cpu().numpy().astype(np.int64)
        return self._indices.take(size)

    def _labels(self, batch: Any, size: int | None) -> Tensor | None:
        find = partial(find_labels, batch, self._options.labels, taken=self._find_mask.place, earlier=self._labels_from)
        found = None
        if self._options.pooling == "rows" and (counts := counts_of_nodes(batch, size)) is not None:
            with contextlib.suppress(ValueError):  # they may be of graphs, too
                found = find(int(counts.sum()))
        found = found or self._read(lambda: find(size))
        if found is None:
            return None
        self._labels_from = found.place
        if isinstance(found.values, Tensor):
            return found.values
        self._text = self._text or TextLabels()
        return self._text.encode(found.values)

    def _read(self, read: Callable[[], Found | None]) -> Found | None:
        """What a batch should have; without it there is still everything else."""
        try:
            return read()
        except ValueError as error:
            if self._on_missing is None:
                raise
            self._on_missing(error)
            return None
