"""One run's line of snapshots: each is analysed against the earlier ones, archived, drawn and packed for the tab."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from topocallback.analysis.analyse import analyse_next
from topocallback.analysis.analysed import Analysed
from topocallback.analysis.gap import with_gap
from topocallback.analysis.options import AnalysisOptions
from topocallback.clock import Clock, processor_seconds
from topocallback.findings.step_by_step import StepByStep
from topocallback.memory import size_in_words
from topocallback.monitor.archiving import RunArchive
from topocallback.monitor.disks import Disks
from topocallback.monitor.reference import FIRST, RecordedReference, Reference
from topocallback.records.archive import LAST_CLOUDS, REFERENCE_CLOUDS
from topocallback.records.finding import Finding
from topocallback.records.kept_clouds import KeptClouds
from topocallback.records.point_clouds import PointClouds, SampledInputs
from topocallback.records.recorded import HowRecorded, Recorded, differences, told
from topocallback.records.snapshot import Snapshot
from topocallback.views.canvas import Picture
from topocallback.views.figures import Ranges
from topocallback.views.payload import encode
from topocallback.views.pictures import Pictures
from topocallback.views.sprite import Sprite, make_sprite

__all__ = ["MeasuredStep", "Run"]

_WORTH_A_WORD = 10_000_000  # bytes


@dataclass
class MeasuredStep:
    """What one step gave: the snapshot, how it is shown, what is to be told, what went wrong, and what it took.

    Attributes:
        findings: What was found in the run until then.
        alerts: Kind of alert to the number of layers that have it; without kinds that could not be asked for.
        seconds: Stage to processor seconds: what the snapshot knows of, and what came after it.
    """

    snapshot: Snapshot
    pictures: list[Picture] = field(default_factory=list)
    payload: bytes | None = None
    sprite: Sprite | None = None
    notes: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    alerts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class Run:
    """Turns the point clouds of one step after the other into snapshots.

    Args:
        folder: Where the archive is; ``None`` keeps the last 100 snapshots in memory instead. What cannot be written
            there is kept in memory as well.
        options: What to measure.
        figures: Whether to draw pictures: of every snapshot, or at most once in so many seconds.
        continues: Whether snapshots that are in the folder already belong to this run, see ``go_on``.
        reference: What ``drift_from_reference`` is measured from; see ``check_reference``.
        disks: Knows whether there is room for the archive.

    Attributes:
        findings: What has been found until the last step.
    """

    def __init__(
        self,
        folder: Path | None,
        options: AnalysisOptions,
        *,
        figures: bool | float = True,
        continues: bool = False,
        reference: str = FIRST,
        disks: Disks | None = None,
    ) -> None:
        self.archive = RunArchive(folder, Disks() if disks is None else disks)
        self.options = options
        self.figures = figures
        self.reference = Reference(reference, options, self.archive)
        self.findings: list[Finding] = []
        self._previous: Analysed | None = None
        self._not_found: list[str] = []  # what went wrong with findings, until it is reported
        self._step_by_step = StepByStep(self._not_found.append)
        self._ranges = Ranges()
        self._pictures = Pictures()
        self._drawn_at = -math.inf
        self._undrawn: Snapshot | None = None  # the last snapshot, where it is not drawn yet
        self._previous_is_read = False  # from the archive, and not measured here
        self._goes_on = continues
        self._measured_until: int | None = None

    def go_on(self, measured_until: int | None = None) -> None:
        """Say that earlier snapshots belong to this run: drift goes on from those before its next step.

        Later ones are of a branch that was left when the run was set back. They are put aside when the next snapshot is
        written.

        Args:
            measured_until: The last step that is not of such a branch, where it is known.
        """
        self._goes_on = True
        self._measured_until = measured_until

    @property
    def history(self) -> Sequence[Snapshot]:
        """The run's snapshots in the order of their steps, read lazily where they are in the archive."""
        return self.archive.history

    def measure(
        self,
        clouds: PointClouds,
        *,
        step: int,
        epoch: int,
        n_threads: int = 1,
        inputs: SampledInputs | None = None,
        spent: Mapping[str, float] | None = None,
        reference: RecordedReference | None = None,
        training: PointClouds | None = None,
    ) -> MeasuredStep:
        """Analyse, draw and archive one step. Steps have to come in their order.

        Args:
            clouds: The step's point clouds.
            step: The logger's step.
            epoch: The trainer's epoch.
            n_threads: Threads for the analysis.
            inputs: The samples' own images, once per run: they are kept beside the archive.
            spent: Stage to the processor seconds that the step has taken already.
            reference: What was recorded of the network that is the reference, where that has to be.
            training: The clouds of the same layers on training samples.

        Returns:
            The snapshot, its pictures and what the tab reads. A failure to archive or draw is in ``errors`` and loses
            nothing else.

        Raises:
            ValueError: If the clouds cannot be analysed.
        """
        errors: list[Exception] = []
        clock, start = Clock(), processor_seconds()
        left_behind = self._catch_up(step, errors)
        self.reference.seek(reference, n_threads)
        anew = self._recorded_otherwise(HowRecorded(clouds.recording, self.options.describe()), step)
        analysed = self._analysed(clouds, step, epoch, n_threads, anew)
        if training is not None:
            with clock("gap"), _collected(errors):
                analysed.snapshot = with_gap(analysed, clouds, training, self.options, n_threads)
        snapshot = analysed.snapshot
        self._remember(analysed)
        self._previous_is_read = False
        with clock("findings"):
            self.findings = self._step_by_step(snapshot)
        with clock("pictures"):
            pictures = self._draw(snapshot, errors)
        seconds = {**(spent or {}), **snapshot.seconds, **clock.seconds}
        seconds["total"] = sum((spent or {}).values()) + processor_seconds() - start
        measured = MeasuredStep(dataclasses.replace(snapshot, seconds=seconds), pictures, errors=errors)
        measured.findings = self.findings
        measured.alerts = self._step_by_step.alerts(self.findings)
        errors += map(RuntimeError, self._not_found)
        self._not_found.clear()
        with clock("archive"):
            self._archive(measured, left_behind)
            self._keep_clouds(analysed.clouds, measured)
        with clock("tab"):
            self._pack(measured, inputs)
        measured.seconds = seconds | clock.seconds
        return measured

    def draw_last(self) -> MeasuredStep | None:
        """The pictures of the last snapshot, where it was too early for them when it was measured."""
        if self._undrawn is None:
            return None
        snapshot, errors = self._undrawn, list[Exception]()
        self._drawn_at = -math.inf
        return MeasuredStep(snapshot, self._draw(snapshot, errors), errors=errors)

    def _draw(self, snapshot: Snapshot, errors: list[Exception]) -> list[Picture]:
        interval = 0.0 if self.figures is True else float(self.figures)
        self._undrawn = snapshot if self.figures else None
        if not self.figures or time.monotonic() - self._drawn_at < interval:
            return []
        self._undrawn = None
        pictures = self._pictures.draw(snapshot, self._ranges.limits, errors)
        self._drawn_at = time.monotonic()
        return pictures

    def _archive(self, measured: MeasuredStep, left_behind: list[int]) -> None:
        if left_behind:
            with _collected(measured.errors):
                measured.notes.append(self.archive.put_aside(left_behind, measured.snapshot.step))
        with _collected(measured.errors):  # a full disk must not cost the numbers
            self.archive.keep(measured.snapshot)

    def _keep_clouds(self, last: KeptClouds | None, measured: MeasuredStep) -> None:
        """Beside the archive, for when the run is gone on with, or another one is held against it."""
        if last is None or self.archive.folder is None:
            return
        first = self.reference.first_clouds
        with _collected(measured.errors):
            self.archive.keep_clouds(LAST_CLOUDS, last)
            if first is not None and first.step == last.step:  # which it is once
                self.archive.keep_clouds(REFERENCE_CLOUDS, first)
        if last.n_bytes >= _WORTH_A_WORD:
            size = size_in_words(last.n_bytes)
            measured.notes.append(
                f"distances that need more than diagrams take {size} beside the archive for the clouds of the last "
                f"snapshot, and as much for those of the reference ({self.archive.folder})."
            )

    def _pack(self, measured: MeasuredStep, inputs: SampledInputs | None) -> None:
        """What the tab shows."""
        with _collected(measured.errors):
            measured.payload = encode(measured.snapshot, measured.findings)
        if inputs is not None:
            with _collected(measured.errors):
                measured.sprite = make_sprite(inputs)
                self.archive.keep_inputs(measured.sprite.png, measured.sprite.facts)

    def _analysed(self, clouds: PointClouds, step: int, epoch: int, n_threads: int, anew: str) -> Analysed:
        """A step's snapshot. If what was read of earlier ones is why it cannot be had, drift starts anew without it."""

        def after(previous: Analysed | None, reference: Analysed | None) -> Analysed:
            return analyse_next(clouds, self.options, step, epoch, previous, reference, n_threads)

        if anew:
            self.reference.forget_first()
        how = HowRecorded(clouds.recording, self.options.describe())
        reference, name, lacking = self.reference.of_step(how, step)
        try:
            analysed = after(None if anew else self._previous, reference)
        except Exception as error:
            if anew or self._previous is None or not self._previous_is_read:
                raise
            self.reference.forget_first()
            reference, name, lacking = self.reference.of_step(how, step)
            analysed = after(None, reference)
            before = self._previous.snapshot.step
            anew = (
                f"Drift starts anew at step {step}, for it cannot be compared with step {before}: "
                f"{type(error).__name__}: {error}"
            )
            self._previous = None
        said = {"drift": anew, "reference": lacking}
        problems = {**analysed.snapshot.problems, **{about: text for about, text in said.items() if text}}
        analysed.snapshot = dataclasses.replace(analysed.snapshot, problems=problems, reference=name)
        return analysed

    def _catch_up(self, step: int, errors: list[Exception]) -> list[int]:
        """Take in what was measured before a step, and give the steps of what is not this run's any more.

        A run that goes on does so from its checkpoint, not from its end. What cannot be read, whatever it is, must not
        cost what comes.
        """
        if not self._goes_on:
            return []
        self._goes_on = False
        self.reference.forget_first()
        self._previous = None
        self._step_by_step = StepByStep(self._not_found.append)
        self._ranges = Ranges()
        last = step - 1 if self._measured_until is None else min(step - 1, self._measured_until)
        kept = self._kept_clouds(errors)
        with _collected(errors):
            for snapshot in self.archive.until(last):
                self._go_on_from(snapshot, kept.get(snapshot.step), errors)
        self._previous_is_read = self._previous is not None
        return self.archive.steps_after(last)

    def _kept_clouds(self, errors: list[Exception]) -> dict[int, KeptClouds]:
        """The clouds that were kept of earlier snapshots, by their steps."""
        kept = {}
        for name in (LAST_CLOUDS, REFERENCE_CLOUDS):
            with _collected(errors):
                if (found := self.archive.clouds(name)) is not None:
                    kept[found.step] = found
        return kept

    def _go_on_from(self, snapshot: Snapshot, clouds: KeptClouds | None, errors: list[Exception]) -> None:
        try:
            self._remember(Analysed(snapshot, clouds=clouds))
            self._step_by_step.take(snapshot)
        except Exception as error:  # what one file holds must not cost the run its later snapshots
            errors.append(ValueError(f"Left out step {snapshot.step}: {type(error).__name__}: {error}"))

    def _recorded_otherwise(self, recorded: Recorded, step: int) -> str:
        """What keeps a step from being compared with the one before it, or an empty text.

        A distance between the two would not be the network's change, but that of what is looked at.
        """
        if self._previous is None:
            return ""
        found = differences(self._previous.snapshot, recorded)
        if not (different := {**found.meaning, **found.samples}):
            return ""
        return (
            f"Drift starts anew at step {step}, for earlier snapshots were recorded otherwise: "
            f"{told(different, f'step {self._previous.snapshot.step}', f'step {step}')}."
        )

    def _remember(self, analysed: Analysed) -> None:
        snapshot = analysed.snapshot
        if self._previous is None or self._recorded_otherwise(snapshot, snapshot.step):
            self.reference.take_first(analysed)
        self._previous = analysed
        self._ranges.include(snapshot)


@contextmanager
def _collected(errors: list[Exception]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        errors.append(error)
