"""The distance between the topologies of two point clouds as a metric of torchmetrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from topocallback.activations.pooling import Pooling
from topocallback.functional.cloud_distance import CloudDistance
from topocallback.measures.table import MeasureLike
from topocallback.metrics.sampled_clouds import SampledClouds

__all__ = ["PersistenceDistance"]


class PersistenceDistance(SampledClouds):
    r"""The distance between the persistence diagrams of two point clouds.

    .. math:: D(X, Y) = \sum_{k} d(\mathrm{Dgm}_k(X), \mathrm{Dgm}_k(Y))

    over the homology dimensions k of the Vietoris-Rips filtration; essential classes are left out. The clouds are two
    sets of vectors: activations of two layers or checkpoints, features of real and generated images. They may differ in
    their numbers of points and in dimension.

    Memory is bounded: of each cloud the metric keeps the ``n_samples`` different vectors of smallest hash of seed and
    values. Which ones these are depends neither on the order of the updates nor on the batch size or the number of
    processes. A vector that comes twice counts once, also where a distributed sampler repeats it; this changes no
    diagram, only the scale of ``scale="quantile"``. Vectors that agree in single precision are the same vector.

    As input to ``forward`` and ``update`` the metric accepts the following input

    - ``source`` (:class:`~torch.Tensor`): (N, d1) vectors, or a tensor (N, ...) of which ``pooling`` makes vectors
    - ``target`` (:class:`~torch.Tensor`): (M, d2) vectors, as ``source``; M and d2 need not be N and d1

    As output of ``forward`` and ``compute`` the metric returns the following output

    - ``distance`` (:class:`~torch.Tensor`): a scalar of at least 0, on the metric's device, in the units of the clouds
      or of their scales; of shape (len(homology_dims),) for ``reduction="none"``. NaN where a cloud is empty.

    ``forward`` returns the value of its batch alone, which has fewer points than all batches together, and with
    ``dist_sync_on_step=True`` the value of that batch on all processes. It is not a share of ``compute``'s value, and
    the mean over batches is not that value either.

    Args:
        measure: A distance between diagrams: ``"sliced_wasserstein"``, ``"wasserstein"``, ``"bottleneck"``; an object
            with options, such as ``Wasserstein(order=2)``; or a function of two (bars, 2) arrays without infinite bars,
            which has to be importable for the metric to be pickled.
        homology_dims: The homology dimensions k, each at least 0.
        n_samples: How many different vectors of each cloud to keep, at least 2.
        scale: ``"none"``, or ``"quantile"`` to divide each cloud by the 0.9 quantile of its pairwise distances. Not
            ``"quantile"`` by default, as in ``TopologyMonitor``: here the clouds' own sizes count.
        backend: What computes the diagrams: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        seed: Seed of the choice of vectors, any integer. No global random generator is used.
        reduction: ``"sum"`` adds the homology dimensions up, ``"none"`` keeps them apart.
        pooling: How tensors of more than two axes become vectors: a name or a function as in
            :func:`~topocallback.activations.pooling.to_vectors`. Channels are taken to be in axis 1 of four axes or
            more and in the last of three. ``"random"`` draws the position from the sample's own values.
        kwargs: Additional keyword arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``measure`` is an unknown name or needs paired samples, an entry of ``homology_dims`` is not an
            integer of at least 0, or ``n_samples``, ``scale``, ``backend``, ``reduction`` or ``pooling`` is not one of
            those allowed, or a keyword argument is unknown.
        TypeError: If ``measure`` is no distance, nor stands for one, ``pooling`` is neither a name nor callable, or
            ``seed`` is no integer.
        ModuleNotFoundError: If an option needs a package that is not installed.

    References:
        Carriere, Cuturi and Oudot, "Sliced Wasserstein kernel for persistence diagrams" (ICML 2017); for layers of a
        network, Purvine et al., "Experimental observations of the topology of convolutional neural network
        activations" (AAAI 2023).

    Example:
        >>> import torch
        >>> source, target = torch.randn(2, 100, 8, generator=torch.Generator().manual_seed(0))
        >>> metric = PersistenceDistance()
        >>> metric.update(source[:50], target[:50, :5])
        >>> metric.update(source[50:], target[50:80, :5])
        >>> metric.compute()
        tensor(60.4117)
    """

    def __init__(
        self,
        measure: MeasureLike = "sliced_wasserstein",
        *,
        homology_dims: Sequence[int] = (0, 1),
        n_samples: int = 512,
        scale: str = "none",
        backend: str = "auto",
        seed: int = 0,
        reduction: str = "sum",
        pooling: Pooling = "flatten",
        **kwargs: Any,
    ) -> None:
        distance = CloudDistance(measure, homology_dims, scale, backend, reduction)
        distance.check_unpaired()
        super().__init__(distance, n_samples, seed, pooling, **kwargs)
        for name in ("source", "target"):
            self._add_reservoir(f"{name}_priorities", {f"{name}_rows": name})

    def update(self, source: Tensor, target: Tensor) -> None:
        """Add a batch to the two clouds.

        Args:
            source: (N, d1) vectors, or a tensor (N, ...) of which ``pooling`` makes vectors; N may be 0.
            target: (M, d2) vectors, as ``source``.

        Raises:
            ValueError: If one of them has no axis of samples, no values, NaN or infinite values, or vectors of another
                length than before.
            TypeError: If one of them is no tensor.
        """
        vectors = {"source": self._vectors(source, "source"), "target": self._vectors(target, "target")}
        batches = [self._batch(f"{name}_priorities", {f"{name}_rows": found}) for name, found in vectors.items()]
        self._merge({state: part for batch in batches for state, part in batch.items()})

    def compute(self) -> Tensor:
        """The distance between the two clouds, of all batches and processes.

        Returns:
            A scalar, or (len(homology_dims),) for ``reduction="none"``; NaN where a cloud is empty.

        Warns:
            UserWarning: If a cloud has fewer than two different points.
        """
        points = self._points()
        if not all(map(len, points.values())):
            return self._value(np.full(self._distance.shape(), np.nan))
        return self._value(self._distance.between(points["source"], points["target"]))

    def plot(self, val: Tensor | Sequence[Tensor] | None = None, ax: Any = None) -> Any:
        """Plot one value or several.

        Args:
            val: What ``forward`` or ``compute`` returned, or a list of such; by default ``compute()``.
            ax: Matplotlib axes to draw on; by default those of a new figure.

        Returns:
            The figure (``None`` if ``ax`` was given) and the axes.

        Example:
            >>> import torch
            >>> metric = PersistenceDistance()
            >>> values = [metric(torch.rand(20, 3), torch.rand(20, 3)) for _ in range(3)]
            >>> figure, axes = metric.plot(values)
        """
        return self._plot(val, ax)
