"""The edges among the sampled nodes of graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topocallback.activations.graphs import node_counts

__all__ = ["EdgeRecorder", "edge_ends"]


class EdgeRecorder:
    """Keeps the edges of batched graphs both of whose ends are nodes that are kept.

    Nodes are told by their sample indices, for a later node may take an earlier one's slot. Of a batch nothing is held
    but a copy of these edges, on the CPU.

    Attributes:
        problem: Why the edges of the first batch that lacks them do, in a sentence.

    Example:
        >>> edges = EdgeRecorder()
        >>> graph = {"x": torch.zeros(3, 2), "edge_index": torch.tensor([[0, 1], [1, 2]])}
        >>> edges.add(graph, kept=np.array([1, 2]), ids=np.array([10, 11, 12]))
        >>> edges.among(np.array([12, -1, 11])).tolist()
        [[2, 0]]
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        self._pairs: list[NDArray[np.int64]] = []

    def add(self, content: Any, kept: NDArray[np.intp], ids: NDArray[np.int64]) -> None:
        """Keep the edges of a batch.

        Args:
            content: What the data loader gave: a graph, or something with one among its parts.
            kept: (n,) which of the rows that layers give for the batch are kept.
            ids: (rows,) the sample index of every row.
        """
        try:
            for graph in (content, *_parts(content)):
                if (ends := edge_ends(graph)) is not None:
                    self._pairs.append(_among_kept(ends, _n_nodes(graph), kept, ids))
                    return
        except Exception as error:  # a forward pass must never fail because it is watched
            # The first one, so that every validation says the same.
            self.problem = (
                self.problem or f"the edges of a batch were left out, because {type(error).__name__}: {error}"
            )

    def among(self, ids: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """The edges among samples that are left.

        Args:
            ids: (slots,) the sample in each slot, -1 for none.

        Returns:
            (m, 2) the slots of their ends, in the order in which they came; ``None`` if no batch had edges.
        """
        if not self._pairs:
            return None
        pairs = np.concatenate(self._pairs)
        order = np.argsort(ids)
        slots = order[np.minimum(np.searchsorted(ids, pairs, sorter=order), len(ids) - 1)]
        return np.asarray(slots[(ids[slots] == pairs).all(axis=1)])


def edge_ends(batch: Any) -> Tensor | None:
    """The edges of a batch of graphs, as they are known by what they offer, so that no library of graphs is needed.

    Args:
        batch: Anything: PyTorch Geometric's ``Batch`` and ``Data`` (``edge_index``), mappings with an
            ``"edge_index"``, DGL's graphs (``edges``).

    Returns:
        (2, edges) the numbers of the nodes at both ends, or ``None`` if it is no graph, or one with several kinds of
        nodes.

    Example:
        >>> edge_ends({"edge_index": torch.tensor([[0, 1], [1, 2]])}).shape
        torch.Size([2, 2])
    """
    if isinstance(batch, Mapping):
        ends = batch.get("edge_index")
    elif isinstance(batch, (Tensor, tuple, list, str)) or isinstance(getattr(batch, "node_types", None), list):
        return None
    elif callable(getattr(batch, "batch_num_nodes", None)) and callable(getattr(batch, "edges", None)):
        ends = torch.stack(tuple(batch.edges()))
    else:
        ends = getattr(batch, "edge_index", None)
    if not isinstance(ends, Tensor) or ends.layout != torch.strided or ends.is_floating_point():
        return None
    return ends.long() if ends.ndim == 2 and len(ends) == 2 else None


def _parts(content: Any) -> tuple[Any, ...]:
    if isinstance(content, Mapping):
        return tuple(content.values())
    return tuple(content) if isinstance(content, (tuple, list)) else ()


def _n_nodes(graph: Any) -> int:
    counts = node_counts(graph)
    return len(graph["x"]) if counts is None else int(counts.sum())


def _among_kept(ends: Tensor, n_nodes: int, kept: NDArray[np.intp], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """(m, 2) the sample indices at both ends of the edges among the nodes that are kept.

    Raises:
        ValueError: If rows are no nodes, or there is no such node.
    """
    if n_nodes != len(ids):
        raise ValueError(f"Expected a row of each of the batch's {n_nodes} nodes, got {len(ids)} rows.")
    if not len(kept) or not ends.shape[1]:
        return np.empty((0, 2), dtype=np.int64)
    # Looked at before they are used: on a GPU, an index that is out of range ends the run.
    if not 0 <= int(ends.min()) <= int(ends.max()) < n_nodes:
        raise ValueError(
            f"Expected edges between nodes 0 to {n_nodes - 1}, got {int(ends.min())} to {int(ends.max())}."
        )
    of_node = torch.full((n_nodes,), -1, device=ends.device)
    of_node[torch.from_numpy(kept).to(ends.device)] = torch.from_numpy(ids[kept]).to(ends.device)
    pairs = of_node[ends]
    return np.asarray(pairs[:, (pairs >= 0).all(dim=0)].T.cpu().numpy())
