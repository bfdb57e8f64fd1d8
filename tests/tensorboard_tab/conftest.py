"""What the browser tests of the tab and of the report share."""

import pytest
from browser_runs import write_runs
from browser_tools import chromium, chromium_path, screenshot_folder

from topocallback.views.report import write_report


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    return screenshot_folder(tmp_path_factory)


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    chromium_path()  # without a browser, nothing needs to be measured
    return write_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def report(runs, tmp_path_factory):
    return write_report(runs, tmp_path_factory.mktemp("report") / "report.html")
