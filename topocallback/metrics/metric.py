"""Distances between the topologies of point clouds as metrics of torchmetrics.

A metric keeps a bounded sample of the vectors it has seen, as tensors of fixed length, and leaves everything else to
``topocallback.functional``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities import rank_zero_warn
from torchmetrics.utilities.distributed import gather_all_tensors

from topocallback.activations.pooling import Pooling, channel_axis, densify, join_parts, to_vectors
from topocallback.activations.reservoir import EMPTY, keep_smallest, row_priorities
from topocallback.functional.functions import Measure, PersistenceOptions, check_sampling

__all__ = ["LayerDistanceMatrix", "PersistenceDistance"]


class _SampledClouds(Metric):
    """Point clouds of bounded size: the state that the metrics share.

    A *reservoir* is one sample: an int64 state of priorities, ascending, and one state of rows per cloud, all of length
    ``n_samples``. Clouds of one reservoir are vectors of the same inputs. How long the vectors are is not known before
    the first of them, so the rows start with a width of 0, and a process that sees none learns it when states are
    synchronised.
    """

    is_differentiable: bool = False
    higher_is_better: bool = False
    full_state_update: bool = False
    plot_lower_bound: float = 0.0

    _options_of_sampling: tuple[str, ...] = ("n_samples", "seed", "pooling")

    def __init__(self, options: PersistenceOptions, n_samples: int, seed: int, pooling: Pooling, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_sampling(n_samples, seed)
        if n_samples is None:
            raise ValueError("Expected `n_samples` to be an integer of at least 2, got None.")
        if isinstance(pooling, str):
            to_vectors(torch.zeros(1, 1), pooling, 1, np.zeros(1, dtype=np.int64))  # refuses an unknown name
        elif not callable(pooling):
            raise TypeError(f"Expected `pooling` to be a name or a function, got {pooling!r}.")
        self.options = options
        self.n_samples = int(n_samples)
        self.seed = int(seed)
        self.pooling = pooling
        self._reservoirs: tuple[tuple[str, tuple[str, ...]], ...] = ()
        self._names: dict[str, str] = {}

    def _add_reservoir(self, priorities: str, clouds: Mapping[str, str]) -> None:
        """Add the states of one sample.

        Args:
            priorities: Name of the state of priorities.
            clouds: State of rows -> what to call the cloud in messages.
        """
        # None of the reductions by state fits: which rows stay depends on the priorities.
        self.add_state(priorities, torch.full((self.n_samples,), EMPTY, dtype=torch.int64), dist_reduce_fx=None)
        for rows in clouds:
            self.add_state(rows, torch.zeros(self.n_samples, 0), dist_reduce_fx=None)
        self._reservoirs = (*self._reservoirs, (priorities, tuple(clouds)))
        self._names = {**self._names, **clouds}

    def _state(self, name: str) -> Tensor:
        return cast(Tensor, getattr(self, name))

    # -- What comes in --

    def _vectors(self, values: Tensor, name: str) -> Tensor:
        """An argument of ``update`` as (n, d) vectors, after what may be wrong with it has been refused by name."""
        if not isinstance(values, Tensor):
            raise TypeError(f"Expected `{name}` to be a tensor, got {type(values).__name__}.")
        values = densify(values)
        if values.ndim == 0:
            raise ValueError(f"Expected `{name}` to have one row per sample, got a single number.")
        if len(values) == 0:
            return values.new_zeros(0, 0)
        if values.numel() == 0:
            raise ValueError(f"Expected `{name}` to have values for each sample, got shape {tuple(values.shape)}.")
        values = values[:, None] if values.ndim == 1 else values
        axis = channel_axis(nn.Identity(), values.ndim)
        if values.is_complex():
            values = join_parts(torch.view_as_real(values), axis)
        values = values if values.dtype == torch.float64 else values.float()
        vectors = to_vectors(values, self.pooling, axis, self._ids(values), self.seed)
        finite = torch.isfinite(vectors).all(dim=1)
        if not finite.all():
            bad = int((~finite).sum())
            raise ValueError(f"Expected `{name}` to be finite, got NaN or infinity in {bad} of {len(values)} samples.")
        return vectors

    def _ids(self, values: Tensor) -> NDArray[np.int64]:
        """What a sample's random position is drawn from: its own values, as it has no index here."""
        if self.pooling != "random":
            return np.zeros(len(values), dtype=np.int64)
        return cast(NDArray[np.int64], row_priorities(values.flatten(1), self.seed).cpu().numpy())

    def _batch(self, priorities: str, vectors: Mapping[str, Tensor]) -> dict[str, list[Tensor]]:
        """What one batch adds to a reservoir, for ``_merge``: state -> a part of it, from state -> (n, d) vectors."""
        tables = list(vectors.values())
        if len(tables[0]) == 0:
            return {}
        for state, table in vectors.items():
            held = self._state(state).shape[1]
            if held not in (0, table.shape[1]):
                raise ValueError(
                    f"Expected `{self._names[state]}` to have {held} values per sample, as in earlier updates, "
                    f"got {table.shape[1]}."
                )
        found = row_priorities(torch.cat(tables, dim=1) if len(tables) > 1 else tables[0], self.seed)
        if len(found) > self.n_samples:  # first, so that only what may stay is moved and joined
            found, tables = keep_smallest(found, tables, self.n_samples)
        return {priorities: [found], **{state: [table] for state, table in zip(vectors, tables, strict=True)}}

    # -- How parts of a sample come together --

    def _merge(self, parts: Mapping[str, Sequence[Tensor]]) -> None:
        """Merge parts of samples into the states: state -> what to add to it. States not named stay as they are."""
        merged: dict[str, Tensor] = {}
        for name, clouds in self._reservoirs:
            if name in parts:
                own = self._state(name)
                priorities = torch.cat([part.to(own.device) for part in (own, *parts[name])])
                tables = [self._joined(state, parts[state]) for state in clouds]
                kept, tables = keep_smallest(priorities, tables, self.n_samples)
                merged.update(zip((name, *clouds), (kept, *tables), strict=True))
        # All of them or, after an error, none.
        for state, value in merged.items():
            setattr(self, state, value)

    def _joined(self, state: str, parts: Sequence[Tensor]) -> Tensor:
        own = self._state(state)
        width = self._common_width(state, [own.shape[1], *(part.shape[1] for part in parts)])
        return torch.cat([_widened(part, width).to(own) for part in (own, *parts)])

    def _common_width(self, state: str, widths: Sequence[int]) -> int:
        known = sorted(set(widths) - {0})
        if len(known) > 1:
            raise ValueError(
                f"Expected `{self._names[state]}` to have as many values per sample in all parts, got {known}."
            )
        return known[0] if known else 0

    def _reduce_states(self, incoming_state: dict[str, Any]) -> None:
        """Merge another metric's states into this one's; torchmetrics does it in ``forward`` and ``merge_state``."""
        for name in self._defaults:
            if name not in incoming_state:
                raise ValueError(f"Expected the incoming state to hold {sorted(self._defaults)}, got no {name!r}.")
            if len(incoming_state[name]) != self.n_samples:
                raise ValueError(
                    f"Expected a state of `n_samples={self.n_samples}`, got {len(incoming_state[name])} places."
                )
        self._merge({name: [incoming_state[name]] for name in self._defaults})
        self._computed = None

    def merge_state(self, incoming_state: dict[str, Any] | Metric) -> None:
        """Merge another metric's state into this one's: as if its updates had been made here.

        Args:
            incoming_state: A metric of the same class and options of sampling, or its ``metric_state``.

        Raises:
            ValueError: If it is neither, or the lengths of vectors, ``layers``, ``n_samples``, ``seed`` or ``pooling``
                differ.
            RuntimeError: If this metric has ``dist_sync_on_step=True``.
        """
        if isinstance(incoming_state, type(self)):
            for option in self._options_of_sampling:
                own, other = getattr(self, option), getattr(incoming_state, option)
                if own != other:
                    raise ValueError(f"Expected a metric with `{option}={own!r}`, as this one, got {other!r}.")
        super().merge_state(incoming_state)

    def _sync_dist(
        self, dist_sync_fn: Callable[..., list[Tensor]] = gather_all_tensors, process_group: Any = None
    ) -> None:
        """Merge the states of all processes. One without data takes part like any other."""
        group = process_group or self.process_group
        states = [state for _, clouds in self._reservoirs for state in clouds]
        widths = torch.tensor([self._state(state).shape[1] for state in states], device=self._state(states[0]).device)
        table = torch.stack(dist_sync_fn(widths, group=group)).cpu()
        if not table.any():
            return
        for state, column in zip(states, table.T.tolist(), strict=True):
            setattr(self, state, _widened(self._state(state), self._common_width(state, column)))
        # A process's own rows come back among the others'; a row that is there twice counts once.
        self._merge({name: dist_sync_fn(self._state(name), group=group) for name in self._defaults})

    def _apply(self, fn: Callable[..., Any], exclude_state: Sequence[str] = ()) -> nn.Module:
        """Move and cast the states, but for the priorities, which only move: another dtype would not hold them."""
        names = [name for name, _ in self._reservoirs]
        module = super()._apply(fn, exclude_state=[*exclude_state, *names])
        rows = self._state(self._reservoirs[0][1][0])
        for name in names:
            setattr(self, name, self._state(name).to(rows.device))
            self._defaults[name] = cast(Tensor, self._defaults[name]).to(rows.device)
        return module

    # -- What comes out --

    def _points(self) -> dict[str, NDArray[np.float64]]:
        """The sample of every cloud, in the order of the priorities, by its name."""
        found = {}
        for name, clouds in self._reservoirs:
            held = self._state(name) != EMPTY
            for state in clouds:
                found[self._names[state]] = self._state(state)[held].cpu().double().numpy()
            count = int(held.sum())
            what = self._names[clouds[0]] if len(clouds) == 1 else "activations"
            # Where there was no update at all, torchmetrics warns.
            if count < 2 and (count or self.update_called):
                rank_zero_warn(
                    f"Expected at least 2 different samples in `{what}`, got {count}. "
                    + ("A single point has no bars." if count else "The distance is NaN."),
                    UserWarning,
                )
        return found

    def _value(self, values: NDArray[np.float64]) -> Tensor:
        return torch.as_tensor(values).to(self._state(self._reservoirs[0][1][0]))


