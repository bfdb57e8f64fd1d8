"""How quick the tab is with a long run: from opening to usable, and a slider step once its record was fetched.

    python tests/tensorboard_tab/browser_speed.py --steps 200 --layers 20 --samples 512

Records of a few measured steps are written over and over under later steps, as measuring hundreds would take minutes.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser_tools import Page, altered, chromium, tensorboard, wait_for_steps
from synthetic_runs import STEPS_PER_EPOCH, Logger, layer_names, synthetic_snapshots

from topocallback.views.logging import write_for_tab
from topocallback.views.payload import encode

MEASURED = 6

# The time from the slider's event to the browser's next frame after the drawing.
SLIDE = """async ([place, at]) => {
    const range = document.querySelector('.slider input');
    const start = performance.now();
    range.value = place;
    range.dispatchEvent(new Event('input'));
    while (document.body.dataset.ready !== at) await new Promise((resolve) => setTimeout(resolve, 0));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return performance.now() - start;
}"""


def write_long_run(log_dir, steps, layers, samples):
    logger = Logger(log_dir)
    payloads = [encode(snapshot) for snapshot in synthetic_snapshots(MEASURED, layer_names(layers), samples)]
    for i in range(steps):
        step = STEPS_PER_EPOCH * (i + 1)
        write_for_tab(logger, altered(payloads[i * MEASURED // steps], step=step, epoch=i), None, step)
    logger.experiment.close()


def measure(address, browser, run, steps):
    start = time.perf_counter()
    tab = Page(browser, f"{address}/#topology")
    framed = time.perf_counter()
    last = STEPS_PER_EPOCH * steps
    tab.wait_until_ready(f"{run}@{last}", timeout=60_000)
    usable = time.perf_counter()
    print(f"from opening TensorBoard to usable {usable - start:.2f} s, of which the tab itself {usable - framed:.2f} s")
    tab.frame.wait_for_function(
        "document.querySelector('.panel-series .line')?.getAttribute('d').split('L').length > 5"
    )
    places = range(steps - 2, max(steps - 14, 0), -1)
    for name in ("first time", "once fetched"):
        took = [tab.frame.evaluate(SLIDE, [place, f"{run}@{STEPS_PER_EPOCH * (place + 1)}"]) for place in places]
        print(f"a slider step, {name}: median {statistics.median(took):.0f} ms, longest {max(took):.0f} ms")
    count = f"document.querySelector('.panel-series .line').getAttribute('d').split('L').length >= {steps}"
    tab.frame.wait_for_function(count, timeout=120_000)
    print(f"all {steps} steps in the curves {time.perf_counter() - usable:.1f} s after usable")
    took = [tab.frame.evaluate(SLIDE, [place, f"{run}@{STEPS_PER_EPOCH * (place + 1)}"]) for place in places]
    print(f"a slider step, all read: median {statistics.median(took):.0f} ms, longest {max(took):.0f} ms")
    print(f"errors: {tab.errors}")
    tab.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--layers", type=int, default=20)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--folder", type=Path, help="where to write the run, or where it is already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not any(folder.rglob("events.*")):
            write_long_run(folder / "long", options.steps, options.layers, options.samples)
        size = sum(file.stat().st_size for file in folder.rglob("events.*"))
        print(
            f"{options.steps} steps, {options.layers} layers, {options.samples} samples: {size / 1e6:.1f} MB of events"
        )
        for load_fast in ("true", "false"):
            print(f"--load_fast={load_fast}")
            with tensorboard(folder, load_fast) as address, chromium() as browser:
                wait_for_steps(address, "long", options.steps, seconds=120)
                measure(address, browser, "long", options.steps)


if __name__ == "__main__":
    main()
