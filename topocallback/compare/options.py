"""What a comparison of models can be asked: one set of options for Python and for the command line."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from torch import Tensor, nn

from topocallback.activations.layers import LayerSpec
from topocallback.analysis.options import AnalysisOptions
from topocallback.compare.recording import RecordingOptions
from topocallback.measures.mapper.options import MapperOptions
from topocallback.measures.table import MeasureLike

__all__ = ["CompareOptions", "takes_compare_options"]

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class CompareOptions:
    """How models are compared.

    Args:
        layers: Which layers, chosen in each model for itself; see ``TopologyMonitor``.
        n_samples: How many samples. More than ``TopologyMonitor`` takes, and as many as the paper: here no training
            waits. Fewer are used, with a warning, where there are fewer.
        measures: Measures of both kinds: names, objects with options, or functions.
        homology_dims: Homology dimensions, ascending.
        scale: ``"quantile"`` divides each cloud by the 0.9 quantile of its pairwise distances; ``"none"`` does not.
        pooling: How a layer's positions become one vector per sample.
        labels: Where a batch has its labels.
        mask: Where a batch says which positions are padding; see ``TopologyMonitor`` for this and the following.
        calls: Which output of a layer that runs several times in a batch.
        channels: Where outputs with positions have their channels.
        select: Takes the tensor out of a layer's output.
        dataloader_idx: Which validation data loader.
        backend: What computes the diagrams.
        mapper: Whether to make Mapper graphs, or how. Not by default, as in ``TopologyMonitor``: they are kept in the
            snapshots in ``folder``, and no figure of a comparison shows them.
        seed: Seed of the choice of samples.
        forward: A function of model and batch that is called in place of the validation step, or of the model.
        trainer_options: Arguments of the Trainer that validates a LightningModule, such as
            ``{"precision": "bf16-mixed"}``.
        folder: Where snapshots and distances are kept: an interrupted comparison goes on from there. ``None`` keeps
            nothing.
        n_jobs: How many models or blocks of distances are worked on at once; ``None``: what
            ``joblib.parallel_config`` says, or one per core, at most 4. Where joblib uses other processes, models are
            loaded and run there. The result does not depend on it.
        progress: Whether to show progress bars.

    Raises:
        ValueError: If an option is not one of those allowed.
        TypeError: If a measure is neither a name, an object nor a function.
        ModuleNotFoundError: If an option needs a package that is not installed.
    """

    layers: LayerSpec = "auto"
    n_samples: int = 1000
    measures: Sequence[MeasureLike] = ("sliced_wasserstein",)
    homology_dims: Sequence[int] = (0, 1)
    scale: Literal["quantile", "none"] = "quantile"
    pooling: str | Callable[[Tensor], Tensor] = "auto"
    labels: str | int | None = "auto"
    mask: str | int | None = "auto"
    calls: Literal["first", "last", "each", "together"] = "first"
    channels: Literal[1, -1] | None = None
    select: Callable[[Any], Tensor] | None = None
    dataloader_idx: int = 0
    backend: Literal["auto", "redzed", "gudhi", "ripser"] = "auto"
    mapper: bool | MapperOptions = False
    seed: int = 0
    forward: Callable[[nn.Module, Any], Any] | None = None
    trainer_options: Mapping[str, Any] = field(default_factory=dict)
    folder: str | os.PathLike[str] | None = None
    n_jobs: int | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        _ = self.analysis, self.recording  # what uses an option is what knows its range

    @property
    def analysis(self) -> AnalysisOptions:
        """What is measured."""
        return AnalysisOptions(self.measures, self.homology_dims, self.scale, self.backend, self.mapper)

    @property
    def recording(self) -> RecordingOptions:
        """What is recorded."""
        names = {known.name for known in dataclasses.fields(RecordingOptions)}
        return RecordingOptions(**{name: getattr(self, name) for name in names})

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> CompareOptions:
        """The options of a call.

        Raises:
            TypeError: If there is no such option; the message names the closest.
        """
        names = [known.name for known in dataclasses.fields(cls)]
        for name in options:
            if name not in names:
                closest = difflib.get_close_matches(name, names, n=3, cutoff=0.3)
                raise TypeError(f"Expected options of {names}, got {name!r}. Closest: {closest}.")
        return cls(**options)


def takes_compare_options(function: Function) -> Function:
    """Let a function of ``**options`` show them all: to ``help``, to notebooks and to the documentation."""
    own = inspect.signature(function)
    named = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    shared = [
        parameter.replace(kind=parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(CompareOptions).parameters.values()
    ]
    function.__signature__ = own.replace(parameters=[*named, *shared])  # type: ignore[attr-defined]
    return function
