"""The documentation's page of supported trainings and the tests say the same."""

import subprocess
import sys
from pathlib import Path


def test_the_page_of_supported_trainings_is_what_the_tests_give():
    script = Path(__file__).parents[1] / "docs" / "supported.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
