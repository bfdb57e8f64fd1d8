"""How the spanning trees of two layers differ: the 0-dimensional part of representation topology divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from topocallback.measures.base import BehavesAs, Distance
from topocallback.measures.centring import check_different_points
from topocallback.measures.facts import LayerFacts
from topocallback.measures.parallel import computed_once
from topocallback.measures.scale import scale_of
from topocallback.measures.similarity.ranks import correlation, standard_ranks
from topocallback.measures.topology.spanning_tree import spanning_tree

__all__ = ["NTSE", "NTSM", "MaxRTDLite", "RTDLite", "SRTDLite"]

_PAPER = "arXiv 2606.06342"


class _Tree:
    """A layer's distances, divided by their 0.9 quantile, and what their spanning tree says."""

    def __init__(self, facts: LayerFacts) -> None:
        self.distances = facts.distances / scale_of(facts.distances, "quantile", checked=True)

    @computed_once
    def length(self) -> float:
        """Of all edges of the spanning tree."""
        return _length_of_tree(self.distances)

    @computed_once
    def edges(self) -> NDArray[np.int64]:
        """(n - 1,) the edges of the spanning tree, each as one number."""
        smaller, larger = np.sort(spanning_tree(self.distances), axis=1).T
        return np.asarray(smaller * len(self.distances) + larger)

    @computed_once
    def merges(self) -> NDArray[np.float64]:
        """(n, n) the distance at which single linkage joins two points: the longest edge on the way between them."""
        from scipy.cluster.hierarchy import cophenet, linkage
        from scipy.spatial.distance import squareform

        return np.asarray(squareform(cophenet(linkage(squareform(self.distances, checks=False), "single"))))


def _length_of_tree(distances: NDArray[np.float64]) -> float:
    """How long a spanning tree is. SciPy's own function takes distances under 1e-8 for missing edges."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    return float(linkage(squareform(distances, checks=False), "single")[:, 2].sum())


@dataclass(frozen=True)
class _OfTrees(Distance):
    paired: ClassVar[bool] = True
    is_metric: ClassVar[bool] = False
    cost: ClassVar[str] = "n^2"
    paper: ClassVar[str] = _PAPER

    def prepare(self, facts: LayerFacts) -> _Tree:
        """The layer's distances and their spanning tree."""
        check_different_points(facts, self.key, 3)
        return _Tree(facts)


class _OfLengths(_OfTrees):
    unit: ClassVar[str] = "0.9 quantiles of the distances"
    behaves_as: ClassVar[BehavesAs] = "sum"


class RTDLite(_OfLengths):
    r"""How much longer two layers' spanning trees are than that of the nearer of both distances of each pair.

    .. math:: (w(A) + w(B)) / 2 - w(\min(A, B))

    with w the length of a spanning tree, and A and B the distances divided by the 0.9 quantile of those between
    different samples.

    Raises:
        ValueError: From ``prepare``, for fewer than 3 points, or if all are equal.

    References:
        arXiv 2606.06342; after Barannikov et al., "Representation topology divergence" (ICML 2022).

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> RTDLite()(x, 2 * x)
        0.0
    """

    key: ClassVar[str] = "rtd_lite"
    label: ClassVar[str] = "RTD-lite"
    question: ClassVar[str] = "Which clusters has one layer that the other lacks?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")

    def between(self, first: _Tree, second: _Tree) -> float:
        """The difference of lengths."""
        shortest = _length_of_tree(np.minimum(first.distances, second.distances))
        return max(0.0, (first.length + second.length) / 2 - shortest)


class MaxRTDLite(_OfLengths):
    r"""How much longer the spanning tree of the larger distances is: :math:`w(\max(A, B)) - (w(A) + w(B)) / 2`.

    See ``RTDLite``.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> MaxRTDLite()(x, 2 * x)
        0.0
    """

    key: ClassVar[str] = "max_rtd_lite"
    label: ClassVar[str] = "Max-RTD-lite"
    question: ClassVar[str] = "Which clusters does one layer tear apart?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")

    def between(self, first: _Tree, second: _Tree) -> float:
        """The difference of lengths."""
        longest = _length_of_tree(np.maximum(first.distances, second.distances))
        return max(0.0, longest - (first.length + second.length) / 2)


class SRTDLite(_OfLengths):
    r"""The sum of ``RTDLite`` and ``MaxRTDLite``: :math:`w(\max(A, B)) - w(\min(A, B))`.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> SRTDLite()(x, 2 * x)
        0.0
    """

    key: ClassVar[str] = "srtd_lite"
    label: ClassVar[str] = "SRTD-lite"
    question: ClassVar[str] = "Which clusters differ in either way?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")

    def between(self, first: _Tree, second: _Tree) -> float:
        """The difference of lengths."""
        both = first.distances, second.distances
        return max(0.0, _length_of_tree(np.maximum(*both)) - _length_of_tree(np.minimum(*both)))


class _OfCommonEdges(_OfTrees):
    """1 less Spearman's correlation of two layers, over the pairs of samples that are an edge of either's tree."""

    label: ClassVar[str] = ""
    range: ClassVar[tuple[float, float]] = (0.0, 2.0)
    direction: ClassVar = "similarity"

    def between(self, first: _Tree, second: _Tree) -> float:
        """1 less the correlation; NaN where one layer has all these pairs at one distance."""
        pairs = np.divmod(np.union1d(first.edges, second.edges), len(first.distances))
        try:
            return 1 - correlation(*[standard_ranks(self._values(tree)[pairs], self.key) for tree in (first, second)])
        except ValueError:
            return float("nan")

    def _values(self, tree: _Tree) -> NDArray[np.float64]:
        raise NotImplementedError(f"{type(self).__name__} has no `_values`.")


class NTSE(_OfCommonEdges):
    """1 less Spearman's correlation of the distances that are an edge of either layer's spanning tree.

    Raises:
        ValueError: From ``prepare``, for fewer than 3 points, or if all are equal.

    References:
        arXiv 2606.06342, NTS-E.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> round(NTSE()(x, 2 * x), 12) + 0.0
        0.0
    """

    key: ClassVar[str] = "nts_e"
    label: ClassVar[str] = "NTS-E distance (0 alike, 1 unrelated)"
    question: ClassVar[str] = "Are the edges that join clusters of the same lengths?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")

    def _values(self, tree: _Tree) -> NDArray[np.float64]:
        return tree.distances


class NTSM(_OfCommonEdges):
    """As ``NTSE``, of the distances at which single linkage joins the samples.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> round(NTSM()(x, 2 * x), 12) + 0.0
        0.0
    """

    key: ClassVar[str] = "nts_m"
    label: ClassVar[str] = "NTS-M distance (0 alike, 1 unrelated)"
    question: ClassVar[str] = "Do clusters merge in the same order?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "shift", "scale")

    def _values(self, tree: _Tree) -> NDArray[np.float64]:
        return tree.merges
