"""The newest record of every step, in TensorBoard's older backend too.

A run that is set back to an earlier checkpoint logs steps a second time. TensorBoard's data server then forgets what it
has read of those steps and all later ones. Its other backend, that of ``--load_fast=false``, keeps everything and gives
the first record of a step: the branch that was left.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

__all__ = ["newest", "newest_blob"]


def newest(events: Iterable[Any]) -> dict[int, Any]:
    """What is left where each record takes the place of those at its step and after it that are older.

    Args:
        events: Records with a ``step`` and a ``wall_time``.

    Returns:
        Step to record, in the order of the steps.

    Example:
        >>> from types import SimpleNamespace
        >>> logged = [SimpleNamespace(step=step, wall_time=time) for time, step in enumerate([10, 20, 30, 15, 25])]
        >>> {step: event.wall_time for step, event in newest(logged).items()}
        {10: 0, 15: 3, 25: 4}
    """
    kept: list[Any] = []
    for event in sorted(events, key=lambda event: event.wall_time):
        while kept and kept[-1].step >= event.step:
            kept.pop()
        kept.append(event)
    return {event.step: event for event in kept}


def newest_blob(multiplexer: Any, key: str) -> bytes | None:
    """The blob of the newest record under a key.

    Args:
        multiplexer: TensorBoard's older backend.
        key: A key of its data provider's: run, tag, step and position, at the end of a list.

    Returns:
        The blob; ``None`` if the key is of another kind, or leads to no record.
    """
    try:
        run, tag, step, position = json.loads(base64.urlsafe_b64decode(f"{key}=="))[-4:]
        return bytes(newest(multiplexer.Tensors(run, tag))[step].tensor_proto.string_val[position])
    except (IndexError, KeyError, TypeError, ValueError):
        return None
