"""The distances between the topologies of several layers as a metric of torchmetrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from topocallback.activations.pooling import Pooling
from topocallback.functional.cloud_distance import CloudDistance
from topocallback.measures.table import MeasureLike
from topocallback.metrics.sampled_clouds import SampledClouds

__all__ = ["LayerDistanceMatrix"]


class LayerDistanceMatrix(SampledClouds):
    """The distances between the persistence diagrams of several layers.

    The matrix counterpart of :class:`PersistenceDistance`, over layers that are fixed when it is made. As all layers
    see the same inputs, the sample is one of inputs: for every layer the same ``n_samples`` inputs, those of smallest
    hash of seed and values in all layers together. Layers that differ by an isometry are then at distance 0, which
    they would not be if each had a sample of its own.

    As input to ``forward`` and ``update`` the metric accepts the following input

    - ``activations``: a mapping of layer names to tensors (:class:`~torch.Tensor`) of shape (N, d), or (N, ...), of
      which ``pooling`` makes vectors; N is the same for all layers, d is not

    As output of ``forward`` and ``compute`` the metric returns the following output

    - ``distances`` (:class:`~torch.Tensor`): (L, L), symmetric, zero diagonal, on the metric's device, in the order of
      ``layers``, in the units of the activations or of their scales; (len(homology_dims), L, L) for
      ``reduction="none"``. All NaN while there are no samples.

    ``forward`` returns the value of its batch alone. A matrix cannot be given to Lightning's ``self.log``, and a
    ``MetricTracker`` finds no best one.

    Args:
        layers: Names of the layers, all different, at least one.
        measure: Any distance: those of :class:`PersistenceDistance`, or one that needs the same samples in all layers.
            All that follow are as there.
        homology_dims: The homology dimensions, each at least 0.
        n_samples: How many different inputs to keep, at least 2.
        scale: ``"none"``, or ``"quantile"`` to make layers of different size comparable.
        backend: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        seed: Seed of the choice of inputs, any integer.
        reduction: ``"sum"`` adds the homology dimensions up, ``"none"`` keeps them apart.
        pooling: How tensors of more than two axes become vectors.
        kwargs: Additional keyword arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``layers`` is empty or has a name twice, an option is not one of those allowed, or a keyword
            argument is unknown.
        TypeError: If ``layers`` is a string, ``measure`` is no distance, nor stands for one, ``pooling`` is neither a
            name nor callable, or ``seed`` is no integer.
        ModuleNotFoundError: If an option needs a package that is not installed.

    References:
        Purvine et al., "Experimental observations of the topology of convolutional neural network activations" (AAAI
        2023).

    Example:
        >>> import torch
        >>> first, second = torch.randn(2, 100, 8, generator=torch.Generator().manual_seed(0))
        >>> metric = LayerDistanceMatrix(["first", "second", "doubled"], homology_dims=[1])
        >>> metric.update({"first": first, "second": second, "doubled": 2 * first})
        >>> metric.compute()
        tensor([[0.0000, 2.9728, 8.6711],
                [2.9728, 0.0000, 9.8040],
                [8.6711, 9.8040, 0.0000]])
    """

    _options_of_sampling = ("layers", "n_samples", "seed", "pooling")

    def __init__(
        self,
        layers: Sequence[str],
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
        super().__init__(distance, n_samples, seed, pooling, **kwargs)
        if isinstance(layers, str):
            raise TypeError(f"Expected `layers` to be a sequence of names, got the string {layers!r}.")
        self.layers = tuple(layers)
        if not self.layers or len(set(self.layers)) != len(self.layers):
            raise ValueError(f"Expected `layers` to be at least one name, all different, got {self.layers}.")
        # By number, because a layer's name may hold what an attribute's cannot.
        self._add_reservoir("priorities", {f"rows_{i}": layer for i, layer in enumerate(self.layers)})

    def update(self, activations: Mapping[str, Tensor]) -> None:
        """Add a batch to all layers.

        Args:
            activations: Layer -> (N, d) vectors, or a tensor (N, ...) of which ``pooling`` makes vectors, of the same N
                inputs in the same order; N may be 0. What is not one of the metric's layers is passed over.

        Raises:
            ValueError: If a layer is missing, layers differ in N, or a layer has no axis of samples, no values, NaN or
                infinite values, or vectors of another length than before.
            TypeError: If ``activations`` is no mapping, or a layer's activation no tensor.
        """
        if not isinstance(activations, Mapping):
            raise TypeError(f"Expected `activations` to map layers to tensors, got {type(activations).__name__}.")
        missing = [layer for layer in self.layers if layer not in activations]
        if missing:
            raise ValueError(f"Expected `activations` to hold the layers {self.layers}, got none for {missing}.")
        vectors = {layer: self._vectors(activations[layer], layer) for layer in self.layers}
        counts = {layer: len(found) for layer, found in vectors.items()}
        if len(set(counts.values())) > 1:
            raise ValueError(f"Expected `activations` to have as many samples in every layer, got {counts}.")
        self._merge(self._batch("priorities", {f"rows_{i}": vectors[layer] for i, layer in enumerate(self.layers)}))

    def compute(self) -> Tensor:
        """The distances between all layers, of all batches and processes.

        Returns:
            (L, L), or (len(homology_dims), L, L) for ``reduction="none"``; all NaN while there are no samples.

        Warns:
            UserWarning: If there are fewer than two different samples.
        """
        clouds = list(self._points().values())
        if not len(clouds[0]):
            return self._value(np.full(self._distance.shape(len(self.layers), len(self.layers)), np.nan))
        return self._value(self._distance.among(clouds))

    def plot(self, val: Tensor | None = None, ax: Any = None) -> Any:
        """Draw the matrix as a heatmap, with the layers' names.

        Args:
            val: What ``forward`` or ``compute`` returned; by default ``compute()``.
            ax: Matplotlib axes to draw on; by default those of a new figure.

        Returns:
            The figure and the axes. For ``reduction="none"`` and several homology dimensions an array of axes, one per
            dimension.

        Raises:
            ValueError: If ``val`` does not have the shape of a result, or ``ax`` is given for several matrices.

        Example:
            >>> import torch
            >>> metric = LayerDistanceMatrix(["first", "second"])
            >>> metric.update({"first": torch.rand(20, 3), "second": torch.rand(20, 8)})
            >>> figure, axes = metric.plot()
        """
        import matplotlib.pyplot as plt  # slow to import, and of no use to most

        values = (self.compute() if val is None else val).detach().cpu().double().numpy()
        n_layers = len(self.layers)
        matrices = values[None] if values.ndim == 2 else values
        if matrices.ndim != 3 or matrices.shape[1:] != (n_layers, n_layers):
            raise ValueError(f"Expected `val` to be of shape ({n_layers}, {n_layers}), got {values.shape}.")
        if ax is not None and len(matrices) > 1:
            raise ValueError(f"Expected one matrix to draw on `ax`, got {len(matrices)}.")
        if ax is None:
            figure, panels = plt.subplots(1, len(matrices), squeeze=False, layout="constrained")
        else:
            figure, panels = ax.get_figure(), np.array([[ax]])
        is_whole = values.ndim == 2
        titles = [type(self).__name__] if is_whole else [each.describe().title for each in self._distance.distances]
        for panel, matrix, title in zip(panels[0], matrices, titles, strict=True):
            _draw_heatmap(panel, matrix, self.layers, title)
        return figure, panels[0, 0] if len(matrices) == 1 else panels[0]


def _draw_heatmap(axes: Any, matrix: NDArray[np.float64], layers: tuple[str, ...], title: str) -> None:
    from topocallback.views.heatmap import Heatmap, draw_on_axes  # imports matplotlib

    largest = float(matrix[np.isfinite(matrix)].max(initial=0.0)) or 1.0
    draw_on_axes(axes, Heatmap(matrix, np.zeros(matrix.shape, dtype=bool), largest, layers), title)
