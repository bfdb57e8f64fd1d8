"""Reading checkpoints: which files, whose run, what step, and the model with its weights."""

from __future__ import annotations

import copy
import glob
import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from topocallback.activations.checkpoint_file import CheckpointError
from topocallback.compare.hyperparameters import model_of_hyperparameters, names_of_code

__all__ = [
    "CheckpointFile",
    "ModelSource",
    "checkpoint_files",
    "position_in_run",
    "short_names",
]

_FOLDER = "checkpoints"
_MOST_NAMES = 3


@dataclass(frozen=True)
class CheckpointFile:
    """A checkpoint on disk.

    Attributes:
        path: The file.
        run: The run it belongs to: its folder, as far as that tells runs apart.
        name: The run and the file's name without its ending.
    """

    path: Path
    run: str
    name: str


def checkpoint_files(checkpoints: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[CheckpointFile]:
    """The files that paths and globs stand for, run by run, in natural order (``epoch=9`` before ``epoch=10``).

    Args:
        checkpoints: A path or a glob, or a sequence of them. What matches no file is kept as it is: reading it says
            that it is missing.

    Returns:
        The files, each once.

    Raises:
        ValueError: If there is none.

    Example:
        >>> [file.name for file in checkpoint_files(["runs/a/checkpoints/last.ckpt", "runs/b/checkpoints/last.ckpt"])]
        ['a/last', 'b/last']
    """
    given = [checkpoints] if isinstance(checkpoints, (str, os.PathLike)) else list(checkpoints)
    paths: dict[Path, None] = {}
    for item in [os.fspath(item) for item in given]:
        found = sorted(glob.glob(item, recursive=True), key=_natural)
        paths |= dict.fromkeys(map(Path, found or [item]))
    if not paths:
        raise ValueError("Expected `checkpoints` to name at least one file, got none.")
    folders = {path: path.parent.parent if path.parent.name == _FOLDER else path.parent for path in paths}
    # A file that is missing must not change what the others are called.
    there = [path for path in paths if path.exists()] or list(paths)
    runs = dict(zip(there, short_names([folders[path] for path in there]), strict=True))
    several = len(set(runs.values())) > 1
    files = [
        CheckpointFile(path, run, f"{run}/{path.stem}" if several else path.stem)
        for path, run in ((path, runs.get(path, str(folders[path]))) for path in paths)
    ]
    order = list(dict.fromkeys(file.run for file in files))
    return sorted(files, key=lambda file: order.index(file.run))


def _natural(text: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


def short_names(folders: Sequence[Path]) -> list[str]:
    """Folders without the parts that all of them begin or end with.

    Example:
        >>> short_names([Path("runs/a/version_0"), Path("runs/b/version_0")])
        ['a', 'b']
    """
    parts = [folder.parts for folder in folders]
    shortest = min(map(len, parts))
    start = next((i for i in range(shortest) if len({part[i] for part in parts}) > 1), shortest)
    if start == shortest and len(set(parts)) == 1:
        return [folder.name or "." for folder in folders]
    end = next((i for i in range(shortest - start) if len({part[len(part) - 1 - i] for part in parts}) > 1), 0)
    return ["/".join(part[start : len(part) - end]) or "." for part in parts]


def position_in_run(content: Mapping[str, Any]) -> tuple[int, int]:
    """(step, epoch) of a checkpoint: the step under which Lightning logs validation metrics, as in ``Snapshot``."""
    loop = content.get("loops", {}).get("fit_loop", {}).get("epoch_loop.state_dict", {})
    global_step = int(content.get("global_step", 0))
    # Lightning counts a batch after its validation: a checkpoint saved at the end of the epoch has counted one more
    # than one saved during validation, at the same global step.
    step = min(int(loop.get("_batches_that_stepped", global_step)), max(global_step - 1, 0))
    return step, int(content.get("epoch", 0))


class ModelSource:
    """Where models come from: a class, an instance, or a function that makes one.

    Args:
        model: A LightningModule class, which is built from the checkpoint's own hyperparameters; a module, of which a
            copy takes one checkpoint's weights after the other; or a function without arguments that gives a module.

    Raises:
        TypeError: If it is none of them.
    """

    def __init__(self, model: type[pl.LightningModule] | nn.Module | Callable[[], nn.Module]) -> None:
        self._class: type[pl.LightningModule] | None = None
        self._copy: nn.Module | None = None
        self._factory: Callable[[], nn.Module] | None = None
        if isinstance(model, type) and issubclass(model, pl.LightningModule):
            self._class = model
        elif isinstance(model, nn.Module):
            self._copy = copy.deepcopy(model)
        elif callable(model) and not isinstance(model, type):
            self._factory = model
        else:
            raise TypeError(
                f"Expected `model` to be a LightningModule class, a module or a function that makes one, got {model!r}."
            )

    def load(self, path: Path, content: Mapping[str, Any], trust: bool = False) -> nn.Module:
        """The model with a checkpoint's weights.

        Args:
            path: The file. It is not read again, or could be another one by now, unless it is trusted and its
                hyperparameters name code.
            content: What ``read_checkpoint`` found in it.
            trust: Whether code that it names may run.

        Returns:
            A module on the CPU. One made from an instance is valid until the next call.

        Raises:
            CheckpointError: If the weights are those of another architecture, the model cannot be made, or it needs
                ``trust``.
        """
        if self._class is not None:
            return self._from_class(self._class, path, content, trust)
        model = self._copy if self._factory is None else self._factory()
        if not isinstance(model, nn.Module):
            raise TypeError(f"Expected `model` to make a module, got {type(model).__name__}.")
        weights = content["state_dict"]
        if difference := _difference(model.state_dict(), weights):
            raise CheckpointError(f"{path}: weights of another architecture than {type(model).__name__}: {difference}.")
        if isinstance(model, pl.LightningModule):
            model.on_load_checkpoint(dict(content))
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise CheckpointError(f"{path}: its weights do not fit {type(model).__name__}: {error}") from error
        return model

    def _from_class(
        self, kind: type[pl.LightningModule], path: Path, content: Mapping[str, Any], trust: bool
    ) -> pl.LightningModule:
        if (code := names_of_code(kind, content)) and not trust:
            raise CheckpointError(
                f"{path}: its hyperparameters name code to run ({'; '.join(code[:_MOST_NAMES])}). Give an instance or "
                "a function that makes the model, which need no hyperparameters; or, if you trust where the file comes "
                "from, say `trust=True` (--trust)."
            )
        try:
            if code or (trust and _reads_files_itself(kind)):
                return _read_by_lightning(kind, path)
            if _reads_files_itself(kind):
                return kind.load_from_checkpoint(_as_file(content), map_location="cpu")
            return model_of_hyperparameters(kind, content)
        except RuntimeError as error:  # from `load_state_dict`: one line for each weight
            lines = [line.strip() for line in str(error).splitlines()[1:]]
            raise CheckpointError(
                f"{path}: weights of another architecture than {kind.__name__}: {' '.join(lines)[:300] or error}"
            ) from error
        except Exception as error:
            raise CheckpointError(
                f"{path}: {kind.__name__} could not be made from it ({type(error).__name__}: {error}). If the class "
                "needs arguments that the checkpoint lacks, give a function that makes the model, or an instance."
            ) from error


def _read_by_lightning(kind: type[pl.LightningModule], path: Path) -> pl.LightningModule:
    """The model, made by Lightning of a file that is trusted."""
    return kind.load_from_checkpoint(path, map_location="cpu", weights_only=False)


def _reads_files_itself(kind: type[pl.LightningModule]) -> bool:
    """Whether a class has a ``load_from_checkpoint`` of its own."""
    owner = next(each for each in kind.__mro__ if "load_from_checkpoint" in vars(each))
    return not owner.__module__.startswith("lightning.")


def _as_file(content: Mapping[str, Any]) -> io.BytesIO:
    """What has been read, as a file that holds nothing else."""
    file = io.BytesIO()
    torch.save(dict(content), file)
    file.seek(0)
    return file


def _difference(expected: Mapping[str, Tensor], found: Mapping[str, Any]) -> str:
    """What keeps weights from being loaded, in a few words."""
    parts = []
    for what, names in (
        ("not in the file", [name for name in expected if name not in found]),
        ("not in the model", [name for name in found if name not in expected]),
    ):
        if names:
            parts.append(f"{len(names)} weights {what} ({', '.join(names[:_MOST_NAMES])})")
    shapes = [
        f"{name} is {tuple(found[name].shape)} instead of {tuple(value.shape)}"
        for name, value in expected.items()
        if isinstance(found.get(name), Tensor) and isinstance(value, Tensor) and found[name].shape != value.shape
    ]
    return "; ".join([*parts, *shapes[:_MOST_NAMES]])
