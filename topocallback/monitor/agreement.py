"""What all processes of a run are about to do together: decided once, before any of them does it."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import lightning.pytorch as pl

from topocallback.activations.gather import gather_numbers
from topocallback.activations.options import ValidationOptions
from topocallback.monitor.reports import Reports
from topocallback.monitor.trainer import is_distributed

__all__ = ["NOTHING", "Agreement", "Intention", "agree", "decide", "digest"]


@dataclass(frozen=True)
class Intention:
    """What one process is about to do at the end of a validation.

    Attributes:
        is_due: Whether this validation is to be recorded.
        is_ready: Whether nothing has failed so far.
        has_inputs: Whether the sampled inputs have been kept.
        options: A number that differs where options do that have to be the same everywhere.
        saves: Whether this validation would be recorded, but for what that costs.
    """

    is_due: bool
    is_ready: bool
    has_inputs: bool
    options: int
    saves: bool = False


@dataclass(frozen=True)
class Agreement:
    """What all processes do.

    Attributes:
        is_due: Whether this validation counts as recorded.
        records: Whether recordings are brought together.
        inputs: Whether the sampled inputs are, too.
        notes: What processes disagree on: a sentence for each thing.
    """

    is_due: bool
    records: bool
    inputs: bool
    notes: tuple[str, ...] = ()


NOTHING = Agreement(is_due=False, records=False, inputs=False)
"""What is done where nothing is to be recorded."""


def agree(trainer: pl.Trainer, own: Intention, reports: Reports) -> Agreement:
    """What all processes do. Every process must call this at the end of every validation, whatever it is about to do.

    A collective operation that only some processes reach makes these wait for ever, or exchange one thing for another.
    So whatever may differ between processes is asked for here, in one exchange, and nothing that leads to a further one
    is decided by a process alone.

    Args:
        trainer: The Trainer.
        own: What this process is about to do.
        reports: Where to say what processes disagree on: on the first one, or on all of them where that is an error.
    """
    if not is_distributed(trainer):
        return decide([own])
    numbers = [int(number) for number in dataclasses.astuple(own)]
    table = gather_numbers(numbers, trainer.strategy.root_device)
    everyones = [
        Intention(bool(due), bool(ready), bool(inputs), what, bool(saves)) for due, ready, inputs, what, saves in table
    ]
    agreement = decide(everyones)
    if trainer.is_global_zero or reports.on_error == "raise":
        for note in agreement.notes:
            reports.complain(note)
    return agreement


def decide(intentions: Sequence[Intention]) -> Agreement:
    """What follows from what each process is about to do: the most that all of them can do together.

    Args:
        intentions: Those of all processes, in their order.

    Example:
        >>> decide([Intention(True, True, True, 7), Intention(True, True, False, 7)]).notes
        ('the sampled inputs are not shown, because there are none in process 1.',)
    """
    due = [each.is_due for each in intentions]
    if not any(due) or any(each.saves for each in intentions):
        return NOTHING
    if not all(due):
        note = f"a validation is not recorded, because it is not to be recorded in process {_ranks(due)}."
        return dataclasses.replace(NOTHING, notes=(note,))
    alike = [each.options == intentions[0].options for each in intentions]
    if not all(alike):
        note = (
            f"nothing is recorded, because the monitor of process {_ranks(alike)} has other options than that of "
            "process 0. Give all processes the same `n_samples`, `seed`, `pooling`, `calls`, `dataloader_idx` and "
            "`background`."
        )
        return dataclasses.replace(NOTHING, notes=(note,))
    if not all(each.is_ready for each in intentions):  # which is said where it failed
        return Agreement(is_due=True, records=False, inputs=False)
    inputs = [each.has_inputs for each in intentions]
    notes = []
    if any(inputs) and not all(inputs):
        notes.append(f"the sampled inputs are not shown, because there are none in process {_ranks(inputs)}.")
    return Agreement(is_due=True, records=True, inputs=all(inputs), notes=tuple(notes))


def digest(options: ValidationOptions, *, background: bool) -> int:
    """A number that differs where options do that have to be the same in all processes.

    Functions and objects are not looked at, for the same ones have other names in other processes; nor are layers, of
    which those are recorded that all processes have.

    Args:
        options: What is recorded.
        background: Whether it is analysed in the background.
    """
    plain = (str, int, float, type(None))
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(ValidationOptions)}
    told = [(name, value) for name, value in values.items() if name != "layers" and isinstance(value, plain)]
    return zlib.crc32(repr((told, background)).encode())


def _ranks(agreeing: Sequence[bool]) -> str:
    return ", ".join(str(rank) for rank, agrees in enumerate(agreeing) if not agrees)
