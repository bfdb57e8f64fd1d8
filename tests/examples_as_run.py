"""Runs an example of ``examples/kinds`` in this process, and keeps what its user would see."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from small_trainings import our_warnings

KINDS = Path(__file__).parents[1] / "examples" / "kinds"


@dataclass
class Run:
    """What came of an example.

    Attributes:
        result: What its `main` gave.
        printed: The lines that it printed.
        warnings: The monitor's warnings, and those of a comparison.
        told: The monitor's lines, without those that waits under load bring.
    """

    result: Any
    printed: list[str]
    warnings: list[str]
    told: list[str]


def load(name: str) -> ModuleType:
    """The example as a module."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, KINDS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # where dataclasses look for their annotations
        spec.loader.exec_module(module)
    return sys.modules[name]


def run(name: str, folder: Path, caplog: Any, **options: Any) -> Run:
    """Call the example's `main`."""
    printed = io.StringIO()
    caplog.clear()
    with (
        caplog.at_level(logging.INFO),
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stdout(printed),
    ):
        warnings.simplefilter("always")
        result = load(name).main(out=str(folder), **options)
    lines = [message for message in caplog.messages if message.startswith("TopologyMonitor")]
    said = [str(one.message) for one in caught if "topocallback" in one.filename and our_warnings([one]) == []]
    return Run(
        result,
        printed.getvalue().splitlines(),
        our_warnings(caught) + said,
        [line for line in lines if "waiting" not in line and "processor time" not in line],
    )
