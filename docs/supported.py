"""Write the page of supported trainings, docs/supported.md, from the tests that are marked as scenarios.

python docs/supported.py           writes the page
python docs/supported.py --check   says whether it is what the tests give
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "supported.md"

_BEGINNING = """\
# Supported trainings

Every row is a small training, or part of one, that a test runs on a CPU. Unless the test is about something else, it
trains twice, with the monitor and without it, and asserts that weights and random generators are the same, bit for bit;
that no hook is left; that every chosen layer's hook brought one output per validation batch; and that every snapshot
stands at the step of `val_loss`.

The second column is the test's name in words: "a run that goes back" is `test_a_run_that_goes_back`.

This page is written by `python docs/supported.py` from the tests; one of the tests holds the two together.
"""
_END = """\
## Not tested

No test runs these. What is said of them is what the code is written for, not what was seen.

| Training | What to expect |
| --- | --- |
| CUDA, ROCm, MPS, XLA | Recording chooses rows without reading back from the device. `benchmarks/gpu.py` compares it. |
| NCCL | The same exchanges as with gloo, on the model's device. |
| FSDP1 (`FSDPStrategy`) | It needs an accelerator. Its wrappers are stripped from names. |
| DeepSpeed | A process sees whole activations of its share of the batch, as with FSDP. |
| Tensor parallel | A process may see only its share of a layer's channels, and nothing says so: do not rely on it. |
| Pipeline parallel | A process lacks the other processes' layers, so these are left out or nothing is recorded. |
| Several nodes | The same exchanges as among processes of one node; the first process of the first node writes. |
| The services of Weights & Biases, MLflow, Comet and Neptune | A logger with Weights & Biases' interface is tested. |
"""


class Scenarios:
    """Gathers the marked tests: file to a mapping from scenario to the names of its tests.

    A plugin of pytest, which calls it when it has collected the tests.
    """

    def __init__(self) -> None:
        self.by_file: dict[Path, dict[str, list[str]]] = {}
        self.titles: dict[Path, str] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Take down each test's scenario."""
        for item in items:
            for marker in item.iter_markers("scenario"):
                tests = self.by_file.setdefault(item.path, {}).setdefault(marker.args[0], [])
                name = item.name.partition("[")[0]
                if name not in tests:
                    tests.append(name)
                self.titles[item.path] = (inspect.getdoc(item.getparent(pytest.Module).obj) or "").splitlines()[0]


def collect() -> Scenarios:
    """Every marked test below ``tests``, without running it.

    Raises:
        RuntimeError: If the tests cannot be collected.
    """
    scenarios = Scenarios()
    options = ["--collect-only", "-p", "no:terminal", "-p", "no:cacheprovider", "-o", "addopts=--strict-markers"]
    options.append("--import-mode=importlib")  # test files of several rooms have one name
    code = pytest.main([*options, "--rootdir", str(ROOT), str(ROOT / "tests")], plugins=[scenarios])
    if code != pytest.ExitCode.OK:
        raise RuntimeError(f"Expected tests that can be collected, got pytest's exit code {code}: run pytest to see.")
    return scenarios


def page(scenarios: Scenarios) -> str:
    """The page's text."""
    return "\n".join([_BEGINNING, *_sections(scenarios), _END])


def _sections(scenarios: Scenarios) -> Iterable[str]:
    trainings_first = sorted(scenarios.by_file, key=lambda path: (path.parent.name != "trainings", path))
    for path in trainings_first:
        rows = [
            f"| {scenario} | {', '.join(map(_as_words, tests))} |"
            for scenario, tests in scenarios.by_file[path].items()
        ]
        title = path.stem.removeprefix("test_").replace("_", " ").capitalize()
        file = path.relative_to(ROOT).as_posix()
        head = ["| Training | Test |", "| --- | --- |"]
        yield "\n".join([f"## {title}", "", scenarios.titles[path], f"In `{file}`:", "", *head, *rows, ""])


def _as_words(test: str) -> str:
    """A test's name as words, which a narrow table can break into lines."""
    return test.removeprefix("test_").replace("_", " ")


def main() -> int:
    """Write or check the page; the exit code says whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    expected = page(collect())
    if check:
        current = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        if current != expected:
            print(f"{PAGE.relative_to(ROOT)} is not what the tests give: run `python docs/supported.py`.")
        return int(current != expected)
    PAGE.write_text(expected, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
