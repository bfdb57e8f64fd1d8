"""What measures of persistence diagrams have in common: a homology dimension."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import Self

from topocallback.measures.base import Measure
from topocallback.records.results import Description

__all__ = ["OfDiagram"]

_OF_THE_PAPER = 1


@dataclass(frozen=True)
class OfDiagram(Measure):
    """A measure of persistence diagrams in one homology dimension.

    Args:
        homology_dim: The homology dimension; ``None`` stands for each one that is analysed and, on plain arrays, for
            1, the paper's.
    """

    from_diagrams: ClassVar[bool] = True

    homology_dim: int | None = dataclasses.field(default=None, kw_only=True)

    @property
    def options(self) -> dict[str, Any]:
        """The options that differ from their defaults. The homology dimension is no option, but a part of the key."""
        return {name: value for name, value in super().options.items() if name != "homology_dim"}

    def by_dimension(self, homology_dims: Sequence[int]) -> tuple[Self, ...]:
        """One measure for each homology dimension, or the measure itself, if it is for one."""
        own = self.homology_dim
        if own is not None and own not in homology_dims:
            raise ValueError(f"Expected `homology_dim` of {self.key} to be one of {tuple(homology_dims)}, got {own!r}.")
        dims = homology_dims if own is None else (int(own),)
        return tuple(dataclasses.replace(self, homology_dim=dim) for dim in dims)

    def on_arrays(self) -> Self:
        """In H1, as in the paper, unless it says otherwise."""
        return dataclasses.replace(self, homology_dim=_OF_THE_PAPER) if self.homology_dim is None else self

    def describe(self, length: str = "") -> Description:
        """What its numbers are."""
        return dataclasses.replace(super().describe(length), homology_dim=self.homology_dim)