def _widened(rows: Tensor, width: int) -> Tensor:
    """Rows of width 0, of which none is taken, with a width."""
    return rows if rows.shape[1] == width else rows.new_zeros(len(rows), width)


class PersistenceDistance(_SampledClouds):
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
        distance: ``"sliced_wasserstein"``, ``"wasserstein"``, ``"bottleneck"``, a ``DiagramDistance``, or a function
            of two (bars, 2) arrays without infinite bars. To pickle the metric, the function has to be importable.
        homology_dims: The homology dimensions k, each at least 0.
        n_samples: How many different vectors of each cloud to keep, at least 2.
        scale: ``"none"``, or ``"quantile"`` to divide each cloud by the 0.9 quantile of its pairwise distances.
        order: Order of the Wasserstein distance, at least 1; the other distances have none.
        n_directions: Directions of the sliced Wasserstein distance, at least 1.
        backend: What computes the diagrams: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        seed: Seed of the choice of vectors, any integer. No global random generator is used.
        reduction: ``"sum"`` adds the homology dimensions up, ``"none"`` keeps them apart.
        pooling: How tensors of more than two axes become vectors: a name or a function as in
            :func:`~topocallback.activations.pooling.to_vectors`. Channels are taken to be in axis 1 of four axes or
            more and in the last of three. ``"random"`` draws the position from the sample's own values.
        kwargs: Additional keyword arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``distance`` is an unknown name, an entry of ``homology_dims`` is not an integer of at least 0,
            or ``n_samples``, ``scale``, ``order``, ``n_directions``, ``backend``, ``reduction`` or ``pooling`` is not
            one of those allowed, or a keyword argument is unknown.
        TypeError: If ``distance`` or ``pooling`` is neither a name nor callable, or ``seed`` is no integer.
        ModuleNotFoundError: If an option needs a package that is not installed.

    References:
        Carriere, Cuturi and Oudot, "Sliced Wasserstein kernel for persistence diagrams" (ICML 2017); for layers of a
        network, Purvine et al., "Experimental observations of the topology of convolutional neural network
        activations" (AAAI 2023).

    Example:
        >>> source, target = torch.randn(2, 100, 8, generator=torch.Generator().manual_seed(0))
        >>> metric = PersistenceDistance()
        >>> metric.update(source[:50], target[:50, :5])
        >>> metric.update(source[50:], target[50:80, :5])
        >>> metric.compute()
        tensor(60.4117)
    """

    def __init__(
        self,
        distance: Measure = "sliced_wasserstein",
        *,
        homology_dims: Sequence[int] = (0, 1),
        n_samples: int = 512,
        scale: str = "none",
        order: float = 1.0,
        n_directions: int = 50,
        backend: str = "auto",
        seed: int = 0,
        reduction: str = "sum",
        pooling: Pooling = "flatten",
        **kwargs: Any,
    ) -> None:
        options = PersistenceOptions(distance, homology_dims, scale, order, n_directions, backend, reduction)
        super().__init__(options, n_samples, seed, pooling, **kwargs)
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
            shape = () if self.options.reduction == "sum" else (len(self.options.homology_dims),)
            return self._value(np.full(shape, np.nan))
        return self._value(self.options.between(points["source"], points["target"]))

    def plot(self, val: Tensor | Sequence[Tensor] | None = None, ax: Any = None) -> Any:
        """Plot one value or several.

        Args:
            val: What ``forward`` or ``compute`` returned, or a list of such; by default ``compute()``.
            ax: Matplotlib axes to draw on; by default those of a new figure.

        Returns:
            The figure (``None`` if ``ax`` was given) and the axes.

        Example:
            >>> metric = PersistenceDistance()
            >>> values = [metric(torch.rand(20, 3), torch.rand(20, 3)) for _ in range(3)]
            >>> figure, axes = metric.plot(values)
        """
        return self._plot(val, ax)


class LayerDistanceMatrix(_SampledClouds):
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
        distance: As in :class:`PersistenceDistance`, as are all that follow; a function of one's own has to be
            symmetric.
        homology_dims: The homology dimensions, each at least 0.
        n_samples: How many different inputs to keep, at least 2.
        scale: ``"none"``, or ``"quantile"`` to make layers of different size comparable.
        order: Order of the Wasserstein distance, at least 1.
        n_directions: Directions of the sliced Wasserstein distance, at least 1.
        backend: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        seed: Seed of the choice of inputs, any integer.
        reduction: ``"sum"`` adds the homology dimensions up, ``"none"`` keeps them apart.
        pooling: How tensors of more than two axes become vectors.
        kwargs: Additional keyword arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``layers`` is empty or has a name twice, an option is not one of those allowed, or a keyword
            argument is unknown.
        TypeError: If ``layers`` is a string, ``distance`` or ``pooling`` is neither a name nor callable, or ``seed`` is
            no integer.
        ModuleNotFoundError: If an option needs a package that is not installed.

    References:
        Purvine et al., "Experimental observations of the topology of convolutional neural network activations" (AAAI
        2023).

    Example:
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
        distance: Measure = "sliced_wasserstein",
        *,
        homology_dims: Sequence[int] = (0, 1),
        n_samples: int = 512,
        scale: str = "none",
        order: float = 1.0,
        n_directions: int = 50,
        backend: str = "auto",
        seed: int = 0,
        reduction: str = "sum",
        pooling: Pooling = "flatten",
        **kwargs: Any,
    ) -> None:
        options = PersistenceOptions(distance, homology_dims, scale, order, n_directions, backend, reduction)
        super().__init__(options, n_samples, seed, pooling, **kwargs)
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
            n_dims, n_layers = len(self.options.homology_dims), len(self.layers)
            shape = (n_layers, n_layers) if self.options.reduction == "sum" else (n_dims, n_layers, n_layers)
            return self._value(np.full(shape, np.nan))
        return self._value(self.options.among(clouds))

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
        titles = [f"H{dim}" for dim in self.options.homology_dims] if values.ndim == 3 else [type(self).__name__]
        for panel, matrix, title in zip(panels[0], matrices, titles, strict=True):
            _draw_heatmap(panel, matrix, self.layers, title)
        return figure, panels[0, 0] if len(matrices) == 1 else panels[0]


def _draw_heatmap(axes: Any, matrix: NDArray[np.float64], layers: tuple[str, ...], title: str) -> None:
    from topocallback.views.heatmap import Heatmap, draw_on_axes

    largest = float(matrix[np.isfinite(matrix)].max(initial=0.0)) or 1.0
    draw_on_axes(axes, Heatmap(matrix, np.zeros(matrix.shape, dtype=bool), largest, layers), title)
