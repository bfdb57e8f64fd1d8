"""What one hooked layer has given so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from topocallback.activations.channels import ChannelAxis, SampleAxes, channel_axis, sample_axes
from topocallback.activations.outputs import Arranged
from topocallback.activations.pooling import check_lengths
from topocallback.activations.room import Room
from topocallback.activations.slots import Slots
from topocallback.activations.tensors import padded_shape
from topocallback.records.wording import layers_in_words

__all__ = ["LayerRecord", "cloud_names", "holders_in", "layer_notes", "layer_records", "names_of_calls"]

# Of one layer: 4 GiB in single precision.
_MOST_VALUES = 1 << 30


@dataclass
class LayerRecord:
    """One hooked layer and what it has given so far.

    Attributes:
        module: The layer.
        around: The modules that hold it, from the inside to the outside.
        n_slots: How many samples are kept.
        room: The memory that it shares with other layers.
        slots: Its vectors, one table per call within a batch.
        calls: How often it ran inside of a batch.
        calls_outside: How often it ran while no batch was open, or in a call that is not of the batch's samples.
        call: The number of its next call within the current batch.
        most_calls: How often it ran in one batch, at most.
        problem: Why it cannot be recorded.
        samples_axis: Where its samples were.
        pooled: What was done with its positions, in words.
        unmasked: Its positions and those of the mask, where a mask did not fit.
        doubt: The shape of an output whose channels could be in another axis.
        counts_positions: Whether positions that may be padding are in its vectors.
        doubts_samples: Whether its samples could be in another axis.
    """

    module: nn.Module
    around: Sequence[nn.Module]
    n_slots: int
    room: Room = field(default_factory=Room)
    slots: list[Slots] = field(default_factory=list)
    calls: int = 0
    calls_outside: int = 0
    call: int = 0
    most_calls: int = 0
    problem: str | None = None
    samples_axis: int | None = None
    pooled: str | None = None
    unmasked: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    doubt: tuple[int, ...] | None = None
    counts_positions: bool = False
    doubts_samples: bool = False
    _channels: dict[int, ChannelAxis] = field(default_factory=dict)
    _samples: SampleAxes | None = None

    def next_call(self) -> int:
        """The number of this call within the batch."""
        number = self.call
        self.call += 1
        self.most_calls = max(self.most_calls, self.call)
        return number

    def fail(self, problem: str) -> None:
        """Say that it cannot be recorded, and let go of what there is."""
        self.problem = problem
        self.let_go()

    def let_go(self) -> None:
        """Let go of its vectors."""
        for table in self.slots:
            if table.rows is not None:
                self.room.give_back(table.rows.nbytes, table.rows.device)
            table.rows = None

    def sample_axes(self, output: Tensor, size: int | None, *, transposed: bool = False) -> tuple[int, ...]:
        """Where an output may have its samples, the likelier axis first.

        Args:
            output: The output.
            size: Number of samples in the batch, if it is known.
            transposed: Whether the model was given samples in the second axis.
        """
        shape = padded_shape(output)
        if len(shape) < 3 or output.is_nested:
            return (0,)
        if transposed:
            return (1, 0)
        if self._samples is None:
            self._samples = sample_axes(self.module, self.around)
        axes, is_certain = self._samples
        if not is_certain and size is None:
            return (0,)
        if not is_certain and self.samples_axis is None and shape[0] == shape[1] == size:
            self.doubts_samples = True
        return axes

    def axes_of(self, output: Arranged, channels: int | None) -> tuple[int, tuple[int, ...]]:
        """Where an output has its channels, 1 or -1, and the numbers of its positions.

        The axis is decided once, for positions may come in other numbers in the next batch.

        Args:
            output: The output.
            channels: What the user says: 1, -1, or ``None``.
        """
        shape = padded_shape(output.values)
        others = tuple(length for axis, length in enumerate(shape) if axis != output.samples_axis)
        shape = (shape[output.samples_axis], *others)
        axis = -1 if output.inside is not None else channels
        if axis is None:
            if len(shape) not in self._channels:
                self._channels[len(shape)] = channel_axis(self.module, shape, self.around)
                if not self._channels[len(shape)].is_certain:
                    self.doubt = shape
            axis = self._channels[len(shape)].axis
        return axis, shape[1:-1] if axis == -1 else shape[2:]

    def mask_of(self, output: Arranged, positions: tuple[int, ...], masks: Sequence[Tensor]) -> Tensor | None:
        """Which positions of an output count.

        Args:
            output: The output.
            positions: The numbers of its positions.
            masks: (samples, positions...) what the layer is told, and what the batch says. The first one that has these
                positions counts.
        """
        if output.inside is not None or output.values.is_nested or math.prod(positions) < 2:
            return output.inside
        fitting = (mask for mask in masks if _without_ones(mask.shape[1:]) == _without_ones(positions))
        if (mask := next(fitting, None)) is not None:
            return mask.reshape(len(mask), *positions)
        self.unmasked = (positions, tuple(masks[0].shape[1:])) if masks else self.unmasked
        self.counts_positions = True
        return None

    def write(self, call: int, slots: NDArray[np.intp], ids: NDArray[np.int64], vectors: Tensor) -> None:
        """Keep the vectors of some samples.

        Args:
            call: The number of the call within the batch.
            slots: (n,) which slots.
            ids: (n,) the samples.
            vectors: (n, d) their vectors.

        Raises:
            ValueError: If they are of another length than the earlier ones, or there are too many values.
            MemoryError: If there is no room for them beside those of other layers.
        """
        while len(self.slots) <= call:
            self.slots.append(Slots(self.n_slots))
        table = self.slots[call]
        if table.rows is not None:
            check_lengths(table.rows, vectors)
        elif self.n_slots * vectors.shape[1] > _MOST_VALUES:
            raise ValueError(
                f"Expected at most {_MOST_VALUES} values to keep, got {self.n_slots} vectors of "
                f"{vectors.shape[1]}. Lower `n_samples`, or choose `pooling='mean'`, 'max_norm' or 'token'."
            )
        if table.rows is not None:
            table.write(slots, ids, vectors)
            return
        n_bytes = self.n_slots * vectors.shape[1] * vectors.element_size()
        self.room.take(n_bytes, vectors.device)
        try:
            table.write(slots, ids, vectors)
        finally:
            if table.rows is None:
                self.room.give_back(n_bytes, vectors.device)

    def incomplete(self, call: int, ids: NDArray[np.int64], outside: str) -> str | None:
        """Why the vectors of a call are not all there, if they are not.

        Args:
            call: The number of the call within the batch.
            ids: (slots,) the samples that came, -1 where none has come.
            outside: What was the matter with the calls that are not of a batch's samples.
        """
        if self.calls == 0 and self.calls_outside:
            return (
                f"it ran {self.calls_outside} times, but {outside}. Recorded is what runs in the validation step; "
                "without a Trainer what runs in a call of the recorded module itself, or between `start_batch` and "
                "`end_batch`."
            )
        if self.calls == 0:
            return (
                "its forward hook never fired. Either the layer is not used, or it is used without being called "
                "(a container, a weight used directly), or compiled code skipped the hook."
            )
        held = self.slots[call].held if call < len(self.slots) else np.full(len(ids), -1)
        missing, there = int(((held != ids) & (ids >= 0)).sum()), int((ids >= 0).sum())
        return f"it did not run for {missing} of {there} samples." if missing else None


def cloud_names(counts: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """The clouds of layers: the layer's name, the cloud's own, and the number of the call within a batch.

    Args:
        counts: Layer name to how many clouds it gives.

    Example:
        >>> cloud_names({"stem": 1, "block": 2})
        [('stem', 'stem', 0), ('block', 'block@0', 0), ('block', 'block@1', 1)]
    """
    return [
        (name, name if count < 2 else f"{name}@{call}", call)
        for name, count in counts.items()
        for call in range(max(1, count))
    ]


def names_of_calls(counts: Mapping[str, int]) -> dict[str, list[str]]:
    """The layers that give several clouds, and what these are called.

    Args:
        counts: Layer name to how many clouds it gives.

    Example:
        >>> names_of_calls({"stem": 1, "block": 2})
        {'block': ['block@0', 'block@1']}
    """
    several = {name: count for name, count in counts.items() if count > 1}
    return {name: [cloud for of, cloud, _ in cloud_names(several) if of == name] for name in several}


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [length for length in shape if length != 1]


def layer_notes(layers: Mapping[str, LayerRecord], *, takes_first: bool) -> list[str]:
    """What a user should know of how layers were recorded: a sentence for each thing that is not certain.

    Args:
        layers: The layers by their names.
        takes_first: Whether the first output is taken of a layer that runs several times.
    """
    several = [name for name, layer in layers.items() if layer.most_calls > 1 and takes_first]
    doubtful = [name for name, layer in layers.items() if layer.doubt is not None]
    of_steps = [name for name, layer in layers.items() if layer.doubts_samples]
    unmasked = [name for name, layer in layers.items() if layer.unmasked is not None]
    notes = []
    if several:
        notes.append(
            f"{layers_in_words(several)} ran several times in one batch, and the first output is recorded. "
            "`calls='each'` makes a cloud of each, `calls='together'` one of all, `calls='last'` takes the last."
        )
    if doubtful:
        notes.append(
            f"{layers_in_words(doubtful)} may have channels in the second axis or in the last one: `channels=1` or "
            "`channels=-1` says which."
        )
    if of_steps:
        notes.append(
            f"{layers_in_words(of_steps)} may have samples in the first axis or in the second, which are of one "
            "length: another batch size tells them apart."
        )
    if unmasked:
        notes.append(
            f"padding may have entered the clouds of {layers_in_words(unmasked)}: the mask of the batch has other "
            "positions than their output. `select=` can take the part of it without padding."
        )
    return notes


def layer_records(root: nn.Module, layers: Mapping[str, nn.Module], n_slots: int) -> dict[str, LayerRecord]:
    """A record for each of some layers, which share the memory that there is.

    Args:
        root: The model.
        layers: The layers by their names.
        n_slots: How many samples are kept.

    Returns:
        The records by the same names.

    Example:
        >>> model = nn.Sequential(nn.ReLU())
        >>> list(layer_records(model, {"0": model[0]}, n_slots=5))
        ['0']
    """
    room, holders = Room(), holders_in(root)
    return {name: LayerRecord(layer, holders(layer), n_slots, room) for name, layer in layers.items()}


def holders_in(root: nn.Module) -> Callable[[nn.Module], list[nn.Module]]:
    """Which modules of a model hold one of its modules, from the inside to the outside: a function of that module.

    Example:
        >>> model = nn.Sequential(nn.Sequential(nn.ReLU()))
        >>> holders_in(model)(model[0][0]) == [model[0], model]
        True
    """
    parents = {id(child): module for module in root.modules() for child in module.children()}

    def holders(module: nn.Module) -> list[nn.Module]:
        found: list[nn.Module] = []
        while (parent := parents.get(id(module))) is not None and len(found) < len(parents):
            found.append(parent)
            module = parent
        return found

    return holders
