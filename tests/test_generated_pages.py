"""The documentation's generated pages and what they are made from say the same."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("page", ["supported", "measures"])
def test_a_generated_page_is_up_to_date(page):
    script = Path(__file__).parents[1] / "docs" / f"{page}.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
