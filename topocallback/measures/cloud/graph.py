"""How much alike the vectors of a graph's neighbouring nodes are."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topocallback.measures.base import Statistic
from topocallback.measures.facts import LayerFacts

__all__ = ["DirichletEnergy"]


class DirichletEnergy(Statistic):
    r"""How much the vectors of neighbouring nodes differ, in [0, 2]; near 0 a graph network is oversmoothed.

    .. math:: \sum_{(i, j)} |x_i - x_j|^2 \Big/ \sum_{(i, j)} (|x_i|^2 + |x_j|^2)

    over the edges, each once in whatever direction: 0 where neighbours have the same vector, 1 where their vectors are
    at right angles on average, 2 where they are opposite. It does not depend on the vectors' scale, which falls as well
    in a deep graph network. It is the Rayleigh quotient of the normalised Laplacian. Cai and Wang's energy is the
    sum in the numerator, of vectors divided by the root of one plus their nodes' degrees: that tells the size of the
    vectors, too, and a sample of the nodes does not tell their degrees.

    Of sampled nodes only the edges count both of whose ends are sampled. All edges are as likely to be among these, so
    that the quotient comes close to that of the whole graph as the sample grows. The standard error is that of a ratio
    of sums over pairs, in which pairs with a common node are not independent: a twelfth of the nodes holds too few
    edges.

    References:
        Cai and Wang, "A note on over-smoothing for graph neural networks" (2020); the error: Aronow, Samii and
        Assenova, "Cluster-robust variance estimation for dyadic data" (2015).

    Example:
        >>> path = [[0, 1], [1, 2]]
        >>> round(DirichletEnergy()([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], path), 6)
        0.5
    """

    key: ClassVar[str] = "dirichlet_energy"
    label: ClassVar[str] = "Dirichlet energy"
    question: ClassVar[str] = "Are the vectors of neighbouring nodes still apart?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("rotation", "scale")
    range: ClassVar[tuple[float, float]] = (0.0, 2.0)
    more: ClassVar[str] = "neighbours less alike"
    needs_edges: ClassVar[bool] = True
    on_parts: ClassVar[bool] = False
    paper: ClassVar[str] = "after Cai and Wang (2020)"

    def value(self, facts: LayerFacts) -> float:
        """The quotient; NaN without edges, and where all vectors at edges are 0."""
        _, differences, norms = _terms(facts)
        return float(differences.sum() / norms.sum()) if norms.any() else float("nan")

    def own_error(self, facts: LayerFacts, value: float) -> float:
        """The standard error, from the sums of all pairs of edges with a common node; NaN for fewer than two edges.

        Over 200 samples of 300 out of 3000 nodes it was 0.94 to 1.12 times their spread, where the jackknife, which
        counts what is an edge's own for both its nodes, was 1.2 to 1.5 times.
        """
        edges, differences, norms = _terms(facts)
        if len(edges) < 2 or not norms.any():
            return float("nan")
        apart = (differences - differences.sum() / norms.sum() * norms) / norms.sum()
        of_nodes = np.bincount(edges.ravel(), weights=np.repeat(apart, 2))
        own = float((apart**2).sum())
        # An edge has both nodes in common with itself. Where the rest is below 0, edges are taken as independent.
        return float(np.sqrt(max((of_nodes**2).sum() - own, own)))

    def __call__(self, cloud: ArrayLike, edges: ArrayLike) -> float:  # type: ignore[override]
        """The quotient of a cloud.

        Args:
            cloud: (n, d) finite points, one per node.
            edges: (m, 2) which of them are joined, as positions.

        Raises:
            ValueError: If edges are no pairs of points, or the cloud holds NaN or infinity.
        """
        facts = LayerFacts(cloud, edges=edges)
        self._check_finite(facts)
        return self.value(facts)


def _terms(facts: LayerFacts) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """(m, 2) the edges, each once, and (m,) both terms of each; an edge from a node to itself says nothing."""
    edges = np.empty((0, 2), dtype=np.int64) if facts.edges is None else facts.edges
    edges = np.unique(np.sort(edges[edges[:, 0] != edges[:, 1]], axis=1), axis=0)
    cloud = np.asarray(facts.cloud, dtype=np.float64)
    norms = np.einsum("ij,ij->i", cloud, cloud)
    return edges, facts.distances[edges[:, 0], edges[:, 1]] ** 2, norms[edges].sum(axis=1)
