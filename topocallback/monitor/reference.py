"""What a run's layers are held against besides its previous snapshot."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass

from topocallback.analysis.analyse import analyse_next
from topocallback.analysis.analysed import Analysed
from topocallback.analysis.options import AnalysisOptions
from topocallback.monitor.archiving import RunArchive
from topocallback.monitor.disks import Disks
from topocallback.records.archive import LAST_CLOUDS, REFERENCE_CLOUDS
from topocallback.records.kept_clouds import KeptClouds
from topocallback.records.paths import as_path
from topocallback.records.point_clouds import PointClouds
from topocallback.records.recorded import Recorded, differences, told
from topocallback.records.runs import load_history

__all__ = ["FIRST", "UNTRAINED", "RecordedReference", "Reference", "check_reference", "is_run", "name_of"]

FIRST, UNTRAINED = "first", "untrained"
_WORDS = "'first', 'untrained', a checkpoint or a run's folder"


def check_reference(reference: str | os.PathLike[str]) -> str:
    """The option as text, if it is one of those allowed.

    Args:
        reference: ``"first"``, ``"untrained"``, a checkpoint's file, or a run's folder.

    Raises:
        ValueError: If it is none of the words, and there is no such file or folder.
        TypeError: If it is neither text nor a path.

    Example:
        >>> check_reference("frist")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: Expected `reference` to be 'first', 'untrained', ... or folder.
    """
    if not isinstance(reference, (str, os.PathLike)):
        raise TypeError(f"Expected `reference` to be {_WORDS}, got {reference!r}.")
    name = os.fspath(reference)
    if name not in (FIRST, UNTRAINED) and not as_path(name).exists():
        raise ValueError(f"Expected `reference` to be {_WORDS}, got {name!r}: there is no such file or folder.")
    return name


def is_run(reference: str) -> bool:
    """Whether the reference is another run's folder. A folder that is called as one of the words is not meant.

    Example:
        >>> is_run("first"), is_run("."), is_run("last.ckpt")
        (False, True, False)
    """
    return reference not in (FIRST, UNTRAINED) and as_path(reference).is_dir()


def name_of(reference: str) -> str:
    """What the reference is called, where it is another network than the run's.

    Example:
        >>> name_of("untrained"), name_of("runs/a/last.ckpt")
        ('the untrained network', 'checkpoint runs/a/last.ckpt')
    """
    return "the untrained network" if reference == UNTRAINED else f"checkpoint {reference}"


@dataclass(frozen=True)
class RecordedReference:
    """What was recorded of another network than the run's as it is: of the untrained one, or of a checkpoint.

    Attributes:
        clouds: Its clouds, of the run's samples; ``None`` where they could not be recorded.
        problem: Why there are none, or why layers are missing.
    """

    clouds: PointClouds | None
    problem: str = ""


class Reference:
    """What ``drift_from_reference`` is measured from, in one run.

    Args:
        given: What ``check_reference`` gives.
        options: What is measured.
        archive: Where the run keeps it for when it is gone on with.
    """

    def __init__(self, given: str, options: AnalysisOptions, archive: RunArchive) -> None:
        self._given = given
        self._options = options
        self._archive = archive
        self._analysed: Analysed | None = None
        self._name = ""
        self._problem = ""
        self._is_sought = given != FIRST

    def seek(self, recorded: RecordedReference | None, n_threads: int) -> None:
        """Have it ready before the first step that is measured; what fails is told by ``of_step``.

        Args:
            recorded: What was recorded for it.
            n_threads: Threads.
        """
        if not self._is_sought:
            return
        self._is_sought = False
        try:
            if is_run(self._given):
                self._analysed = self._of_run()
            elif recorded is None:
                self._analysed = self._kept()
            else:
                self._analysed = self._of_recorded(recorded, n_threads)
        except Exception as error:  # without it there is still everything else
            self._problem = f"{type(error).__name__}: {error}"

    def take_first(self, analysed: Analysed) -> None:
        """Say which snapshot is the run's first one, or the first that those after it can be held against."""
        if self._given == FIRST:
            self._analysed = analysed
            self._name = f"the run's first snapshot, step {analysed.snapshot.step}"

    def forget_first(self) -> None:
        """Say that the run's first snapshot is no use any more."""
        if self._given == FIRST:
            self._analysed = None

    @property
    def first_clouds(self) -> KeptClouds | None:
        """The clouds of the run's first snapshot, where that is the reference."""
        return self._analysed.clouds if self._given == FIRST and self._analysed is not None else None

    def of_step(self, recorded: Recorded, step: int) -> tuple[Analysed | None, str, str]:
        """What a step is held against.

        Args:
            recorded: How the step was recorded.
            step: The step.

        Returns:
            The reference, ``None`` where there is none; what it is called; what it lacks, or why there is none: may be
            empty.
        """
        if self._analysed is None:
            return None, "", self._problem
        found = differences(self._analysed.snapshot, recorded)
        if different := {**found.meaning, **found.samples}:
            how = told(different, self._name, f"step {step}")
            return None, "", f"Layers are not held against {self._name}, which was recorded otherwise: {how}."
        return self._analysed, self._name, self._problem

    def _of_recorded(self, recorded: RecordedReference, n_threads: int) -> Analysed:
        if recorded.clouds is None:
            raise ValueError(recorded.problem)
        self._name, self._problem = name_of(self._given), recorded.problem
        found = analyse_next(recorded.clouds, self._options, 0, 0, None, None, n_threads)
        try:
            self._archive.keep_reference(dataclasses.replace(found.snapshot, reference=self._name), found.clouds)
        except OSError as error:
            self._problem = f"{self._problem} It is lost when the run is gone on with: {error}".lstrip()
        return found

    def _kept(self) -> Analysed:
        self._name = name_of(self._given)
        if self._archive.reference_name() != self._name:
            raise ValueError(
                f"{self._name} is not known: the run goes on where an earlier one stopped that did not keep it."
            )
        snapshot = self._archive.reference()
        return Analysed(snapshot, clouds=self._archive.clouds(REFERENCE_CLOUDS))

    def _of_run(self) -> Analysed:
        """The last snapshot of another run."""
        history = load_history(self._given)
        snapshot = history[-1]
        self._name = f"step {snapshot.step} of run {self._given}"
        found = Analysed(snapshot)
        lacking = dict.fromkeys(each.label for each in self._options.distances if not each.from_diagrams)
        if lacking:
            kept = RunArchive(history.folder, Disks()).clouds(LAST_CLOUDS)
            found.clouds = kept if kept is not None and kept.step == snapshot.step else None
        if lacking and found.clouds is None:
            self._problem = (
                f"Nothing is held against {self._name} by {', '.join(lacking)}: that run kept no clouds, which only a "
                "run does that is measured by a distance that needs them."
            )
        return found
