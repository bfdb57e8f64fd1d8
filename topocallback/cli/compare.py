"""``topocallback compare``: its arguments, and what it writes."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import yaml
from docstring_parser import parse
from jsonargparse import ArgumentParser, Namespace
from lightning.pytorch import LightningDataModule, LightningModule

from topocallback.cli.current_folder import import_from_current_folder
from topocallback.cli.lines import warnings_as_lines
from topocallback.cli.measures import measure_of_argument
from topocallback.compare.functions import compare_checkpoints, compare_runs
from topocallback.compare.options import CompareOptions
from topocallback.findings.table import findings_of
from topocallback.records.archive import comparison_path
from topocallback.records.files import write_atomically
from topocallback.records.results import DistanceTable, StatisticTable
from topocallback.records.wording import shown, shown_lines
from topocallback.views.comparison import FIGURES
from topocallback.views.comparison_report import comparison_report, to_png

if TYPE_CHECKING:
    from topocallback.records.comparison import Comparison
    from topocallback.records.finding import Finding

__all__ = ["UsageError", "add_to", "run"]

_DESCRIPTION = """
Compare the layers of checkpoints, on the same samples:
  topocallback compare --model pkg.Class --data pkg.DataModule --checkpoints 'runs/*/checkpoints/*.ckpt' -o out
or runs that TopologyMonitor recorded, without model and data:
  topocallback compare RUN_A RUN_B -o out

