"""What a training's settings keep a monitor from doing, said before the first step."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities.model_helpers import is_overridden

from topocallback.monitor.reports import Reports

__all__ = ["report_earlier", "report_nothing_recorded", "report_settings"]

_PREFIX = "topology/"
_DRIFT = f"{_PREFIX}drift"
_ALERT = f"{_PREFIX}alert/"
_BETTER, _WORSE = "stopping_threshold", "divergence_threshold"  # of EarlyStopping
_LONG = 1000  # validations


def report_earlier(trainer: pl.Trainer, monitor: object, kind: type, reports: Reports) -> bool:
    """Say where a monitor stands behind another one of the same Trainer.

    Args:
        trainer: The Trainer.
        monitor: The monitor.
        kind: Its class.
        reports: Where to say it.

    Returns:
        Whether it does, and so is off.
    """
    monitors = (callback for callback in trainer.callbacks if isinstance(callback, kind))  # type: ignore[attr-defined]
    is_off = next(monitors, monitor) is not monitor
    if is_off:
        reports.complain(
            "an earlier TopologyMonitor of the same Trainer writes the same tags and files, so this one is off. "
            "Give one monitor all the layers, or each monitor a Trainer and a log directory of its own."
        )
    return is_off


def report_settings(
    trainer: pl.Trainer,
    reports: Reports,
    tags: Sequence[str],
    *,
    background: bool,
    backend: object,
    every_n_validations: int,
) -> None:
    """Say what of a training, and of the callbacks beside the monitor, does not go together with its options.

    Args:
        trainer: The Trainer, at the start of ``fit``.
        reports: Where to say it.
        tags: The names of all numbers that there will be.
        background: Whether they are measured while training goes on, and come too late for other callbacks.
        backend: What computes the diagrams.
        every_n_validations: How many validations there are for each that is recorded.
    """
    _report_no_validation(trainer, reports)
    if background and backend == "ripser":
        reports.warn(
            "ripser.py holds Python's global lock while it computes, so training waits for it even in the "
            "background. `backend='redzed'` (pip install redzed-tda) does not."
        )
    _report_watchers(trainer, reports, tags, background=background, every_n_validations=every_n_validations)


def _report_no_validation(trainer: pl.Trainer, reports: Reports) -> None:
    if trainer.enable_validation:
        return
    if not is_overridden("validation_step", trainer.lightning_module):
        why = "the model has no `validation_step`. Give it one"
    elif trainer.limit_val_batches == 0:
        why = "`limit_val_batches=0` leaves validation out. Leave that option out"
    else:
        why = "there is no validation data loader. Give `fit` one, or the model or data module a `val_dataloader`"
    reports.warn(f"nothing will be recorded, for layers are recorded during validation and {why}.")


def report_nothing_recorded(trainer: pl.Trainer, reports: Reports) -> None:
    """Say that nothing was recorded, where a training should have validated and came to none.

    Args:
        trainer: The Trainer, at the end of ``fit``.
        reports: Where to say it.
    """
    if trainer.enable_validation:  # else it has been said
        reports.warn(
            "nothing was recorded, for the training ended without a validation. Are there validation data, and is it "
            "long enough for `check_val_every_n_epoch` and `val_check_interval`?"
        )


def _report_watchers(
    trainer: pl.Trainer, reports: Reports, tags: Sequence[str], *, background: bool, every_n_validations: int
) -> None:
    watchers = [(who, key) for who, key in _watchers(trainer) if key.startswith(_PREFIX)]
    if not watchers:
        return
    who = ", ".join(dict.fromkeys(f"{_name(watcher)} monitors {key!r}" for watcher, key in watchers))
    if background:
        reports.warn(
            f"{who}. That is not available: with `background=True` numbers arrive after validation has ended. Set "
            "`TopologyMonitor(background=False)`."
        )
        return
    if tags and (unknown := [key for _, key in dict.fromkeys(watchers) if key not in tags]):
        reports.warn(f"there will be no {'; no '.join(map(_with_closest(tags), dict.fromkeys(unknown)))}.")
    said = _on_patience(watchers, every_n_validations) + _on_first_drift(watchers) + _on_alerts(watchers)
    if said:
        reports.warn(f"{who}. {' '.join(said)}")


def _on_patience(watchers: Sequence[tuple[Any, str]], every_n_validations: int) -> list[str]:
    if every_n_validations == 1 or not any(
        hasattr(watcher, "patience") and not key.startswith(_ALERT) for watcher, key in watchers
    ):
        return []
    return [
        f"With `every_n_validations={every_n_validations}` a number stands until the next recorded validation, and "
        "`patience` counts every validation, recorded or not: make it a multiple of `every_n_validations`."
    ]


def _on_first_drift(watchers: Sequence[tuple[Any, str]]) -> list[str]:
    if not any(key.startswith(_DRIFT) and getattr(watcher, "check_finite", False) for watcher, key in watchers):
        return []
    return [
        "The first drift of a run is NaN, at which `EarlyStopping` ends the training: give it `check_finite=False`."
    ]


def _on_alerts(watchers: Sequence[tuple[Any, str]]) -> list[str]:
    of_alerts = [watcher for watcher, key in watchers if key.startswith(_ALERT) and hasattr(watcher, _WORSE)]
    if all(map(_stops_at_alerts_alone, of_alerts)):
        return []
    return [
        "To stop at an alert, and neither for want of one nor where an analysis fails, `EarlyStopping` needs "
        "`mode='min'`, `divergence_threshold=0.5`, `patience=1_000_000` and `check_finite=False`."
    ]


def _stops_at_alerts_alone(stopping: Any) -> bool:
    """No alert is no improvement over none before, so that patience would end; 0 may be beyond no threshold."""
    needed, other = (_WORSE, _BETTER) if stopping.mode == "min" else (_BETTER, _WORSE)
    has_threshold = getattr(stopping, needed) is not None and getattr(stopping, other) is None
    return has_threshold and stopping.patience >= _LONG and not stopping.check_finite


def _with_closest(tags: Sequence[str]) -> Callable[[str], str]:
    def text(key: str) -> str:
        closest = difflib.get_close_matches(key, tags, n=3, cutoff=0.3)
        return f"{key!r}, which is monitored; closest: {closest}" if closest else f"{key!r}, which is monitored"

    return text


def _watchers(trainer: pl.Trainer) -> Iterator[tuple[Any, str]]:
    """Whoever has an attribute ``monitor``, and each name in it."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        yield from _monitored(callback, getattr(callback, "monitor", None))
    for config in trainer.lr_scheduler_configs:
        yield from _monitored(config.scheduler, config.monitor)


def _monitored(watcher: Any, keys: Any) -> Iterator[tuple[Any, str]]:
    several = keys.values() if isinstance(keys, Mapping) else keys
    for key in several if isinstance(keys, (list, tuple, set, Mapping)) else [keys]:
        if isinstance(key, str):
            yield watcher, key


def _name(watcher: Any) -> str:
    return type(watcher).__name__
