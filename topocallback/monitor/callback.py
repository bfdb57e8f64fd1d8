"""TopologyMonitor: watches the topology of a network's layers while it trains."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor
from typing_extensions import override

from topocallback.activations.hooks import RECORDING
from topocallback.activations.layers import choose_layers
from topocallback.activations.options import ValidationOptions, by_name, check_seconds
from topocallback.activations.positions import Positions
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.mapper.options import MapperOptions
from topocallback.measures.parallel import available_threads
from topocallback.measures.table import MeasureLike
from topocallback.monitor.agreement import NOTHING, Intention, agree, digest
from topocallback.monitor.current_run import CurrentRun
from topocallback.monitor.delivery import LONGEST_WAIT, WAIT_AFTER_FAILURE, Delivery
from topocallback.monitor.disks import Disks
from topocallback.monitor.findings_told import print_findings
from topocallback.monitor.monitored import MonitoredScalars
from topocallback.monitor.predicted import report_cost
from topocallback.monitor.preparation import import_for_analysis
from topocallback.monitor.reference import check_reference
from topocallback.monitor.reports import Reports
from topocallback.monitor.run import MeasuredStep
from topocallback.monitor.scalars import logged_quantities
from topocallback.monitor.schedule import Schedule
from topocallback.monitor.spent import Spent
from topocallback.monitor.start import report_earlier, report_nothing_recorded, report_settings
from topocallback.monitor.trainer import last_step, logging_step
from topocallback.monitor.watch import Watch, WatchedValidation
from topocallback.records.finding import Finding
from topocallback.records.snapshot import Snapshot

__all__ = ["TopologyMonitor"]


class TopologyMonitor(Callback):
    """Records chosen layers during validation and logs how far apart they are and how they change.

    At every recorded validation it takes the same samples through every chosen layer, makes one point cloud per layer,
    computes Vietoris-Rips persistence diagrams, and compares the layers by the sliced Wasserstein distance of their
    diagrams (Purvine et al., "Experimental Observations of the Topology of Convolutional Neural Network Activations",
    AAAI 2023). All of it is logged at the step at which ``val_loss`` is logged, and kept as one ``Snapshot`` per step
    under ``<log_dir>/topology``.

    The trained weights are bit-identical with and without the callback. It draws from no global random generator, its
    hooks are there during forward passes of validation steps only, and what fails inside it becomes a warning. What it
    took for labels, padding and samples is told in one line.

    Scalars, each with ``/<layer>`` behind it: ``topology/drift_H1`` (distance from the same layer in the previous
    snapshot), ``topology/drift_from_reference_H1`` and ``topology/noise_H1`` (the distance that two independent samples
    of the layer, of as many points, have on average); ``topology/participation_ratio``, ``topology/mean_cosine``,
    ``topology/dead_units`` and, where there are labels, ``topology/knn_accuracy``. Without a layer:
    ``topology/alert/nan_layers`` and so on, in how many layers something is broken, and ``topology/seconds``. Pictures:
    ``topology/layer_distance`` and ``topology/persistence_diagrams``, with ranges that stay fixed within a run, and
    ``topology/mapper``, whose nodes start where they were at the step before. TensorBoard's tab Topology shows every
    snapshot with its Mapper graphs and the images in their nodes.

    The untrained network is the run's first snapshot, at step 0, if the Trainer's sanity check runs through all of the
    validation data (``num_sanity_val_steps=-1``); a shorter sanity check is not measured.

    Args:
        layers: Which layers to record: ``"auto"``, names, globs, module classes or their names, or a sequence of them;
            see ``choose_layers``.
        pooling: How a layer's positions become one vector per sample: ``"auto"``, ``"max_norm"``, ``"random"``,
            ``"mean"``, ``"flatten"``, ``"token"``, ``"last"``, ``"rows"`` or a function, see ``to_vectors``; or
            ``Positions``, which makes several positions of a sample points of their own.
        n_samples: How many validation samples to use, at least 2. Which ones is a pure function of ``seed`` and the
            samples' indices.
        homology_dims: Homology dimensions, ascending.
        measures: Measures of both kinds: names such as ``"sliced_wasserstein"``, objects with options, or functions;
            see ``topocallback.measures``. Statistics of diagrams, of Mapper graphs and of clouds come with these.
        scale: ``"quantile"`` divides each cloud by the 0.9 quantile of its pairwise distances, so that layers and
            steps can be compared; ``"none"`` keeps the activations' units.
        mapper: Whether to make a Mapper graph of every layer, or ``MapperOptions`` that say how; see ``mapper_graph``.
            Nodes are made from the activations in their own units, and coloured by the batches' labels.
        reference: What ``topology/drift_from_reference`` is measured from: ``"first"``, the run's first snapshot;
            ``"untrained"``, the network before its first step; the file of a checkpoint, whose weights are run on the
            same samples once, by a copy of the model; or the folder of another run, whose last snapshot it is then.
        train_samples: On how many training samples to record the same layers beside every recorded validation, 0 for
            none: ``topology/train_gap_...`` say layer by layer how training and validation data differ, like for like;
            a copy of the model runs them, and the run does not notice.
        every_n_validations: Record the first of every so many validation runs.
        max_overhead: The largest share of the run's processor time that the monitor may take, such as 0.02: a
            validation that would go beyond it is left out, but for the first one. ``None`` leaves none out.
        dataloader_idx: Which validation data loader to record.
        labels: Where a batch has its labels: ``"auto"``, an index, a key, or ``None``; see ``find_labels``.
        mask: Where a batch says which positions are padding, which then never count: ``"auto"``, an index or a key of a
            mask or of lengths, or ``None``: nothing is padded; see ``MaskFinder``.
        calls: Which output of a layer that runs several times in a batch: ``"first"``, ``"last"``, ``"each"`` as a
            layer of its own, ``block@0``, ``block@1`` and so on, or ``"together"``: points of one cloud, several of
            each sample, as ``lidar`` needs them. Several views of the samples count as calls.
        channels: Where outputs with positions have their channels, 1 or -1; ``None`` tells from each layer's parts.
        select: Takes the tensor out of a layer's output; by default the first tensor in it.
        background: Whether to analyse in a background thread while training goes on. ``False`` waits for the result,
            and ``ModelCheckpoint``, ``EarlyStopping`` and others can monitor the scalars: all of them after every
            validation, NaN where one was not measured, and the last ones after a validation that is not recorded.
        figures: How often to draw pictures: at most once in so many seconds, and of the run's first and last snapshot;
            ``True`` draws every snapshot, ``False`` none. The tab needs none.
        scalars: Which numbers loggers get: ``"few"``, those above and the statistics in ``measures``; ``"all"``, also
            other homology dimensions, p-values and the statistics of diagrams and Mapper graphs. The archive, the tab
            and callbacks that monitor a number have all of them.
        log_inputs: Whether to show the sampled inputs in the Topology tab, where they are images: thumbnails of at most
            48 pixels, at most 1024 of them, written once per run to the event file and beside the archive.
        archive: Whether to keep snapshots on disk; ``False`` keeps the last 100 in memory, as a full disk does.
        print_findings: Whether to print a table of what was found at the end of ``fit``; ``findings`` has it all.
        backend: What computes the diagrams: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        on_error: ``"warn"`` turns whatever fails in the monitor into a warning; ``"raise"`` raises it.
        seed: Seed of the choice of samples.

    Attributes:
        spent: What the monitor has taken of the run's processor time: ``spent.seconds`` by stage, ``spent.share``.

    Raises:
        ValueError: If an option is not one of those allowed.
        TypeError: If a measure is neither a name nor callable, or ``mapper`` neither a truth value nor
            ``MapperOptions``.
        ModuleNotFoundError: If an option needs a package that is not installed.

    Example:
        >>> from lightning.pytorch import Trainer
        >>> trainer = Trainer(callbacks=[TopologyMonitor()], logger=False, accelerator="cpu")
    """

    def __init__(
        self,
        layers: str | type | Sequence[str | type] = "auto",
        *,
        pooling: str | Positions | Callable[[Tensor], Tensor] = "auto",
        n_samples: int = 512,
        homology_dims: Sequence[int] = (0, 1),
        measures: Sequence[MeasureLike] = ("sliced_wasserstein",),
        scale: Literal["quantile", "none"] = "quantile",
        mapper: bool | MapperOptions = True,
        reference: str | os.PathLike[str] = "first",
        train_samples: int = 0,
        every_n_validations: int = 1,
        max_overhead: float | None = None,
        dataloader_idx: int = 0,
        labels: str | int | None = "auto",
        mask: str | int | None = "auto",
        calls: Literal["first", "last", "each", "together"] = "first",
        channels: Literal[1, -1] | None = None,
        select: Callable[[Any], Tensor] | None = None,
        background: bool = True,
        figures: bool | float = 60.0,
        scalars: Literal["few", "all"] = "few",
        log_inputs: bool = True,
        archive: bool = True,
        print_findings: bool = True,
        backend: Literal["auto", "redzed", "gudhi", "ripser"] = "auto",
        on_error: Literal["warn", "raise"] = "warn",
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_seconds("figures", figures)
        self.spent = Spent()
        self._schedule = Schedule(every_n_validations, max_overhead, self.spent)
        self.recording = ValidationOptions(
            layers, pooling, n_samples, dataloader_idx, labels, seed, mask, calls, channels, select
        )
        vars(self).update(vars(self.recording))  # each option under its own name
        self.train_samples = train_samples
        self.every_n_validations = every_n_validations
        self.max_overhead = max_overhead
        self.background = background
        self.figures = figures
        self.scalars = scalars
        self.log_inputs = log_inputs
        self.archive = archive
        self.print_findings = print_findings
        self.reference = check_reference(reference)
        self.options = AnalysisOptions(measures, homology_dims, scale, backend, mapper)
        # Lightning asks for it around every hook.
        self._state_key = self._generate_state_key(
            layers=by_name(layers),
            pooling=by_name(pooling),
            n_samples=n_samples,
            homology_dims=self.options.homology_dims,
            measures=[measure.name for measure in self.options.chosen],
            scale=scale,
            dataloader_idx=dataloader_idx,
            seed=seed,
        )
        self._digest = digest(self.recording, background=background)
        self._reports = Reports(on_error)
        self._disks = Disks()
        quantities = logged_quantities(scalars, self.options)
        self._delivery = Delivery(self._reports, self._disks, self.spent, quantities)
        self._current = CurrentRun()
        self._watch = Watch(
            self.recording,
            self.options.needs,
            train_samples,
            self.reference,
            inputs=log_inputs,
            reports=self._reports,
            spent=self.spent,
        )
        self._clouds_size = 0  # bytes, of the last recorded validation
        self._off = False
        self._monitored = MonitoredScalars(self.options, layers, gaps=train_samples > 0)

    @classmethod
    def purvine2023(
        cls, layers: str | type | Sequence[str | type] = "Conv2d", *, n_samples: int = 1000, **options: Any
    ) -> TopologyMonitor:
        """The setting of Purvine et al. (AAAI 2023).

        Raw outputs of the convolutions, the channel vector of largest norm per image, 1000 images, no scaling, H1,
        sliced Wasserstein distance with 50 directions, ``MapperOptions.purvine2023()``. The paper counts the 17
        ordinary convolutions of ResNet-18; take shortcuts out with, for instance, ``layers=["Conv2d", "!**shortcut**",
        "!**downsample**"]``.

        Args:
            layers: Which layers, by default every ``Conv2d``.
            n_samples: How many samples.
            **options: Further arguments of ``TopologyMonitor``, which win over the paper's.

        Returns:
            The callback.

        Raises:
            ValueError: If an option is not one of those allowed.

        Example:
            >>> TopologyMonitor.purvine2023().options.homology_dims
            (1,)
        """
        mapper = MapperOptions.purvine2023()
        paper: dict[str, Any] = {"pooling": "max_norm", "scale": "none", "homology_dims": (1,), "mapper": mapper}
        return cls(layers, n_samples=n_samples, **(paper | options))

    @property
    def history(self) -> Sequence[Snapshot]:
        """The snapshots measured so far, in the order of their steps, read lazily from the archive.

        Snapshots that are still being analysed are not among them; see ``wait``.
        """
        return self._current.history

    @property
    def findings(self) -> list[Finding]:
        """What has been found until the last snapshot, alerts first; see ``findings_of``."""
        return self._current.findings

    @property
    def on_error(self) -> str:
        """What is done about whatever fails in the monitor."""
        return self._reports.on_error

    def wait(self, timeout: float = LONGEST_WAIT) -> bool:
        """Wait for the snapshots that are still being analysed.

        Args:
            timeout: Longest wait, in seconds.

        Returns:
            Whether all are done.
        """
        return self._delivery.wait(timeout)

    # -- When to record ---------------------------------------------------------------------------------------------

    @override
    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._watch.stop()  # of a run that ended without any of the hooks below
        self._delivery.begin()
        self._disks.begin()
        if stage == "fit" and trainer.global_step == 0:  # a checkpoint is loaded after this
            self._schedule.validations = 0
            self._monitored.begin()
        self._off = report_earlier(trainer, self, TopologyMonitor, self._reports)

    @override
    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._watch.begin()
        self.spent.begin()
        if self._off:
            return
        with self._reports.guarded("choosing layers"):
            choose_layers(pl_module, self.recording.layers)
        with self._reports.guarded("looking at the Trainer"):
            report_settings(
                trainer,
                self._reports,
                self._monitored.tags(pl_module),
                background=self.background,
                backend=self.options.describe()["backend"],
                every_n_validations=self.every_n_validations,
            )

    @override
    def on_sanity_check_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self._off:
            self._watch.before_training(trainer, pl_module)
        self._current.begin(continues=trainer.global_step > 0, archive=self.archive, until=last_step(trainer))

    @override
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Here, and not before, a checkpoint's step has been restored.
        self._current.begin_training(continues=trainer.global_step > 0, archive=self.archive, until=last_step(trainer))
        self._schedule.begin_training()
        if not self._off:
            self._watch.before_training(trainer, pl_module)

    @override
    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._off:
            self._schedule.skip()
        else:
            self._schedule.start(trainer, pending=self._delivery.pending)
        with self._reports.guarded("starting to record", self._watch.stop):
            self._delivery.deliver(trainer)
            if self._schedule.is_due and self._delivery.make_room(self._clouds_size, logging_step(trainer)):
                self._watch.start(trainer, pl_module)

    @override
    def on_validation_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._watch.start_batch(trainer, pl_module, batch, dataloader_idx)

    @override
    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._watch.end_batch()

    @override
    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        measured: MeasuredStep | None = None
        agreement = NOTHING
        with self._reports.guarded("measuring"):
            due, saves = self._schedule.is_due, self._schedule.saves
            own = Intention(due, self._watch.is_on, self._watch.has_inputs, self._digest, saves)
            agreement = agree(trainer, own, self._reports)
            if agreement.records and self._watch.is_on:
                recorded = self._watch.finish(trainer, inputs=agreement.inputs)
                measured = None if recorded is None else self._measure(trainer, recorded)
        self._watch.stop()
        if not self.background and not self._off:
            with self._reports.guarded("logging"):
                self._delivery.deliver_now(trainer, measured)
            self._monitored.log(trainer, pl_module, measured, recorded=agreement.is_due)

    @override
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._watch.stop()
        self._schedule.end(trainer)

    # -- When to deliver --------------------------------------------------------------------------------------------

    @override
    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        with self._reports.guarded("logging"):
            self._delivery.deliver(trainer)

    @override
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._delivery.finish(trainer, LONGEST_WAIT)
        with self._reports.guarded("drawing the last snapshot"):
            self._draw_last(trainer)
        if self.spent.n_snapshots:
            rank_zero_info(f"TopologyMonitor: {self.spent.in_words()}")
            with self._reports.guarded("printing what was found"):
                if self.print_findings and trainer.is_global_zero:
                    print_findings(self.findings, self._current.folder)
        if not self._schedule.has_begun and not self._off:
            report_nothing_recorded(trainer, self._reports)

    @override
    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        # The other hooks are not called after an exception, this one is; it must not hide the run's own exception.
        self._watch.stop()
        try:
            self._delivery.finish(trainer, WAIT_AFTER_FAILURE)
        except Exception as error:
            if str(error) != str(exception):  # else it is of another step, but has been said by ending the run
                self._reports.warn(f"{type(error).__name__} after the run had failed: {error}")
        finally:
            self._current.end()

    @override
    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._watch.stop()
        try:
            self._delivery.finish(trainer, LONGEST_WAIT)
        finally:
            self._current.end()

    # -- What a checkpoint holds ------------------------------------------------------------------------------------

    @property
    @override
    def state_key(self) -> str:
        return self._state_key

    @override
    def state_dict(self) -> dict[str, Any]:
        # Nothing but numbers, so that the checkpoint can be loaded with `weights_only=True`.
        scalars = {} if self.background else {"scalars": self._monitored.state()}
        return {"validations": self._schedule.validations, **scalars}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._schedule.validations = int(state_dict["validations"])
        self._monitored.load_state(state_dict.get("scalars", {}))

    # -- What is done with a recording ------------------------------------------------------------------------------

    def _draw_last(self, trainer: pl.Trainer) -> None:
        if not self._delivery.pending:
            with self.spent("pictures"):
                drawn = self._current.draw_last()
            self._delivery.deliver_pictures(trainer, drawn)

    def _measure(self, trainer: pl.Trainer, recorded: WatchedValidation) -> MeasuredStep | None:
        """Measure now and give the result, or have it done in the background and give nothing."""
        clouds, self._clouds_size = recorded.clouds, recorded.n_bytes
        report_cost(self._reports, clouds, self.options, self.recording, self.background, bool(self.figures))
        writes = not getattr(trainer, "fast_dev_run", False)
        run = self._current.run(
            recorded.directory,
            self.options,
            archive=self.archive and writes,
            figures=self.figures if writes else False,
            reference=self.reference,
            disks=self._disks,
        )
        step = logging_step(trainer)
        self._current.report(step, self._reports)
        measure = functools.partial(
            run.measure,
            clouds,
            step=step,
            epoch=trainer.current_epoch,
            inputs=recorded.inputs,
            spent=self.spent.take(RECORDING),
            training=recorded.training,
            reference=recorded.reference,
        )
        if not self.background:
            return measure(n_threads=available_threads())
        with self.spent("preparation"):
            import_for_analysis(self.options, figures=bool(run.figures), positions=bool(clouds.owners))
        self._delivery.submit(measure, step, trainer.loggers)
        return None
