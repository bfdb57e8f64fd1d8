"""What the Topology tab weighs: the event file of a long training, making payloads, and TensorBoard's memory.

200 validations of 20 layers with 512 samples, made up. Snapshots are measured for a few steps and then repeated, with
numbers that differ a little from step to step, because only their size counts here.

    python benchmarks/tab.py
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from synthetic_runs import Logger, layer_names, synthetic_clouds, synthetic_inputs, synthetic_snapshots

from topocallback.records.results import Results
from topocallback.records.snapshot import Snapshot
from topocallback.views.logging import write_for_tab
from topocallback.views.payload import encode
from topocallback.views.sprite import make_sprite

MEASURED = 6  # steps
LONGEST_WAIT = 120.0  # seconds
MEGABYTE = 1e6


def varied(snapshot: Snapshot, step: int) -> Snapshot:
    """The snapshot at another step, every bar and distance moved by up to a percent."""
    rng = np.random.default_rng(step)

    def moved(values: Any) -> Any:
        return values * rng.uniform(0.99, 1.01, np.shape(values))

    return dataclasses.replace(
        snapshot,
        step=step,
        epoch=step,
        distances=Results(
            dataclasses.replace(table, matrix=moved(table.matrix)) for table in snapshot.distances.values()
        ),
        diagrams={layer: [moved(bars) for bars in diagrams] for layer, diagrams in snapshot.diagrams.items()},
    )


def write_events(folder: Path, measured: Sequence[Snapshot], steps: int) -> list[float]:
    """Write a long run, and give the seconds that each payload took."""
    clouds = synthetic_clouds(0.0, measured[0].layers, len(measured[0].sample_ids))
    sprite = make_sprite(synthetic_inputs(clouds))
    logger, seconds = Logger(folder), []
    for step in range(steps):
        snapshot = varied(measured[step * len(measured) // steps], step)
        start = time.perf_counter()
        payload = encode(snapshot)
        seconds.append(time.perf_counter() - start)
        write_for_tab(logger, payload, sprite if step == 0 else None, step)
    logger.experiment.close()
    return seconds


def served(folder: Path, load_fast: str, run: str, steps: int) -> tuple[float, float, float, float]:
    """Start TensorBoard and give its memory in MB, the seconds until all is loaded, to list, and to fetch one step."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", "0", "--host", "localhost"]
    start = time.perf_counter()
    process = subprocess.Popen([*command, f"--load_fast={load_fast}"], stderr=subprocess.PIPE, text=True)
    try:
        url = address(process)
        while len(found := listed(url, run)) < steps:
            if time.perf_counter() - start > LONGEST_WAIT:
                raise TimeoutError(f"Expected {steps} steps within {LONGEST_WAIT:.0f} s, got {len(found)}.")
            time.sleep(0.2)
        loaded = time.perf_counter() - start
        time.sleep(2)  # what loading took and gave back is not held
        memory = resident(process.pid)
        start = time.perf_counter()
        found = listed(url, run)
        listing = time.perf_counter() - start
        fetches = [fetch_seconds(url, entry["key"]) for entry in found[:: max(1, len(found) // 20)]] or [0.0]
        return memory, loaded, listing, statistics.median(fetches)
    finally:
        process.terminate()
        process.wait()


def address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if match := re.search(r"http://localhost:\d+", line):
            return match[0]
    raise RuntimeError("Expected TensorBoard to say where it listens, got nothing.")


def resident(pid: int) -> float:
    """MB in memory of the process and its children, one of which may hold the data. Linux says so in files."""
    status = Path(f"/proc/{pid}/status").read_text()
    own = int(status.partition("VmRSS:")[2].split()[0]) * 1024 / MEGABYTE
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return own + sum(resident(int(child)) for file in children for child in file.read_text().split())


def listed(url: str, run: str) -> list[dict[str, Any]]:
    if not run:
        return []
    query = urllib.parse.urlencode({"run": run})
    try:
        with urllib.request.urlopen(f"{url}/data/plugin/topology/steps?{query}", timeout=60) as answer:
            return list(json.load(answer)["steps"])
    except urllib.error.HTTPError:
        return []


def fetch_seconds(url: str, key: str) -> float:
    request = urllib.request.Request(f"{url}/data/plugin/topology/snapshot?key={key}")
    request.add_header("Accept-Encoding", "gzip")
    start = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--layers", type=int, default=20)
    parser.add_argument("--samples", type=int, default=512)
    options = parser.parse_args()

    print(f"{options.steps} validations of {options.layers} layers with {options.samples} samples")
    measured = list(synthetic_snapshots(MEASURED, layer_names(options.layers), options.samples))
    with tempfile.TemporaryDirectory() as temporary:
        full, empty = Path(temporary) / "full", Path(temporary) / "empty"
        empty.mkdir()
        seconds = write_events(full / "run", measured, options.steps)
        (events,) = (full / "run").iterdir()
        size = events.stat().st_size / MEGABYTE
        print(f"event file: {size:.1f} MB, {1000 * size / options.steps:.0f} kB a step with the inputs")
        print(f"a payload: median {1000 * statistics.median(seconds):.0f} ms, max {1000 * max(seconds):.0f} ms")
        for load_fast in ("true", "false"):
            bare, *_ = served(empty, load_fast, "", 0)
            memory, loaded, listing, fetching = served(full, load_fast, "run", options.steps)
            print(
                f"--load_fast={load_fast}: TensorBoard holds {memory - bare:.0f} MB more than {bare:.0f} MB without a "
                f"run; loaded {loaded:.1f} s after its start; lists the steps in {1000 * listing:.0f} ms; "
                f"gives one in {1000 * fetching:.0f} ms"
            )


if __name__ == "__main__":
    main()
