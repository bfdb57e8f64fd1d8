"""Bringing the recordings of several processes together on the first one."""

from __future__ import annotations

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from topocallback.activations.recorder import Recording
from topocallback.activations.sampling import sample_priorities

__all__ = ["gather_recordings"]

_UNLABELLED, _NO_LABELS, _INTEGER_LABELS, _REAL_LABELS = range(-1, 3)
_LABEL_TYPES = {_INTEGER_LABELS: torch.int64, _REAL_LABELS: torch.float64}


def gather_recordings(recording: Recording, layers: tuple[str, ...], seed: int, device: torch.device) -> Recording:
    """Merge what every process recorded: the bottom k of the parts' bottom k is the bottom k of the whole.

    Every process must call this with the same layers and number of slots. Only tensors of fixed size are exchanged, so
    a process that saw no sample, or fewer than others, takes part like any other. A layer that failed on one process
    is left out everywhere.

    Args:
        recording: What this process recorded.
        layers: All chosen layers, in the same order on every process.
        seed: The seed of the choice of samples.
        device: Where the process group exchanges tensors: the model's device for NCCL, the CPU for gloo.

    Returns:
        On the first process, the merged recording; on the others, their own recording without its tensors.
    """
    widths, problems, label_kind = _agree(recording, layers, device)
    slots = len(recording.ids)
    all_ids = _collect(torch.from_numpy(recording.ids), device)
    ids = recording.ids if all_ids is None else all_ids.cpu().numpy()
    chosen = torch.from_numpy(_smallest(ids, slots, seed)).to(device)

    def merge(own: Tensor) -> Tensor:
        parts = _collect(own, device)
        return own if parts is None else parts[chosen]

    vectors = {layer: merge(recording.vectors.get(layer, torch.zeros(slots, width))) for layer, width in widths.items()}
    labels = None
    if label_kind != _NO_LABELS:
        own = torch.zeros(slots) if recording.labels is None else recording.labels
        labels = merge(own.to(_LABEL_TYPES[label_kind]))
    if all_ids is None:
        return Recording(recording.ids, {}, None, problems)
    return Recording(ids[chosen.cpu().numpy()], vectors, labels, problems, recording.positions)


def _agree(
    recording: Recording, layers: tuple[str, ...], device: torch.device
) -> tuple[dict[str, int], dict[str, str], int]:
    """What all processes know after one exchange: the layers' widths, the problems, and the kind of the labels."""
    saw_samples = bool((recording.ids >= 0).any())
    # -1 marks a problem. A process without samples has an empty layer rather than a problem.
    widths = [recording.vectors[name].shape[1] if name in recording.vectors else 0 for name in layers]
    failed = [-1 if saw_samples and name in recording.problems else 0 for name in layers]
    kind = _UNLABELLED if saw_samples else _NO_LABELS
    if recording.labels is not None:
        kind = _REAL_LABELS if recording.labels.is_floating_point() else _INTEGER_LABELS
    own = torch.tensor([*(w or f for w, f in zip(widths, failed, strict=True)), kind], device=device)
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, own)
    table = torch.stack(parts).cpu().numpy()
    agreed: dict[str, int] = {}
    problems: dict[str, str] = {}
    for name, column in zip(layers, table[:, :-1].T, strict=True):
        found = set(column.tolist()) - {0}
        if len(found) == 1 and -1 not in found:
            agreed[name] = found.pop()
        else:
            own_fault = recording.problems.get(name) if column[dist.get_rank()] < 0 else None
            problems[name] = own_fault or f"processes disagree: {_describe(column)}."
    kinds = table[:, -1]
    return agreed, problems, int(_NO_LABELS if kinds.min() == _UNLABELLED else kinds.max())


def _describe(column: np.ndarray) -> str:
    words = {-1: "failed", 0: "no samples"}
    return ", ".join(f"process {rank}: {words.get(int(w), f'{w} values')}" for rank, w in enumerate(column))


def _collect(tensor: Tensor, device: torch.device) -> Tensor | None:
    """The rows of all processes, one process after the other, on the first process; ``None`` on the others."""
    own = tensor.to(device).contiguous()
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())] if dist.get_rank() == 0 else None
    dist.gather(own, parts, dst=0)
    return None if parts is None else torch.cat(parts)


def _smallest(ids: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Positions of the k different ids of smallest priority: a sample seen twice, as padding, counts once."""
    unique, first = np.unique(ids, return_index=True)
    first = first[unique >= 0]
    order = np.argsort(sample_priorities(ids[first], seed), kind="stable")[:k]
    return np.sort(first[order])
