"""A real TensorBoard and a real Chromium for the tests of the tab."""

import contextlib
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
REQUIRED = "TOPOCALLBACK_REQUIRE_BROWSER"
# Said by TensorBoard's own pages, whatever tab is open.
NOT_OURS = ("Multiple instances of Three.js",)


def program_path(name, *commands):
    """Where a program is. Without it a test skips, unless the environment requires browsers."""
    found = next(filter(None, map(shutil.which, commands)), None)
    if found is None and os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{name} is not installed, and {REQUIRED}=1 requires it.")
    if found is None:
        pytest.skip(f"{name} is not installed. {REQUIRED}=1 makes this a failure.")
    return found


def chromium_path():
    return program_path("Chromium", "chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def chromium():
    """A browser that Playwright drives."""
    path = chromium_path()
    if os.environ.get(REQUIRED) != "1":
        pytest.importorskip("playwright", reason="Playwright is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def tensorboard(logdir, load_fast="false"):
    """A TensorBoard process on a free port; gives its address once it lists the plugins."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--port", "0"]
    options = ["--load_fast", load_fast, "--reload_interval", "1"]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([*command, *options], stderr=output, stdout=output)
        try:
            yield _address(process, output)
        finally:
            process.terminate()
            process.wait(10)


def _address(process, output, seconds=60):
    for _ in range(10 * seconds):
        output.seek(0)
        text = output.read()
        if match := re.search(r"http://\S+?:(\d+)/", text):
            address = f"http://localhost:{match[1]}"
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/data/plugins_listing", timeout=5).read()
                return address
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"TensorBoard did not start: {text}")


def wait_for_steps(address, run, count, seconds=30):
    """Wait until TensorBoard has read so many steps of a run."""
    query = urllib.parse.urlencode({"run": run})
    for _ in range(10 * seconds):
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{address}/data/plugin/topology/steps?{query}", timeout=5) as answer,
        ):
            if len(json.load(answer)["steps"]) >= count:
                return
        time.sleep(0.1)
    raise RuntimeError(f"TensorBoard has not read {count} steps of {run}")


class Page:
    """A page with the tab or the report, which keeps what went wrong in it.

    Attributes:
        page: Playwright's page.
        frame: What holds the view: TensorBoard's frame, or the page itself.
        errors: Errors of the console, exceptions and dialogs.
    """

    def __init__(self, browser, url, *, width=1440, height=1000, **options):
        self.context = browser.new_context(viewport={"width": width, "height": height}, **options)
        self.context.set_default_timeout(8_000)
        self.page = self.context.new_page()
        self.errors = []
        self.page.on("console", self._keep_error)
        self.page.on("pageerror", lambda error: self.errors.append(f"exception: {error}"))
        self.page.on("dialog", lambda dialog: (self.errors.append("dialog"), dialog.dismiss()))
        self.page.goto(url)
        self.frame = self.page
        if "#topology" in url:
            handle = self.page.wait_for_selector("iframe", timeout=20_000)
            self.frame = handle.content_frame()

    def _keep_error(self, message):
        if message.type == "error" and not any(words in message.text for words in NOT_OURS):
            self.errors.append(message.text)

    def wait_until_ready(self, at=None, side="ready", timeout=15_000):
        """Wait for a complete drawing, of a certain ``run@step`` if one is given."""
        self.frame.wait_for_function(
            "([side, at]) => (at ? document.body?.dataset[side] === at : side in (document.body?.dataset ?? {}))",
            arg=[side, at],
            timeout=timeout,
        )

    def ready(self):
        return self.frame.evaluate("document.body.dataset.ready")

    def shoot(self, path):
        self.page.screenshot(path=str(path))

    def close(self):
        self.context.close()


def slide(page, run, steps, place):
    """Move the slider to a place of a run's steps and wait for the drawing."""
    page.frame.get_by_label("Step", exact=True).fill(str(place))
    page.wait_until_ready(f"{run}@{steps[place]}")


def pixel(page, selector, x, y):
    """The colour of a canvas at a place in CSS pixels."""
    script = """([selector, x, y]) => {
        const canvas = document.querySelector(selector);
        const ratio = canvas.width / canvas.clientWidth;
        return [...canvas.getContext('2d').getImageData(x * ratio, y * ratio, 1, 1).data];
    }"""
    return page.frame.evaluate(script, [selector, x, y])


def altered(payload, **changes):
    """A payload with some of its fields replaced."""
    return gzip.compress(json.dumps(json.loads(gzip.decompress(payload)) | changes).encode())


def screenshot_folder(tmp_path_factory):
    """Where the tests' screenshots go: ``TOPOCALLBACK_SCREENSHOTS``, else pytest's folder."""
    folder = os.environ.get("TOPOCALLBACK_SCREENSHOTS")
    target = Path(folder) if folder else tmp_path_factory.mktemp("screenshots")
    target.mkdir(parents=True, exist_ok=True)
    return target
