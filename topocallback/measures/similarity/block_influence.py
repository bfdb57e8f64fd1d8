"""How much a block changes the vectors that pass through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from topocallback.measures.similarity.versions import Cosine

__all__ = ["BlockInfluence"]


@dataclass(frozen=True)
class BlockInfluence(Cosine):
    """The cosine distance of a block's input and its output: how much the block does.

    Near 0 it could be left out. It compares vectors as they are, so only between layers of one width: NaN for others. A
    vector of zeros is at a right angle to all.

    References:
        Men et al., "ShortGPT: layers in large language models are more redundant than you expect" (2024), equation 1.

    Example:
        >>> BlockInfluence()([[1.0, 0.0], [0.0, 2.0]], [[2.0, 0.0], [1.0, 0.0]])
        0.5
    """

    key: ClassVar[str] = "block_influence"
    label: ClassVar[str] = "Block influence (0 same directions, 1 right angles)"
    question: ClassVar[str] = "How far does a block turn its input?"
    unchanged_by: ClassVar[tuple[str, ...]] = ("scale",)
    paper: ClassVar[str] = "Men et al. (2024)"
