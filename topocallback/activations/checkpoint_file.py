"""The file of a checkpoint: what it holds, read without running any code in it."""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["CheckpointError", "read_checkpoint"]

# What torch raises on files that are damaged or no checkpoints at all.
_DAMAGED = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, zipfile.BadZipFile)


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and what is wrong with it."""


_TRUST_IT = "If you trust where it comes from, say `trust=True` (--trust)."


def read_checkpoint(path: str | os.PathLike[str], trust: bool = False, advice: str = _TRUST_IT) -> dict[str, Any]:
    """What a checkpoint holds, on the CPU. Nothing but tensors and plain values is unpickled unless it is trusted.

    Args:
        path: The file.
        trust: Whether to unpickle anything in it, which runs whatever code its author put there.
        advice: What to do about a file that needs ``trust``.

    Returns:
        Its content; a bare state dict comes under ``"state_dict"``.

    Raises:
        CheckpointError: If the file is missing, damaged, no checkpoint, or needs ``trust``.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=not trust)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file.") from error
    except _DAMAGED as error:
        if not trust and "Unsupported" in str(error) and "global" in str(error).lower():
            found = re.search(r"GLOBAL (\S+)", str(error))
            raise CheckpointError(
                f"{path}: it holds more than weights and plain values ({found[1] if found else 'Python objects'}), and "
                f"loading those can run any code. {advice}"
            ) from error
        raise CheckpointError(f"{path}: damaged, or no checkpoint ({_first_line(error)}).") from error
    except (OSError, ImportError) as error:
        raise CheckpointError(f"{path}: cannot be read ({_first_line(error)}).") from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: Expected a checkpoint or a state dict, got {type(content).__name__}.")
    if "state_dict" in content:
        return dict(content)
    if content and all(isinstance(value, Tensor) for value in content.values()):
        return {"state_dict": dict(content)}
    raise CheckpointError(f"{path}: Expected weights under 'state_dict', got the keys {list(content)[:5]}.")


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