Writes comparison.npz, comparison.csv, pairs.csv, a PNG per figure and report.html. Started again, it goes on from what
is in the folder. Exit code 0: all compared; 1: something was left out; 2: nothing could be compared or written.
"""
_MOST_POINTS_IN_PAIRS = 1000  # 500,000 rows, 50 MB
_TRAINER_KEYS = ("accelerator", "precision", "devices")
_NAMES_OF_CODE = ("--model", "--data", "--config")
# Functions, and what has an option of its own here.
_NOT_FROM_A_SHELL = {"forward", "select", "trainer_options", "folder", "progress"}
_LISTS = {"layers", "measures", "homology_dims"}
_ABOUT_MEASURES = (
    "Measures of both kinds: names, such as wasserstein:order=2 with options, or package.name of one's own. By default "
    "sliced_wasserstein, and for runs what they were recorded with."
)
_SHELL_TYPES: dict[str, Any] = {
    "layers": str,
    "measures": str,
    "homology_dims": int,
    "pooling": str,
}


class UsageError(Exception):
    """The command line cannot be understood."""


def add_to(subcommands: Any, arguments: Sequence[str], help_line: str) -> list[str]:
    """Add the subcommand.

    Args:
        subcommands: What ``ArgumentParser.add_subcommands`` gave.
        arguments: The command line: a ``--config`` in it is read already, for model and data.
        help_line: What it does, in a line.

    Returns:
        The command line to parse.

    Raises:
        UsageError: If the configuration cannot be read.
    """
    parser = ArgumentParser(description=_DESCRIPTION)
    parser.add_argument(
        "runs", nargs="*", type=str, help="log directories of runs that TopologyMonitor recorded, or folders of such"
    )
    parser.add_argument(
        "--model",
        type=type[LightningModule] | LightningModule,
        help="the model's class, built from each checkpoint's hyperparameters, or with --model.* arguments",
    )
    parser.add_argument("--data", type=LightningDataModule, help="the data module, with --data.* arguments")
    parser.add_argument("--config", type=str, help="a YAML file of LightningCLI: its model, data and trainer are used")
    parser.add_argument("--checkpoints", nargs="+", type=str, help="files or globs; those in one folder are one run")
    parser.add_argument("-o", "--output", type=str, default="comparison", help="folder for the results")
    _add_compare_options(parser)
    parser.add_argument(
        "--trust", action="store_true", help="run code in checkpoints: only for files whose author you trust"
    )
    parser.add_argument("--trainer", type=dict, default={}, help="accelerator, precision and devices for validating")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    given = list(arguments)
    if any(argument.startswith(_NAMES_OF_CODE) for argument in given):
        import_from_current_folder()
    if (config := _value_of("--config", given)) is not None:
        parser.set_defaults(_from_lightning_cli(config, _value_of("--model", given)))
        if (at := _position_of("--model", given)) is not None and parser.get_default("model") is not None:
            del given[at : at + (1 if "=" in given[at] else 2)]
    # `--model pkg.Class --model.width 8` means an instance; `--model pkg.Class` alone means the class.
    elif any(argument.startswith("--model.") for argument in given):
        given = [argument.replace("--model=", "--model.class_path=") for argument in given]
        given = ["--model.class_path" if argument == "--model" else argument for argument in given]
    subcommands.add_subcommand("compare", parser, help=help_line)
    return given


def _add_compare_options(parser: ArgumentParser) -> None:
    """The options of ``compare_checkpoints``, with their types, defaults and what their docstring says of them."""
    hints = get_type_hints(CompareOptions) | _SHELL_TYPES
    helps = {parameter.arg_name: parameter.description for parameter in parse(str(CompareOptions.__doc__)).params}
    for known in dataclasses.fields(CompareOptions):
        if known.name in _NOT_FROM_A_SHELL:
            continue
        many: dict[str, Any] = {"nargs": "+"} if known.name in _LISTS else {}
        default: Any = known.default
        if many:
            default = [default] if isinstance(default, str) else list(default)
        about = str(helps[known.name])
        if known.name == "measures":
            default = None  # a comparison of runs takes those that they were recorded with
            about = _ABOUT_MEASURES
        # A percent sign would be a format to argparse.
        about = about.replace("%", "%%").replace("\n", " ")
        parser.add_argument(f"--{known.name}", type=hints[known.name], default=default, help=about, **many)


def _position_of(option: str, arguments: Sequence[str]) -> int | None:
    return next((i for i, item in enumerate(arguments) if item == option or item.startswith(f"{option}=")), None)


def _value_of(option: str, arguments: Sequence[str]) -> str | None:
    at = _position_of(option, arguments)
    if at is None:
        return None
    return arguments[at].partition("=")[2] or next(iter(arguments[at + 1 : at + 2]), None)


def _from_lightning_cli(path: str, model: str | None) -> dict[str, Any]:
    """Model, data and the Trainer's options from a configuration of LightningCLI; what else is in it is not needed."""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path}: Expected a configuration of LightningCLI, got {type(content).__name__}.")
    content = next((v for k, v in content.items() if k in ("fit", "validate") and isinstance(v, dict)), content)
    found: dict[str, Any] = {}
    for name in ("model", "data"):
        if isinstance(content.get(name), dict):
            # Without `class_path` the classes were fixed in the script, and these are their arguments.
            if name == "model" and "class_path" not in content[name] and model is not None:
                found[name] = {"class_path": model, "init_args": content[name]}
            elif "class_path" in content[name]:
                found[name] = {key: content[name][key] for key in ("class_path", "init_args") if key in content[name]}
                if name == "model" and model is not None:
                    found[name]["class_path"] = model
    trainer = {key: value for key, value in (content.get("trainer") or {}).items() if key in _TRAINER_KEYS}
    trainer.pop("devices", None)  # comparing takes one device
    return {**found, "trainer": {key: value for key, value in trainer.items() if value is not None}}


def run(options: Namespace) -> int:
    """Compare, and write the results.

    Args:
        options: The parsed arguments; model and data are instantiated.

    Returns:
        0 if all were compared, 1 if something was left out, 2 if nothing could be compared or written.
    """
    folder = Path(options.output)
    try:
        with warnings_as_lines():
            comparison = _compare(options, folder)
            findings = findings_of(comparison)
    except (ValueError, TypeError, OSError, ModuleNotFoundError, UsageError) as error:
        print(shown_lines(f"topocallback compare: {error}"), file=sys.stderr)
        return 2
    print(shown_lines(describe(comparison, findings)))
    try:
        with warnings_as_lines():
            written, missing = write(comparison, findings, folder)
    except OSError as error:
        message = f"topocallback compare: the results could not all be written to {folder}: {error}"
        print(shown_lines(message), file=sys.stderr)
        return 2
    print("Written: " + ", ".join(shown(str(path)) for path in written))
    return 1 if comparison.left_out or missing else 0


