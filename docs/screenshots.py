"""Take the screenshots of README and the documentation, of the tab and of the report, from a run of the demo.

python docs/screenshots.py runs/mnist_resnet

It needs Chromium, and the development environment (``make .venv/.dev``).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from topocallback import load_history
from topocallback.findings.report import write_report
from topocallback.records.runs import find_runs

DOCS = Path(__file__).parent
IMAGES = DOCS / "images"
sys.path.insert(0, str(DOCS.parent / "tests" / "tensorboard_tab"))  # the browser that the tests drive

from browser_tools import Page, chromium, tensorboard, wait_for_steps  # noqa: E402

WIDTH, HEIGHT = 1600, 1160


def main(logdir: str) -> None:
    """Write ``tab_light.png``, ``tab_dark.png``, ``mapper_node.png`` and ``report.png``."""
    archives = find_runs(logdir)
    run = sorted(archives)[-1]
    steps = load_history(archives[run]).steps
    with chromium() as browser:
        with tensorboard(logdir) as address:
            wait_for_steps(address, run, len(steps))
            tab = Page(browser, f"{address}/#topology", width=WIDTH, height=HEIGHT, device_scale_factor=1.5)
            settle(tab)
            open_node(tab)
            tab.shoot(IMAGES / "tab_light.png")
            tab.frame.locator(".panel-mapper").screenshot(path=str(IMAGES / "mapper_node.png"))
            tab.page.evaluate("document.body.classList.add('dark-mode')")
            settle(tab)
            tab.shoot(IMAGES / "tab_dark.png")
            tab.close()
        with tempfile.TemporaryDirectory() as folder:
            report = write_report(logdir, Path(folder) / "report.html")
            page = Page(browser, report.as_uri(), width=WIDTH, height=HEIGHT - 64, device_scale_factor=1.5)
            settle(page)
            page.frame.get_by_role("button", name="Betti curve").click()
            page.shoot(IMAGES / "report.png")
            page.close()


def settle(page: Any) -> None:
    """Wait until everything is drawn, the curves over all steps included."""
    page.wait_until_ready()
    page.page.wait_for_timeout(2000)


def open_node(page: Any) -> None:
    """Open the topmost node of several classes, the kind that one wants to look into."""
    graph = page.frame.locator(".graph")
    pies = page.frame.locator(".graph .node:has(path)")
    (pies if pies.count() else page.frame.locator(".graph .node")).last.click()
    page.frame.locator(".thumbnails li").first.wait_for()
    page.page.mouse.move(5, 300)
    graph.blur()
    page.frame.evaluate("document.scrollingElement.scrollTo(0, 0)")


if __name__ == "__main__":
    main(sys.argv[1])
