"""Batched graphs: which nodes are whose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["node_counts", "nodes_by_graph"]


def node_counts(batch: Any) -> Tensor | None:
    """How many nodes each graph of a batch has.

    Known by what they offer, so that neither library is needed: PyTorch Geometric's ``Batch`` (``ptr``) and ``Data``,
    DGL's batched graphs (``batch_num_nodes``), and mappings whose ``"batch"`` says of which graph every row of ``"x"``,
    or of the first part of that length, is.

    Args:
        batch: Anything.

    Returns:
        (graphs,) int64, or ``None`` if it is no batch of graphs.

    Example:
        >>> node_counts({"x": torch.zeros(5, 2), "batch": torch.tensor([0, 0, 1, 1, 1])})
        tensor([2, 3])
    """
    if isinstance(batch, Mapping):
        return _from_vector(batch)
    if isinstance(batch, (Tensor, tuple, list, str)):
        return None
    if isinstance(getattr(batch, "node_types", None), list):
        return _of_several_kinds(batch)
    ends = getattr(batch, "ptr", None)
    if isinstance(ends, Tensor) and ends.ndim == 1 and hasattr(batch, "num_graphs"):
        return ends.diff()
    if callable(getattr(batch, "batch_num_nodes", None)):
        counts = batch.batch_num_nodes()
        return counts if isinstance(counts, Tensor) else None
    of_nodes = getattr(batch, "batch", None)  # without a `ptr` where somebody made it by hand
    if isinstance(of_nodes, Tensor) and isinstance(getattr(batch, "x", None), Tensor):
        return _from_vector({"x": batch.x, "batch": of_nodes, "edge_index": True})
    if isinstance(getattr(batch, "edge_index", None), Tensor) and isinstance(getattr(batch, "num_nodes", None), int):
        return torch.tensor([batch.num_nodes])  # a graph that was not batched
    return None


def _from_vector(batch: Mapping[Any, Any]) -> Tensor | None:
    graphs = batch.get("batch")
    if not isinstance(graphs, Tensor) or graphs.dtype != torch.int64 or graphs.ndim != 1 or not len(graphs):
        return None
    nodes = [batch.get("x"), *(part for part in batch.values() if part is not graphs)]
    if not any(isinstance(part, Tensor) and part.ndim > 1 and len(part) == len(graphs) for part in nodes):
        return None
    if int(graphs[0]) or not bool((graphs.diff() >= 0).all()):
        return None
    counts = torch.bincount(graphs)
    # All zeros are one graph where there are edges, and otherwise may say of samples that they are of one batch.
    return counts if len(counts) > 1 or "edge_index" in batch else None


def _of_several_kinds(batch: Any) -> Tensor | None:
    """Of a batch with several kinds of nodes, whose graphs have so many of each kind: the first kind's."""
    ends = [getattr(batch[kind], "ptr", None) for kind in batch.node_types]
    return next((end.diff() for end in ends if isinstance(end, Tensor)), None)


def nodes_by_graph(nodes: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """The nodes of every graph as positions of one sample.

    Args:
        nodes: (nodes, ...) one row per node, graph after graph.
        counts: (graphs,) how many nodes each graph has.

    Returns:
        (graphs, most nodes, ...) values, zeros behind a graph's last node, and (graphs, most nodes) which are nodes.

    Example:
        >>> values, inside = nodes_by_graph(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1, 2]))
        >>> values[..., 0].tolist(), inside.tolist()
        ([[1.0, 0.0], [2.0, 3.0]], [[True, False], [True, True]])
    """
    counts = counts.to(nodes.device)
    inside = torch.arange(int(counts.max()), device=nodes.device) < counts[:, None]
    values = nodes.new_zeros((*inside.shape, *nodes.shape[1:]))
    values[inside] = nodes.detach()
    return values, inside