def _compare(options: Namespace, folder: Path) -> Comparison:
    common = {"folder": folder, "n_jobs": options.n_jobs, "progress": not options.quiet}
    measures = None if options.measures is None else [measure_of_argument(argument) for argument in options.measures]
    if options.runs:
        if options.checkpoints or options.model:
            raise UsageError("Expected either runs, or --model, --data and --checkpoints, got both.")
        return compare_runs(*options.runs, measures=measures, **common)
    missing = [f"--{name}" for name in ("model", "data", "checkpoints") if not getattr(options, name)]
    if missing:
        raise UsageError(f"Expected runs, or --model, --data and --checkpoints; {', '.join(missing)} are missing.")
    asked = {name: getattr(options, name) for name in _from_shell() if name != "n_jobs"}
    asked["measures"] = measures or CompareOptions.measures
    asked["layers"] = "auto" if options.layers in ("auto", ["auto"]) else options.layers
    return compare_checkpoints(
        options.model,
        options.checkpoints,
        options.data,
        trust=options.trust,
        trainer_options=options.trainer,
        **asked,
        **common,
    )


def _from_shell() -> list[str]:
    return [known.name for known in dataclasses.fields(CompareOptions) if known.name not in _NOT_FROM_A_SHELL]


def write(comparison: Comparison, findings: Sequence[Finding], folder: Path) -> tuple[list[Path], dict[str, str]]:
    """Write the arrays, the tables, the figures and the report. A figure that cannot be drawn costs itself only.

    Args:
        comparison: The comparison.
        findings: What it says, for the report.
        folder: Where to.

    Returns:
        The files; and the names of figures that could not be drawn, to why. The report says so too.

    Raises:
        OSError: If a file cannot be written.

    Warns:
        UserWarning: For each figure that cannot be drawn.
    """
    written = [comparison.save(comparison_path(folder)), comparison.to_csv(folder / "comparison.csv")]
    if len(comparison.layer_of) <= _MOST_POINTS_IN_PAIRS:
        written.append(comparison.to_csv(folder / "pairs.csv", pairs=True))
    pictures, missing = _pictures(comparison)
    for name in missing:  # an earlier comparison's would be taken for this one's
        (folder / f"{name}.png").unlink(missing_ok=True)
    for name, png in pictures.items():
        written.append(write_atomically(folder / f"{name}.png", lambda file, png=png: file.write(png)))  # type: ignore[misc]
    page = comparison_report(comparison, pictures, findings=findings, missing=missing).encode()
    return [*written, write_atomically(folder / "report.html", lambda file: file.write(page))], missing


def _pictures(comparison: Comparison) -> tuple[dict[str, bytes], dict[str, str]]:
    """The figures that there are for a comparison, as PNG, and why others could not be drawn."""
    pictures, missing = {}, {}
    for name, figure in FIGURES.items():
        try:
            if name == "settling" and not comparison.settling():
                continue
            if name == "specificity" and not len(comparison.specificity().same):
                continue
            pictures[name] = to_png(figure(comparison, None, None))
        except Exception as error:  # whatever it is, the numbers and the other figures are written
            missing[name] = f"cannot be drawn ({type(error).__name__}: {error})"
            warnings.warn(f"the figure {name!r} {missing[name]}.", UserWarning, stacklevel=2)
    return pictures, missing


def describe(comparison: Comparison, findings: Sequence[Finding]) -> str:
    """What was compared, and what was found, a line each."""
    lines = [
        f"Compared {len(comparison.checkpoints)} checkpoints of {len(comparison.runs)} runs, "
        f"{len(comparison.layers)} layers, {len(comparison.sample_ids)} samples.",
        f"Distances: {_labels(comparison.distances.values())}.",
        f"Statistics: {_labels(comparison.statistics.values()) or 'none'}.",
    ]
    if findings:
        lines.append("Findings, with how often each is said at most where there is nothing to say:")
    for finding in findings:
        level = f" [{100 * finding.level:g} %]" if finding.level else ""
        lines.append(f"  {finding.question} {finding.statement}{level}")
    return "\n".join(lines)


def _labels(tables: Iterable[DistanceTable | StatisticTable]) -> str:
    """What was measured, each once, with its unit."""
    found = dict.fromkeys((table.about.label, table.about.unit) for table in tables)
    return ", ".join(f"{label} ({unit})" if unit else label for label, unit in found)
