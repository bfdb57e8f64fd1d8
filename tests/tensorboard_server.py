"""A real ``tensorboard`` process on a free port, for as long as a test needs it."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from typing import NamedTuple

LONGEST_WAIT = 120.0  # seconds
PLUGIN = "/data/plugin/topology/"


class Answer(NamedTuple):
    """What the server said."""

    status: int
    headers: dict
    body: bytes


class Server:
    """Asks a running TensorBoard."""

    def __init__(self, url):
        self.url = url

    def get(self, path, headers=None, **query):
        """What it says to a path; errors are answers too."""
        address = self.url + path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        try:
            with urllib.request.urlopen(urllib.request.Request(address, headers=headers or {}), timeout=30) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def ask(self, route, headers=None, **query):
        """What one of the plugin's routes says."""
        return self.get(PLUGIN + route, headers, **query)

    def runs(self):
        return json.loads(self.ask("runs").body)["runs"]

    def steps(self, run):
        answer = self.ask("steps", run=run)
        return json.loads(answer.body) if answer.status == 200 else {"steps": [], "inputs": None}

    def wait_for_steps(self, run, count):
        """Wait until so many steps of a run are loaded, and give the run's listing."""
        return wait_until(lambda: (listing := self.steps(run)) and len(listing["steps"]) >= count and listing)


def wait_until(condition):
    """Ask again and again until there is an answer that counts as true; fail after two minutes."""
    deadline = time.monotonic() + LONGEST_WAIT
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited for {LONGEST_WAIT:.0f} s"
        time.sleep(0.1)
    return answer


@contextmanager
def tensorboard(logdir, *options, environment=None):
    """A running TensorBoard that reads a folder every second."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--port", "0", "--host", "localhost"]
    process = subprocess.Popen(
        [*command, "--reload_interval", "1", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | (environment or {}),
    )
    os.set_blocking(process.stderr.fileno(), False)
    said = bytearray()

    def address():
        said.extend(process.stderr.read() or b"")
        assert process.poll() is None, f"tensorboard stopped:\n{said.decode()}"
        return re.search(rb"http://localhost:\d+", said)

    try:
        server = Server(wait_until(address)[0].decode())
        wait_until(lambda: server.get("/data/plugins_listing").status == 200)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stderr.close()
