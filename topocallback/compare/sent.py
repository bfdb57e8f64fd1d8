"""Measuring in other processes: what is sent there, and what comes back."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from topocallback.activations.checkpoint_file import CheckpointError
from topocallback.activations.generators import forked_generators
from topocallback.compare.contents import CannotBeSeenError
from topocallback.compare.environment import Settings
from topocallback.compare.measuring import MadeAtRandomError, Measurement, Measuring, Subject
from topocallback.compare.passes import batches_of_trainer

__all__ = ["FromWorker", "Said", "Sender", "measure_sent", "one_at_a_time"]

Pickled = bytes | NDArray[np.uint8]

_LARGE = 1_000_000  # bytes: joblib shares larger arrays among its processes, and Dask sends them to its workers once
_ALONE = threading.RLock()


def one_at_a_time() -> AbstractContextManager[Any]:
    """While models are loaded and run: generators, warnings and hooks belong to a process, and not to a thread of it.

    A Dask worker may have several threads, and be in this very process.
    """
    return _ALONE


class Said(NamedTuple):
    """A warning, and where it was given."""

    text: str
    category: type[Warning]
    file: str
    line: int


@dataclass
class FromWorker:
    """What came of a model in a worker.

    Attributes:
        found: What was measured.
        left_out: Why it cannot be measured, as ``ComparableSnapshots.leave_out`` says it.
        refused: Why it has to be measured in the process that asked for it.
        said: The warnings that were given meanwhile, each once.
    """

    found: Measurement | None = None
    left_out: str | None = None
    refused: str | None = None
    said: list[Said] = field(default_factory=list)


class _Beside(NamedTuple):
    """What a worker has to know besides the model."""

    known: frozenset[str]  # keys of what was measured before
    fingerprints: dict[float, str]  # of the data, which it need not read for that
    settings: Settings
    unsendable: str | None = None  # why the model was not sent


class Sender:
    """Makes jobs of models.

    Args:
        measuring: How they are measured, pickled.
        fingerprints: Those of the data.
    """

    def __init__(self, measuring: Pickled, fingerprints: dict[float, str]) -> None:
        self._measuring = measuring
        self._fingerprints = fingerprints
        self._settings = Settings.here()
        self._has_said = False

    @classmethod
    def of(cls, measuring: Measuring) -> Sender | None:
        """What makes jobs of models, or ``None``, which is said, if all of them have to stay in this process.

        Data that are not the same at each pass would be others in each process. To know that takes one pass.

        Warns:
            UserWarning: If all have to stay.
        """
        data = measuring.data
        try:
            pickled = _pickled(measuring)  # before a pass starts workers of a data loader, which cannot be pickled
            data.fingerprint(batches_of_trainer(measuring.recording.trainer_options, data.recorded))
        except CannotBeSeenError as error:
            _say_stay("All models are", str(error))
        except Exception as error:  # whatever a user's own object does when it is pickled or read
            _say_stay("All models are", f"{type(error).__name__}: {error}")
        else:
            return cls(pickled, data.fingerprints)
        return None

    def job(self, subject: Subject, known: frozenset[str]) -> tuple[Pickled, Pickled, _Beside]:
        """The arguments of ``measure_sent`` for a model.

        Args:
            subject: Which one.
            known: Keys of what was measured before.
        """
        beside = _Beside(known, self._fingerprints, self._settings)
        try:
            return self._measuring, _pickled(subject), beside
        except Exception as error:  # whatever a user's own object does when it is pickled
            return b"", b"", beside._replace(unsendable=f"{type(error).__name__}: {error}")

    def say_stays(self, name: str, reason: str) -> None:
        """Say, once, that a model has to stay in this process."""
        if not self._has_said:
            self._has_said = True
            _say_stay("Some models are", f"{name}: {reason}")


def measure_sent(measuring: Pickled, subject: Pickled, beside: _Beside) -> FromWorker:
    """Measure a model that was sent; ``Sender.job`` makes the arguments."""
    if beside.unsendable is not None:
        return FromWorker(refused=beside.unsendable)
    try:
        how: Measuring = _unpickled(measuring)
        which: Subject = _unpickled(subject)
    except Exception as error:  # such as a module that is not installed there
        return FromWorker(refused=f"a worker could not read it, {type(error).__name__}: {error}")
    how.data.fingerprints = dict(beside.fingerprints)
    back = FromWorker()
    with (
        one_at_a_time(),
        _may_have_children(),
        beside.settings.used(),
        forked_generators(),  # the worker may be a thread of the process that asked
        warnings.catch_warnings(record=True) as said,
    ):
        warnings.simplefilter("always")  # whoever asked decides what is shown
        try:
            back.found = how.recorded(which, beside.known.__contains__, has_generators=False)
        except CheckpointError as error:
            back.left_out = str(error)
        except MadeAtRandomError as error:
            back.refused = str(error)
        how.free_models()
    back.said = list(dict.fromkeys(Said(str(each.message), each.category, each.filename, each.lineno) for each in said))
    if back.found is not None:
        how.analyse(back.found)
        if not how.needs_clouds:
            back.found.clouds = None
    return back


@contextmanager
def _may_have_children() -> Iterator[None]:
    """Let data loaders start workers: Dask's own are daemons, to which Python refuses it.

    Those of a data loader end by themselves when the process that started them is gone.
    """
    config: dict[str, Any] = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    before = config.get("daemon")
    config["daemon"] = False
    try:
        yield
    finally:
        config["daemon"] = before


def _pickled(thing: Any) -> Pickled:
    pickled = cloudpickle.dumps(thing)
    return np.frombuffer(pickled, np.uint8) if len(pickled) > _LARGE else pickled


def _unpickled(pickled: Pickled) -> Any:
    return pickle.loads(pickled if isinstance(pickled, bytes) else pickled.data)


def _say_stay(who: str, reason: str) -> None:
    warnings.warn(
        f"{who} measured in this process, one after the other, and not by joblib's workers: {reason}.",
        UserWarning,
        stacklevel=2,
    )
