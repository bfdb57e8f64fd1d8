"""What the front end computes without a browser, tested by ``node/*.test.mjs`` in node's own test runner.

Node takes a file named ``.js`` for CommonJS unless a ``package.json`` above it says otherwise: there is one beside
``static``, not in it, so that ``static`` holds what is served and nothing else.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest
from browser_tools import program_path

import topocallback.tensorboard_tab
from topocallback.views.bundle import bundle

STATIC = Path(topocallback.tensorboard_tab.__file__).parent / "static"
FILES = sorted((Path(__file__).parent / "node").glob("*.test.mjs"))


@pytest.fixture(scope="module")
def node():
    return program_path("Node", "node", "nodejs")


def run(*command):
    """What a command says on both channels; it must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_what_needs_no_browser(node, file):
    report = run(node, "--test", "--test-reporter=tap", str(file))
    assert int(re.search(r"^# pass (\d+)", report, re.MULTILINE)[1]) > 0, report


def test_every_test_file_is_run():
    assert {file.name for file in FILES} >= {"digest.test.mjs", "payload.test.mjs", "selection.test.mjs"}


def test_a_reports_script_does_what_the_modules_do(node, tmp_path):
    """The modules as one script: executed here, as nothing but a browser would otherwise find a mistake in it."""
    record = {"version": 1, "layers": ["a"], "homology_dims": [0], "sample_ids": [3], "diagrams": [[[[0], [None]]]]}
    tables = {"distances": {"sliced_wasserstein_H0": [[0]]}, "scales": [1], "options": {"scale": "quantile"}}
    check = f"""
    const {{ distances, damage }} = $payload_js.checkPayload({json.dumps(record | tables)});
    console.log(typeof entry.render, distances[0].label, distances[0].homology_dim, JSON.stringify(damage));
    """
    script = tmp_path / "bundle.js"
    script.write_text(bundle(STATIC) + check, encoding="utf-8")
    assert run(node, str(script)) == 'function Sliced Wasserstein distance 0 ""\n'
