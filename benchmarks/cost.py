"""What an analysis is predicted to take, beside what it takes: processor time and peak memory over a grid of sizes.

Every case runs in a process of its own; its clouds are made up, of 16 dimensions at most, and squashed as activations
are.

    python benchmarks/cost.py
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.cost import predict_cost
from topocallback.memory import size_in_words
from topocallback.records.point_clouds import PointClouds

# Points, values, layers, highest homology dimension.
CASES = [
    (100, 16, 1, 1), (512, 16, 1, 0), (512, 16, 1, 1), (512, 16, 10, 1), (512, 1000, 10, 1), (512, 100_000, 1, 1),
    (1000, 64, 10, 1), (2000, 64, 1, 1), (4000, 64, 1, 1), (10_000, 64, 1, 0), (10_000, 64, 1, 1),
    (100, 16, 10, 2), (200, 16, 1, 2), (400, 16, 1, 2), (700, 16, 1, 2), (128, 32, 100, 1), (512, 32, 100, 1),
    (128, 32, 300, 1),
]  # fmt: skip


def clouds(n: int, d: int, layers: int) -> PointClouds:
    rng = np.random.default_rng(0)
    made = {}
    for layer in range(layers):
        width = min(d, 16)
        hidden = rng.standard_normal((n, width), np.float32) @ rng.standard_normal((width, d), np.float32)
        hidden /= 4
        made[f"layer{layer}"] = np.tanh(hidden, out=hidden)
    return PointClouds(made)


def measure(n: int, d: int, layers: int, highest: int) -> dict[str, float]:
    """Processor seconds and the peak of memory beyond what there was before; of the clouds a single copy."""
    analyse(clouds(60, 4, 2), AnalysisOptions(homology_dims=range(highest + 1)))  # imports what is imported late
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    given = clouds(n, d, layers)
    start = time.process_time()
    analyse(given, AnalysisOptions(homology_dims=range(highest + 1)))
    seconds = time.process_time() - start
    return {"seconds": seconds, "bytes": 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", type=int, nargs=4, help="points, values, layers, highest dimension")
    parser.add_argument("--longest", type=float, default=120, help="leave out what is predicted to take more seconds")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(*options.case)))
        return
    print("points  values layers H   predicted            measured")
    for n, d, layers, highest in CASES:
        cost = predict_cost([(n, d)] * layers, AnalysisOptions(homology_dims=range(highest + 1)))
        if cost.total_seconds > options.longest:
            continue
        case = [str(number) for number in (n, d, layers, highest)]
        found = json.loads(subprocess.check_output([sys.executable, __file__, "--case", *case]).splitlines()[-1])
        predicted = f"{cost.total_seconds:7.2f} s {size_in_words(cost.total_bytes):>8}"
        measured = f"{found['seconds']:7.2f} s {size_in_words(found['bytes']):>8}"
        times = f"{cost.total_seconds / found['seconds']:.1f} and {cost.total_bytes / max(1, found['bytes']):.1f} times"
        print(f"{n:6} {d:7} {layers:6} {highest}   {predicted}   {measured}   {times}", flush=True)


if __name__ == "__main__":
    main()
