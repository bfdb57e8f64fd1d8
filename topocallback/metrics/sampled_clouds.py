"""Point clouds of bounded size as the state of a metric."""

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

from topocallback.activations.channels import channel_axis
from topocallback.activations.pooling import Pooling, to_vectors
from topocallback.activations.reservoir import EMPTY, keep_smallest, row_priorities
from topocallback.activations.tensors import densify, join_parts
from topocallback.functional.arrays import check_sampling
from topocallback.functional.cloud_distance import CloudDistance
from topocallback.measures.cost import Cost, predict_cost
from topocallback.measures.cost_told import clouds_in_words, too_much

__all__ = ["SampledClouds"]


class SampledClouds(Metric):
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
    _cost_told = False

    def __init__(self, distance: CloudDistance, n_samples: int, seed: int, pooling: Pooling, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_sampling(n_samples, seed)
        if n_samples is None:
            raise ValueError("Expected `n_samples` to be an integer of at least 2, got None.")
        if isinstance(pooling, str):
            to_vectors(torch.zeros(1, 1), pooling, 1, np.zeros(1, dtype=np.int64))  # refuses an unknown name
        elif not callable(pooling):
            raise TypeError(f"Expected `pooling` to be a name or a function, got {pooling!r}.")
        self._distance = distance
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
        axis = channel_axis(nn.Identity(), values.shape).axis
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
        if not any(self._state(state).shape[1] for state in vectors):  # now it is seen how long they are
            kept = sum(self.n_samples * table.shape[1] * table.element_size() for table in tables)
            self._warn_of_cost(Cost({}, {"pooling": kept}), f"Keeping {self.n_samples} vectors")
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
        shapes = [(len(points), points.shape[1]) for points in found.values()]
        self._warn_of_cost(predict_cost(shapes, self._distance, itemsize=8), clouds_in_words(shapes, "cloud"))
        return found

    def _warn_of_cost(self, cost: Cost, what: str) -> None:
        """Once, where it is more than a user may expect."""
        if self._cost_told:
            return
        wide_by_choice = self.pooling == "flatten" or callable(self.pooling)
        several = {"layers"} & set(self._options_of_sampling)
        options = ["n_samples", "homology_dims", "measure", *several, *(["pooling"] if wide_by_choice else [])]
        if said := too_much(cost, what, options=options):
            self._cost_told = True
            rank_zero_warn(f"{type(self).__name__}: {said}", UserWarning)

    def _value(self, values: NDArray[np.float64]) -> Tensor:
        return torch.as_tensor(values).to(self._state(self._reservoirs[0][1][0]))


def _widened(rows: Tensor, width: int) -> Tensor:
    """Rows of width 0, of which none is taken, with a width."""
    return rows if rows.shape[1] == width else rows.new_zeros(len(rows), width)
