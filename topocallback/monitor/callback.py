"""TopologyMonitor: watches the topology of a network's layers while it trains."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor
from typing_extensions import override

from topocallback.activations.batches import BatchIndices, batch_size, find_labels
from topocallback.activations.gather import gather_recordings
from topocallback.activations.inputs import InputRecorder
from topocallback.activations.layers import choose_layers
from topocallback.activations.pooling import POOLINGS
from topocallback.activations.positions import Positions
from topocallback.activations.recorder import ActivationRecorder
from topocallback.analysis.analyse import AnalysisOptions
from topocallback.measures.mapper.graph import MapperOptions
from topocallback.measures.parallel import available_threads
from topocallback.monitor.background import BackgroundWorker
from topocallback.monitor.run import Measured, Run, new_folder
from topocallback.monitor.trainer import (
    everyone,
    is_distributed,
    is_rehearsal,
    logging_step,
    run_directory,
    validation_loaders,
)
from topocallback.records.point_clouds import PointClouds, SampledInputs
from topocallback.records.snapshot import Snapshot
from topocallback.views.logging import scalars, write_for_tab, write_pictures, write_scalars
from topocallback.views.sprite import MOST_TILES, TILE

__all__ = ["TopologyMonitor"]

_LONGEST_WAIT = 300.0  # seconds, for a place in the queue and at the end of a run
_WAIT_AFTER_FAILURE = 20.0  # seconds: who interrupts a run wants it to end


class TopologyMonitor(Callback):
    """Records chosen layers during validation and logs how far apart they are and how they change.

    At every recorded validation it takes the same samples through every chosen layer, makes one point cloud per layer,
    computes Vietoris-Rips persistence diagrams, and compares the layers by the sliced Wasserstein distance of their
    diagrams (Purvine et al., "Experimental Observations of the Topology of Convolutional Neural Network Activations",
    AAAI 2023). All of it is logged at the step at which ``val_loss`` is logged, and kept as one ``Snapshot`` per step
    under ``<log_dir>/topology``.

    The trained weights are bit-identical with and without the callback. It draws from no global random generator, its
    hooks are there during validation only, and what fails inside it becomes a warning.

    Scalars, each with ``/<layer>`` behind it: ``topology/drift`` (distance from the same layer in the previous
    snapshot, added up over homology dimensions), ``topology/drift_from_first``, ``topology/noise`` (distance between
    two halves of the layer's own samples: smaller differences mean nothing), and per homology dimension
    ``topology/bars_H1``, ``topology/total_persistence_H1``, ``topology/longest_bar_H1`` and
    ``topology/persistent_entropy_H1`` (bits); ``topology/mapper_purity`` (how well the nodes of the layer's Mapper
    graph separate classes: the paper's point-wise purity) and ``topology/mapper_coverage`` (share of samples in a
    node); ``topology/seconds``. Pictures: ``topology/layer_distance`` and ``topology/persistence_diagrams``, with
    ranges that stay fixed within a run, and ``topology/mapper``, whose nodes start where they were at the step before.
    TensorBoard's tab Topology shows every snapshot with its Mapper graphs and the images in their nodes.

    The untrained network is the run's first snapshot, at step 0, if the Trainer's sanity check runs through all of the
    validation data (``num_sanity_val_steps=-1``); a shorter sanity check is not measured.

    Args:
        layers: Which layers to record: ``"auto"``, names, globs, module classes or their names, or a sequence of them;
            see ``choose_layers``.
        pooling: How a layer's positions become one vector per sample: ``"auto"``, ``"max_norm"``, ``"random"``,
            ``"mean"``, ``"flatten"``, ``"token"``, ``"rows"`` or a function, see ``to_vectors``; or ``Positions``,
            which makes several positions of a sample points of their own.
        n_samples: How many validation samples to use, at least 2. Which ones is a pure function of ``seed`` and the
            samples' indices.
        homology_dims: Homology dimensions, ascending.
        measures: Distances between diagrams: ``"sliced_wasserstein"``, ``"wasserstein"``, ``"bottleneck"`` or
            functions of two diagrams.
        scale: ``"quantile"`` divides each cloud by the 0.9 quantile of its pairwise distances, so that layers and
            steps can be compared; ``"none"`` keeps the activations' units.
        mapper: Whether to make a Mapper graph of every layer, or ``MapperOptions`` that say how; see ``mapper_graph``.
            Nodes are made from the activations in their own units, and coloured by the batches' labels.
        every_n_validations: Record the first of every so many validation runs.
        dataloader_idx: Which validation data loader to record.
        labels: Where a batch has its labels: ``"auto"``, an index, a key, or ``None``; see ``find_labels``.
        background: Whether to analyse in a background thread while training goes on. ``False`` waits for the result
            and sends the scalars through ``self.log``, so that ``ModelCheckpoint`` and ``EarlyStopping`` can monitor
            them.
        figures: Whether to draw pictures.
        log_inputs: Whether to show the sampled inputs in the Topology tab, where they are images: thumbnails of at most
            48 pixels, at most 1024 of them, written once per run to the event file and beside the archive.
        archive: Whether to keep snapshots on disk; ``False`` keeps the last 100 in memory.
        backend: What computes the diagrams: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        on_error: ``"warn"`` turns whatever fails in the monitor into a warning; ``"raise"`` raises it.
        seed: Seed of the choice of samples.

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
        measures: Sequence[str | Callable[[Any, Any], float]] = ("sliced_wasserstein",),
        scale: Literal["quantile", "none"] = "quantile",
        mapper: bool | MapperOptions = True,
        every_n_validations: int = 1,
        dataloader_idx: int = 0,
        labels: str | int | None = "auto",
        background: bool = True,
        figures: bool = True,
        log_inputs: bool = True,
        archive: bool = True,
        backend: Literal["auto", "redzed", "gudhi", "ripser"] = "auto",
        on_error: Literal["warn", "raise"] = "warn",
        seed: int = 0,
    ) -> None:
        super().__init__()
        if isinstance(pooling, str) and pooling not in POOLINGS:
            raise ValueError(f"Expected `pooling` to be one of {POOLINGS} or a callable, got {pooling!r}.")
        if on_error not in ("warn", "raise"):
            raise ValueError(f"Expected `on_error` to be 'warn' or 'raise', got {on_error!r}.")
        for name, value, least in (
            ("n_samples", n_samples, 2),
            ("every_n_validations", every_n_validations, 1),
            ("dataloader_idx", dataloader_idx, 0),
        ):
            if not isinstance(value, int) or value < least:
                raise ValueError(f"Expected `{name}` to be an integer of at least {least}, got {value!r}.")
        self.layers = layers
        self.pooling = pooling
        self.n_samples = n_samples
        self.every_n_validations = every_n_validations
        self.dataloader_idx = dataloader_idx
        self.labels = labels
        self.background = background
        self.figures = figures
        self.log_inputs = log_inputs
        self.archive = archive
        self.on_error = on_error
        self.seed = seed
        self.options = AnalysisOptions(
            homology_dims, measures, scale=scale, backend=backend, mapper=_mapper_options(mapper)
        )
        # Lightning asks for it around every hook.
        self._state_key = self._generate_state_key(
            layers=_readable(layers),
            pooling=_readable(pooling),
            n_samples=n_samples,
            homology_dims=self.options.homology_dims,
            measures=[distance.name for distance in self.options.distances],
            scale=scale,
            dataloader_idx=dataloader_idx,
            seed=seed,
        )
        self._off = False
        self._validations = 0
        self._due = False
        self._gave_up = False  # a wait that ended without a result is not repeated until there is one
        self._last_step = -1
        self._warned: set[str] = set()
        self._continues = False
        self._has_begun = False
        self._run: Run | None = None
        self._run_directory: Path | None = None
        self._worker: BackgroundWorker[Measured] = BackgroundWorker()
        self._recorder: ActivationRecorder | None = None
        self._indices: BatchIndices | None = None
        self._inputs: InputRecorder | None = None
        self._inputs_due = log_inputs

    @classmethod
    def purvine2023(
        cls, layers: str | type | Sequence[str | type] = "Conv2d", *, n_samples: int = 1000, **options: Any
    ) -> TopologyMonitor:
        """The setting of Purvine et al. (AAAI 2023).

        Raw outputs of the convolutions, the channel vector of largest norm per image, 1000 images, no scaling, H1,
        sliced Wasserstein distance with 50 directions. The paper counts the 17 ordinary convolutions of ResNet-18;
        take shortcuts out with, for instance, ``layers=["Conv2d", "!*shortcut*", "!*downsample*"]``.

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
        paper: dict[str, Any] = {"pooling": "max_norm", "scale": "none", "homology_dims": (1,)}
        return cls(layers, n_samples=n_samples, **(paper | options))

    @property
    def history(self) -> Sequence[Snapshot]:
        """The snapshots measured so far, in the order of their steps, read lazily from the archive.

        Snapshots that are still being analysed are not among them; see ``wait``.
        """
        return () if self._run is None else self._run.history

    def wait(self, timeout: float = _LONGEST_WAIT) -> bool:
        """Wait for the snapshots that are still being analysed.

        Args:
            timeout: Longest wait, in seconds.

        Returns:
            Whether all are done.
        """
        return self._worker.wait(timeout)

    # -- When to record ---------------------------------------------------------------------------------------------

    @override
    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit" and trainer.global_step == 0:  # a checkpoint is loaded after this
            self._validations = 0
        monitors = (callback for callback in trainer.callbacks if isinstance(callback, TopologyMonitor))  # type: ignore[attr-defined]
        self._off = next(monitors, self) is not self
        if self._off:
            self._complain(
                "an earlier TopologyMonitor of the same Trainer writes the same tags and files, so this one is off. "
                "Give one monitor all the layers, or each monitor a Trainer and a log directory of its own."
            )

    @override
    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._inputs_due = self.log_inputs
        with self._guarded("choosing layers"):
            choose_layers(pl_module, self.layers)
        if self.background and self.options.describe()["backend"] == "ripser":
            self._warn(
                "ripser.py holds Python's global lock while it computes, so training waits for it even in the "
                "background. `backend='redzed'` (pip install redzed-tda) does not."
            )

    @override
    def on_sanity_check_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._begin_run(continues=trainer.global_step > 0)

    @override
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Here, and not before, a checkpoint's step has been restored.
        if trainer.global_step > 0 or not self._has_begun:
            self._begin_run(continues=trainer.global_step > 0)
        self._has_begun = False  # for the next call of `fit`

    def _begin_run(self, continues: bool) -> None:
        self._continues = continues
        self._has_begun = True
        # A run may go on from before its last snapshots: it reads again from the archive what came before.
        if self.archive or not continues:
            self._run = None
            self._last_step = -1

    @override
    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Short sanity checks are not measured, but run through: a typo in a layer's name shows now, not after an epoch.
        due = trainer.sanity_checking or self._validations % self.every_n_validations == 0
        self._due = due and not self._off
        with self._guarded("starting to record"):
            self._deliver(trainer)
            if self._due:
                indices = BatchIndices(None) if is_rehearsal(trainer) else self._batch_indices(trainer)
                self._start(pl_module, indices)
                # Under a loader that shuffles, an index stands for another image at every step.
                if self._inputs_due and not is_rehearsal(trainer) and not indices.shuffled:
                    self._inputs = InputRecorder(min(self.n_samples, MOST_TILES), indices.length, self.seed, TILE)

    @override
    def on_validation_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if self._recorder is None or self._indices is None or dataloader_idx != self.dataloader_idx:
            return
        with self._guarded("reading a batch"):
            size = batch_size(batch)
            ids = None if size is None or self.pooling == "rows" else self._indices.take(size)
            self._recorder.start_batch(size, sample_ids=ids, labels=self._find_labels(batch, size))
            if self._inputs is not None:
                self._inputs.add(batch, ids)

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
        if self._recorder is not None:
            self._recorder.end_batch()

    @override
    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.detach()
        with self._guarded("measuring"):
            if not self._due or not everyone(trainer, recorder is not None) or recorder is None:
                return
            if is_rehearsal(trainer):
                self._report(recorder.recording().problems, recorder.repeated)
            else:
                self._finish(trainer, pl_module, recorder)

    @override
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._stop_recording()
        self._validations += not trainer.sanity_checking

    # -- When to deliver --------------------------------------------------------------------------------------------

    @override
    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        with self._guarded("logging"):
            self._deliver(trainer)

    @override
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._drain(trainer, _LONGEST_WAIT)

    @override
    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        # The other hooks are not called after an exception, this one is; it must not hide the run's own exception.
        self._stop_recording()
        try:
            self._drain(trainer, _WAIT_AFTER_FAILURE)
        except Exception as error:
            self._warn(f"{type(error).__name__} after the run had failed: {error}")

    @override
    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._stop_recording()
        self._drain(trainer, _LONGEST_WAIT)

    # -- What a checkpoint holds ------------------------------------------------------------------------------------

    @property
    @override
    def state_key(self) -> str:
        return self._state_key

    @override
    def state_dict(self) -> dict[str, Any]:
        # Nothing but numbers, so that the checkpoint can be loaded with `weights_only=True`.
        return {"validations": self._validations}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._validations = int(state_dict["validations"])

    # -- Recording --------------------------------------------------------------------------------------------------

    def _batch_indices(self, trainer: pl.Trainer) -> BatchIndices:
        loaders = validation_loaders(trainer)
        if self.dataloader_idx >= len(loaders):
            raise ValueError(
                f"Expected `dataloader_idx` to be below {len(loaders)}, the number of validation data loaders, "
                f"got {self.dataloader_idx}."
            )
        indices = BatchIndices(
            loaders[self.dataloader_idx],
            trainer.num_val_batches[self.dataloader_idx],
            rank=trainer.global_rank,
            world_size=trainer.world_size,
        )
        if indices.shuffled:
            self._warn(
                "the validation data loader shuffles, so every snapshot sees other samples, drift shows the samples "
                "changing as well as the network, and the inputs are not shown. Set `shuffle=False` on it."
            )
        return indices

    def _start(self, pl_module: pl.LightningModule, indices: BatchIndices) -> None:
        self._indices = indices
        self._recorder = ActivationRecorder(
            pl_module,
            self.layers,
            pooling=self.pooling,
            n_samples=self.n_samples,
            length=indices.length,
            seed=self.seed,
        )
        self._recorder.end_batch()  # nothing is recorded before a batch of the chosen loader starts
        self._recorder.attach()

    def _find_labels(self, batch: Any, size: int | None) -> Tensor | None:
        try:
            return find_labels(batch, self.labels, size)
        except ValueError as error:  # without labels there is still everything else
            self._fail("finding labels", error)
            return None

    def _stop_recording(self) -> None:
        self._inputs = None
        if self._recorder is not None:
            self._recorder.detach()
            self._recorder = None

    def _finish(self, trainer: pl.Trainer, pl_module: pl.LightningModule, recorder: ActivationRecorder) -> None:
        recording = recorder.recording()
        if is_distributed(trainer):
            recording = gather_recordings(recording, recorder.layers, self.seed, trainer.strategy.root_device)
        inputs = self._finish_inputs(trainer)
        directory = run_directory(trainer)
        measured: Measured | None = None
        if trainer.is_global_zero:
            # Guarded on its own, because the other processes wait for the broadcast below.
            with self._guarded("measuring"):
                self._report(recording.problems, recorder.repeated)
                measured = self._measure(trainer, recording.to_point_clouds(), inputs, directory)
        if not self.background and not trainer.sanity_checking:  # what is logged in a sanity check is thrown away
            pl_module.log_dict(trainer.strategy.broadcast(scalars(measured.snapshot) if measured else {}, src=0))
        elif measured is not None:
            self._log_scalars(trainer, measured)
        if measured is not None:
            self._log_pictures(trainer, measured)

    def _finish_inputs(self, trainer: pl.Trainer) -> SampledInputs | None:
        recorder, self._inputs = self._inputs, None
        if recorder is None:
            return None
        self._inputs_due = False
        return recorder.collect(trainer.strategy.root_device if is_distributed(trainer) else None)

    def _measure(
        self, trainer: pl.Trainer, clouds: PointClouds, inputs: SampledInputs | None, directory: Path
    ) -> Measured | None:
        """Analyse now and give the result, or hand it to the background thread and give nothing."""
        run = self._run_for(trainer, directory)
        step, epoch = logging_step(trainer), trainer.current_epoch
        if step == self._last_step and run.folder is not None:
            self._warn(f"Lightning logs two validations at step {step}: the later snapshot replaces the earlier one.")
        self._last_step = step
        if not self.background:
            measured = run.measure(clouds, step=step, epoch=epoch, n_threads=available_threads(), inputs=inputs)
            self._report_measured(measured)
            return measured
        wait = 0.0 if self._gave_up else _LONGEST_WAIT
        if wait and self._worker.full:
            rank_zero_info("TopologyMonitor: waiting for the analysis of an earlier step ...")
        if not self._worker.submit(lambda: run.measure(clouds, step=step, epoch=epoch, inputs=inputs), wait):
            self._gave_up = True
            raise TimeoutError(
                f"the analyses of earlier steps took more than {_LONGEST_WAIT:.0f} s, so step {step} is left out. "
                "Lower `n_samples` or raise `every_n_validations`."
            )
        return None

    def _run_for(self, trainer: pl.Trainer, directory: Path) -> Run:
        if self._run is None or self._run_directory != directory:
            writes = not getattr(trainer, "fast_dev_run", False)
            folder = new_folder(directory, self._continues) if self.archive and writes else None
            self._run = Run(folder, self.options, figures=self.figures and writes, continues=self._continues)
            self._run_directory = directory
        return self._run

    # -- Delivering -------------------------------------------------------------------------------------------------

    def _deliver(self, trainer: pl.Trainer) -> None:
        """Log what the background thread has finished, in the training thread: few loggers are thread-safe."""
        for result in self._worker.finished():
            self._gave_up = False
            if isinstance(result, BaseException):
                self._fail("analysing", result)
                continue
            self._report_measured(result)
            self._log_scalars(trainer, result)
            self._log_pictures(trainer, result)

    def _log_scalars(self, trainer: pl.Trainer, measured: Measured) -> None:
        for logger in trainer.loggers:
            with self._guarded(f"logging to {type(logger).__name__}"):
                write_scalars(logger, measured.snapshot)

    def _log_pictures(self, trainer: pl.Trainer, measured: Measured) -> None:
        for logger in trainer.loggers:
            with self._guarded(f"logging pictures to {type(logger).__name__}"):
                write_pictures(logger, measured.pictures, measured.snapshot.step)
            with self._guarded(f"writing for the tab to {type(logger).__name__}"):
                write_for_tab(logger, measured.payload, measured.sprite, measured.snapshot.step)

    def _drain(self, trainer: pl.Trainer, wait: float) -> None:
        wait = 0.0 if self._gave_up else wait
        if wait and self._worker.pending:
            rank_zero_info(
                f"TopologyMonitor: waiting up to {wait:.0f} s for {self._worker.pending} snapshot(s) still being "
                "analysed ..."
            )
        with self._guarded("waiting for the last snapshots"):
            done = self._worker.wait(wait)
            self._deliver(trainer)
            if not done:
                self._gave_up = True
                raise TimeoutError(f"gave up; {self._worker.pending} snapshot(s) are lost.")

    # -- Reporting --------------------------------------------------------------------------------------------------

    def _report(self, problems: Mapping[str, str], repeated: Sequence[str]) -> None:
        for layer, problem in problems.items():
            # A layer that the user did not ask for by name is no mistake of theirs.
            report = self._warn if self.layers == "auto" else self._complain
            report(f"layer {layer!r} was left out: {problem}")
        for layer in repeated:
            self._warn(f"layer {layer!r} runs several times in one batch; its first output is recorded.")

    def _report_measured(self, measured: Measured) -> None:
        for layer, problem in measured.snapshot.problems.items():
            if layer in measured.snapshot.layers:
                self._warn(f"layer {layer!r}: {problem}")
        for error in measured.errors:
            self._fail(f"keeping step {measured.snapshot.step}", error)

    @contextmanager
    def _guarded(self, doing: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._stop_recording()
            self._fail(doing, error)

    def _fail(self, doing: str, error: BaseException) -> None:
        if self.on_error == "raise":
            raise error
        self._warn(f"{type(error).__name__} while {doing}: {error}")

    def _complain(self, message: str) -> None:
        if self.on_error == "raise":
            raise RuntimeError(f"TopologyMonitor: {message}")
        self._warn(message)

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            warnings.warn(f"TopologyMonitor: {message}", UserWarning, stacklevel=2)

    def __getstate__(self) -> dict[str, Any]:
        """Without threads and hooks, so that the callback can travel to other processes."""
        return self.__dict__ | {"_worker": None, "_recorder": None, "_indices": None, "_inputs": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._worker = BackgroundWorker()
        self._gave_up = False


def _readable(option: Any) -> Any:
    """An option without the addresses of functions, which differ from one process to the next."""
    if isinstance(option, str):
        return option
    if isinstance(option, Sequence):
        return [_readable(part) for part in option]
    return getattr(option, "__qualname__", type(option).__qualname__)


def _mapper_options(mapper: bool | MapperOptions) -> MapperOptions | None:
    if isinstance(mapper, MapperOptions):
        return mapper
    if isinstance(mapper, bool):
        return MapperOptions() if mapper else None
    raise TypeError(f"Expected `mapper` to be True, False or MapperOptions, got {type(mapper).__name__}.")
