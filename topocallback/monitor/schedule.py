"""Which of a run's validations are recorded."""

from __future__ import annotations

import lightning.pytorch as pl

from topocallback.activations.options import check_integer, check_share
from topocallback.monitor.spent import Spent

__all__ = ["Schedule"]


class Schedule:
    """Decides of one validation after the other.

    Args:
        every_n_validations: Record the first of every so many.
        max_overhead: The largest share of the run's processor time that recording and what follows may take, or
            ``None``: what would go beyond it is left out. The first process decides for all, see ``agree``.
        spent: Counts what that takes.

    Attributes:
        validations: How many validations there have been in the run, also before it stopped and went on.
        is_due: Whether the current one is to be recorded.
        saves: Whether it would be, but for what that costs.

    Raises:
        ValueError: If ``every_n_validations`` is no integer of at least 1, or ``max_overhead`` no share.
    """

    def __init__(self, every_n_validations: int, max_overhead: float | None, spent: Spent) -> None:
        check_integer("every_n_validations", every_n_validations, least=1)
        check_share("max_overhead", max_overhead)
        self._every = every_n_validations
        self._most = max_overhead
        self._spent = spent
        self._before = 0  # this call of `fit`
        self.validations = 0
        self.is_due = False
        self.saves = False

    @property
    def has_begun(self) -> bool:
        """Whether there has been a validation since training began."""
        return self.validations > self._before

    def begin_training(self) -> None:
        """Say that training begins."""
        self._before = self.validations

    def start(self, trainer: pl.Trainer, *, pending: int) -> None:
        """Decide of the validation that starts.

        Short sanity checks are not measured, but run through: a typo in a layer's name shows now, not after an epoch.

        Args:
            trainer: The Trainer.
            pending: How many snapshots are still being measured.
        """
        self.is_due = bool(trainer.sanity_checking) or self.validations % self._every == 0
        self.saves = self.is_due and trainer.is_global_zero and not self._spent.allows(self._most, pending)
        self._spent.n_saved += self.saves
        self.is_due &= not self.saves

    def skip(self) -> None:
        """Say that the validation that starts is none of this monitor's business."""
        self.is_due = self.saves = False

    def end(self, trainer: pl.Trainer) -> None:
        """Say that a validation has ended."""
        self.validations += not trainer.sanity_checking
