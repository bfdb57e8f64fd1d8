"""The monitor's numbers as other callbacks see them: the same names after every validation."""

from __future__ import annotations

import math
from collections.abc import Mapping

import lightning.pytorch as pl
from torch import nn

from topocallback.activations.layers import LayerSpec, choose_layers
from topocallback.analysis.gap import gap_descriptions
from topocallback.analysis.options import AnalysisOptions
from topocallback.findings.table import ALERTS
from topocallback.monitor.alerts import LAST_WITHOUT_ALERT, last_without_alert
from topocallback.monitor.run import MeasuredStep
from topocallback.views.logging import scalar_tags, scalars

__all__ = ["MonitoredScalars"]


class MonitoredScalars:
    """What callbacks such as ``EarlyStopping`` find under the monitor's names after a validation.

    Lightning keeps a number until another one is logged under its name, and fails where a monitored name is missing.
    So every name is there from the first validation on, with NaN for what was not measured. After a validation that is
    not recorded every number stands as it was: NaN would end a training whose ``EarlyStopping`` checks for it.

    Args:
        options: What is measured.
        layers: Of which layers.
        gaps: Whether training samples are recorded as well.

    Example:
        >>> from topocallback import AnalysisOptions
        >>> model = nn.Sequential(nn.Linear(4, 2))
        >>> scalars = MonitoredScalars(AnalysisOptions(homology_dims=(1,), mapper=False), "auto")
        >>> scalars.measured(model, {"topology/bars_H1/0": 3.0})["topology/bars_H1/0"]
        3.0
        >>> scalars.not_recorded(model)["topology/bars_H1/0"], scalars.measured(model, {})["topology/bars_H1/0"]
        (3.0, nan)
    """

    def __init__(self, options: AnalysisOptions, layers: LayerSpec, *, gaps: bool = False) -> None:
        self._options = options
        self._layers = layers
        self._gaps = gaps
        self._values: dict[str, float] = {}

    def tags(self, module: nn.Module) -> list[str]:
        """The names of all numbers that there should be, measured or not; those of layers only if some can be chosen.

        Args:
            module: The model.
        """
        try:
            layers = list(choose_layers(module, self._layers))
        except ValueError:  # which has been said where it was to be recorded
            layers = []
        distances = [distance.describe(self._options.length) for distance in self._options.distances]
        statistics = [statistic.describe(self._options.length) for statistic in self._options.statistics]
        gaps = gap_descriptions(self._options) if self._gaps else []
        return [*scalar_tags(distances, [*statistics, *gaps], layers, ALERTS), LAST_WITHOUT_ALERT]

    def begin(self) -> None:
        """Forget the numbers of an earlier run."""
        self._values = {}

    def measured(self, module: nn.Module, values: Mapping[str, float]) -> dict[str, float]:
        """What there is after a validation that was to be recorded.

        Args:
            module: The model.
            values: The numbers that were measured; none if that failed.

        Returns:
            Every name to its number, NaN where it was not measured. A name that was there stays.
        """
        self._values = dict.fromkeys((*self.tags(module), *self._values), math.nan) | dict(values)
        return dict(self._values)

    def not_recorded(self, module: nn.Module) -> dict[str, float]:
        """What there is after a validation that was not to be recorded: the last one's numbers.

        Args:
            module: The model.
        """
        self._values = dict.fromkeys(self.tags(module), math.nan) | self._values
        return dict(self._values)

    def log(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, measured: MeasuredStep | None, *, recorded: bool
    ) -> None:
        """Put them where other callbacks look. Every process must call this, in a hook where ``log`` is allowed.

        Loggers get none of them from here: NaN is not for them.

        Args:
            trainer: The Trainer.
            pl_module: Its model.
            measured: What was measured, on the first process; ``None`` if that failed.
            recorded: Whether this validation was to be recorded.
        """
        if trainer.sanity_checking:  # what is logged in a sanity check is thrown away
            return
        if recorded:
            found = {} if measured is None else self._found(measured)
            values = self.measured(pl_module, trainer.strategy.broadcast(found, src=0))
        else:
            values = self.not_recorded(pl_module)
        pl_module.log_dict(values, logger=False)

    def _found(self, measured: MeasuredStep) -> dict[str, float]:
        before = self._values.get(LAST_WITHOUT_ALERT, math.nan)
        last = {LAST_WITHOUT_ALERT: last_without_alert(measured, before)}
        return scalars(measured.snapshot, alerts=measured.alerts) | last

    def state(self) -> dict[str, float]:
        """What a checkpoint holds, so that a run that goes on has the last numbers before it measures again."""
        return dict(self._values)

    def load_state(self, state: Mapping[str, float]) -> None:
        """Take in what a checkpoint holds."""
        self._values = {str(tag): float(value) for tag, value in state.items()}
