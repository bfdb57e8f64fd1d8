"""Bringing the recordings of several processes together on the first one."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from topocallback.activations.labels import TextLabels
from topocallback.activations.recording import Recording
from topocallback.hashing import sample_priorities
from topocallback.records.edges import edges_among

__all__ = ["agree_on_calls", "any_text", "common_layers", "gather_numbers", "gather_recordings"]

_UNLABELLED, _NO_LABELS, _INTEGER_LABELS, _REAL_LABELS, _TEXT_LABELS = range(-1, 4)
_LABEL_TYPES = {_INTEGER_LABELS: torch.int64, _REAL_LABELS: torch.float64, _TEXT_LABELS: torch.int64}


def gather_numbers(own: Sequence[int], device: torch.device) -> list[list[int]]:
    """The numbers of every process, in the order of the processes.

    Every process must call this with as many numbers.

    Args:
        own: This process's.
        device: Where the process group exchanges tensors: the model's device for NCCL, the CPU for gloo.
    """
    mine = torch.tensor(own, dtype=torch.int64, device=device)
    parts = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, mine)
    return [[int(number) for number in part] for part in torch.stack(parts).cpu().tolist()]


def common_layers(own: Sequence[str], device: torch.device) -> tuple[tuple[str, ...], dict[str, str]]:
    """The layers that all processes have chosen, in the first process's order, and why others are left out.

    Every process must call this.

    Args:
        own: The layers that this process has chosen.
        device: Where the process group exchanges tensors.

    Returns:
        The common layers, and every other layer of any process with a sentence.
    """
    digests = gather_numbers([len(own), zlib.crc32("\n".join(own).encode())], device)
    if all(digest == digests[0] for digest in digests):  # all processes know that
        return tuple(own), {}
    chosen: list[Sequence[str]] = [()] * dist.get_world_size()
    dist.all_gather_object(chosen, tuple(own))
    common = tuple(name for name in chosen[0] if all(name in others for others in chosen))
    lacking: dict[str, str] = {}
    for name in dict.fromkeys(name for names in chosen for name in names if name not in common):
        ranks = ", ".join(str(rank) for rank, names in enumerate(chosen) if name not in names)
        lacking[name] = f"processes disagree: it is no layer of process {ranks}."
    return common, lacking


def gather_recordings(recording: Recording, layers: tuple[str, ...], seed: int, device: torch.device) -> Recording:
    """Merge what every process recorded: the bottom k of the parts' bottom k is the bottom k of the whole.

    Every process must call this with the same layers. Only tensors of one size are exchanged, so a process that saw no
    sample, or fewer than others, takes part like any other. A layer that failed on one process is left out everywhere.

    Args:
        recording: What this process recorded.
        layers: All chosen layers, in the same order on every process.
        seed: The seed of the choice of samples.
        device: Where the process group exchanges tensors: the model's device for NCCL, the CPU for gloo.

    Returns:
        On the first process, the merged recording; on the others, their own recording without its tensors.
    """
    widths, problems, label_kind, has_edges, slots = _agree(recording, layers, device)
    ids = _all_ids(recording.ids, slots, device)
    chosen = _smallest(ids, slots, seed)
    holder, slot = np.divmod(chosen, slots)
    mine = np.flatnonzero(holder == dist.get_rank())
    places, own_slots = torch.from_numpy(mine).to(device), torch.from_numpy(slot[mine]).to(device)

    def merge(name: str, own: Callable[[], Tensor]) -> Tensor | None:
        """The chosen rows, each from the process that holds it: no process needs room for more than these.

        What fails in one process, for want of memory most likely, fails in all of them before they exchange anything.
        """
        merged, problem = None, ""
        try:
            rows = own().to(device)
            merged = torch.zeros((len(chosen), *rows.shape[1:]), dtype=rows.dtype, device=device)
            merged[places] = rows[own_slots]
        except Exception as error:
            problem = f" ({type(error).__name__}: {error})"
        failed = [rank for rank, (ready,) in enumerate(gather_numbers([merged is not None], device)) if not ready]
        if merged is None or failed:
            problems[name] = f"it could not be brought together: process {failed[0]} failed{problem}."
            return None
        dist.reduce(merged, dst=0)
        return merged

    vectors: dict[str, Tensor] = {}
    for layer, width in widths.items():
        rows = merge(layer, lambda: recording.vectors.get(layer, torch.zeros(slots, width)))  # noqa: B023 - called at once
        if rows is not None:
            vectors[layer] = rows
    labels = None
    if label_kind != _NO_LABELS:
        kind = _LABEL_TYPES[label_kind]
        labels = merge(
            "labels", lambda: (torch.zeros(slots) if recording.labels is None else recording.labels).to(kind)
        )
    text = _all_text(recording.text) if label_kind == _TEXT_LABELS and labels is not None else None
    edges = _all_edges(recording.edges, mine, slot[mine], slots, device) if has_edges else None
    if dist.get_rank() != 0:
        return Recording(recording.ids, {}, None, problems)
    return dataclasses.replace(
        recording, ids=ids[chosen], vectors=vectors, labels=labels, problems=problems, text=text, edges=edges
    )


def agree_on_calls(calls: Mapping[str, int], device: torch.device) -> dict[str, int]:
    """How often each layer runs in a batch, on the process where it runs most often.

    Every process must call this with the same layers.

    Args:
        calls: What this process knows.
        device: Where the process group exchanges tensors.

    Returns:
        The largest number of every layer.
    """
    most = torch.tensor(list(calls.values()), device=device)
    dist.all_reduce(most, op=dist.ReduceOp.MAX)
    return dict(zip(calls, most.tolist(), strict=True))


def any_text(own: str | None, device: torch.device) -> str | None:
    """What the first of all processes says that says anything: this process's own text, or another's.

    Every process must call this.

    Args:
        own: What this process says.
        device: Where the process group exchanges tensors.
    """
    says = torch.tensor([own is not None], dtype=torch.int64, device=device)
    dist.all_reduce(says)
    if not int(says):  # all processes know that
        return None
    texts: list[str | None] = [None] * dist.get_world_size()
    dist.all_gather_object(texts, own)
    return next(text for text in texts if text is not None)


def _all_text(own: TextLabels | None) -> TextLabels:
    """What the labels of all processes stand for."""
    parts: list[dict[int, str]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(parts, {} if own is None else own.names)
    text = TextLabels()
    for part in parts:
        text.names.update(part)
    return text


def _agree(
    recording: Recording, layers: tuple[str, ...], device: torch.device
) -> tuple[dict[str, int], dict[str, str], int, bool, int]:
    """What all processes know after one exchange.

    The widths of layers, problems, the kind of the labels, whether there are edges anywhere, and the number of slots.
    Processes may have prepared for different numbers of samples: the largest counts.
    """
    saw_samples = bool((recording.ids >= 0).any())
    # -1 marks a problem. A process without samples has an empty layer rather than a problem.
    widths = [recording.vectors[name].shape[1] if name in recording.vectors else 0 for name in layers]
    failed = [-1 if saw_samples and name in recording.problems else 0 for name in layers]
    kind = _UNLABELLED if saw_samples else _NO_LABELS
    if recording.labels is not None:
        kind = _REAL_LABELS if recording.labels.is_floating_point() else _INTEGER_LABELS
        kind = kind if recording.text is None else _TEXT_LABELS
    own = torch.tensor(
        [
            *(w or f for w, f in zip(widths, failed, strict=True)),
            *(kind, recording.edges is not None, len(recording.ids)),
        ],
        device=device,
    )
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, own)
    table = torch.stack(parts).cpu().numpy()
    agreed: dict[str, int] = {}
    problems: dict[str, str] = {}
    for name, column in zip(layers, table[:, :-3].T, strict=True):
        found = set(column.tolist()) - {0}
        if len(found) == 1 and -1 not in found:
            agreed[name] = found.pop()
        else:
            own_fault = recording.problems.get(name) if column[dist.get_rank()] < 0 else None
            problems[name] = own_fault or f"processes disagree: {_describe(column)}."
    kinds, with_edges, slots = table[:, -3:].T
    kind = int(_NO_LABELS if kinds.min() == _UNLABELLED else kinds.max())
    return agreed, problems, kind, bool(with_edges.any()), int(slots.max())


def _all_edges(
    own: NDArray[np.int64] | None,
    places: NDArray[np.intp],
    own_slots: NDArray[np.intp],
    slots: int,
    device: torch.device,
) -> NDArray[np.int64]:
    """(m, 2) the edges of all processes: both ends of an edge are nodes of one process, which holds both.

    Args:
        own: (m, 2) those of this process, as slots; ``None`` where it has seen none.
        places: (n,) which of the merged rows this process holds.
        own_slots: (n,) in which slots it holds them.
        slots: How many slots there are.
        device: Where the process group exchanges tensors.
    """
    there = np.empty((0, 2), dtype=np.int64) if own is None else own
    merged = torch.from_numpy(places[edges_among(there, own_slots, slots)])
    counts = [count for (count,) in gather_numbers([len(merged)], device)]
    padded = torch.zeros((max(counts), 2), dtype=torch.int64)
    padded[: len(merged)] = merged
    parts = [torch.empty_like(padded, device=device) for _ in counts]
    dist.all_gather(parts, padded.to(device))
    return np.concatenate([part[:count].cpu().numpy() for part, count in zip(parts, counts, strict=True)])


def _describe(column: np.ndarray) -> str:
    words = {-1: "failed", 0: "no samples"}
    return ", ".join(f"process {rank}: {words.get(int(w), f'{w} values')}" for rank, w in enumerate(column))


def _all_ids(ids: np.ndarray, slots: int, device: torch.device) -> np.ndarray:
    """(processes * slots,) the sample in every slot of every process, -1 for none."""
    own = torch.from_numpy(np.pad(ids, (0, slots - len(ids)), constant_values=-1)).to(device)
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, own)
    return np.asarray(torch.cat(parts).cpu().numpy())


def _smallest(ids: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Positions of the k different ids of smallest priority: a sample seen twice, as padding, counts once."""
    unique, first = np.unique(ids, return_index=True)
    first = first[unique >= 0]
    order = np.argsort(sample_priorities(ids[first], seed), kind="stable")[:k]
    return np.sort(first[order])
