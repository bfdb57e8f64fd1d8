"""The Topology tab's routes, asked over HTTP of a real TensorBoard with either of its two ways to load data."""

import base64
import dataclasses
import gzip
import json
import os
import subprocess
import sys
import tracemalloc
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from synthetic_runs import Logger, synthetic_clouds, synthetic_inputs, write_run
from tensorboard_server import PLUGIN, tensorboard, wait_until

import topocallback.tensorboard_tab
from topocallback.tensorboard_tab.plugin import _is_gzip
from topocallback.views.logging import write_for_tab
from topocallback.views.payload import VERSION, decode, encode
from topocallback.views.sprite import make_sprite

STATIC = Path(topocallback.tensorboard_tab.__file__).parent / "static"
MARKUP = "<img src=x onerror=alert(1)>"
# Folders can hold no slash, and of a run with a quotation mark in its name one of TensorBoard's two backends reads no
# blob of any plugin.
HOSTILE_RUN = f"{MARKUP}&run=..#%2e ñж"
BACKENDS = ("--load_fast=true", "--load_fast=false")


class FromAFolder:
    """A run's snapshots and the server that shows them."""

    def __init__(self, server, snapshots):
        self.server = server
        self.snapshots = snapshots

    def key(self, run="plain", position=0):
        return self.server.steps(run)["steps"][position]["key"]


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    """A plain run, one with hostile names, one with broken payloads, and one without any topology."""
    folder = tmp_path_factory.mktemp("runs")
    snapshots = write_run(folder / "plain", n_steps=3, layers=("stem", "head"), n_samples=60)
    write_run(folder / HOSTILE_RUN, n_steps=1, layers=(MARKUP, "../../etc/passwd"), n_samples=60, inputs=False)
    broken = Logger(folder / "broken")
    newer = gzip.compress(json.dumps({"version": VERSION + 1}).encode())
    for step, payload in enumerate((b"", b"no gzip", encode(snapshots[0])[:-10], newer, gzip.compress(b"no JSON"))):
        write_for_tab(broken, payload, None, step)
    broken.experiment.close()
    bomb = Logger(folder / "bomb")
    write_for_tab(bomb, gzip.compress(bytes((1 << 28) + 1)), None, 0)
    bomb.experiment.close()
    scalars = Logger(folder / "scalars")
    scalars.experiment.add_scalar("loss", 1.0, 0)
    scalars.experiment.close()
    return folder, snapshots


@pytest.fixture(scope="module", params=BACKENDS)
def tab(request, logdir):
    folder, snapshots = logdir
    with tensorboard(folder, request.param) as server:
        server.wait_for_steps("plain", 3)
        server.wait_for_steps(HOSTILE_RUN, 1)
        server.wait_for_steps("broken", 5)
        server.wait_for_steps("bomb", 1)
        yield FromAFolder(server, snapshots)


# -- What there is ---------------------------------------------------------------------------------------------------


def test_the_package_says_where_tensorboard_finds_the_tab():
    (found,) = entry_points(group="tensorboard_plugins", name="topology")
    assert found.load().__name__ == "TopologyLoader"


def test_tensorboard_lists_the_tab(tab):
    listed = json.loads(tab.server.get("/data/plugins_listing").body)["topology"]
    assert (listed["enabled"], listed["tab_name"]) == (True, "Topology")
    assert listed["loading_mechanism"] == {"type": "IFRAME", "module_path": f"{PLUGIN}static/index.js"}


def test_the_runs_are_those_with_snapshots(tab):
    assert tab.server.runs() == sorted(["plain", HOSTILE_RUN, "broken", "bomb"])


def test_every_step_of_a_run_is_listed_with_its_time(tab):
    listing = tab.server.steps("plain")
    assert [entry["step"] for entry in listing["steps"]] == [snapshot.step for snapshot in tab.snapshots]
    times = [entry["wall_time"] for entry in listing["steps"]]
    assert times == sorted(times)
    assert all(set(entry) == {"step", "wall_time", "key"} for entry in listing["steps"])


def test_a_steps_payload_is_the_snapshots(tab):
    for position, snapshot in enumerate(tab.snapshots):
        answer = tab.server.ask("snapshot", {"Accept-Encoding": "gzip"}, key=tab.key(position=position))
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.body == encode(snapshot)


def test_a_client_that_knows_no_gzip_has_the_payload_as_plain_json(tab):
    answer = tab.server.ask("snapshot", key=tab.key())
    assert "Content-Encoding" not in answer.headers
    assert json.loads(answer.body) == decode(encode(tab.snapshots[0]))


def test_the_inputs_are_a_picture_and_what_lies_where_in_it(tab, logdir):
    folder = logdir[0] / "plain" / "topology"
    key = tab.server.steps("plain")["inputs"]["key"]
    picture, facts = (tab.server.ask("inputs", key=key, part=part) for part in (0, 1))
    assert picture.headers["Content-Type"] == "image/png"
    assert picture.body == (folder / "inputs.png").read_bytes()
    assert facts.headers["Content-Type"] == "application/json"
    assert json.loads(facts.body) == json.loads((folder / "inputs.json").read_text())


def test_a_run_without_inputs_says_so(tab):
    assert tab.server.steps("broken")["inputs"] is None


def test_every_file_of_the_front_end_is_served_under_its_type(tab):
    types = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
    files = sorted(STATIC.iterdir())
    assert {"index.js", "style.css"} <= {path.name for path in files}
    for path in files:
        answer = tab.server.ask(f"static/{path.name}")
        assert (answer.status, answer.body) == (200, path.read_bytes())
        assert answer.headers["Content-Type"] == types[path.suffix]


# -- What there is not -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", range(5))
def test_a_broken_or_newer_payload_is_passed_on(tab, position):
    expected = [b"", b"no gzip", encode(tab.snapshots[0])[:-10], {"version": VERSION + 1}, b"no JSON"][position]
    answer = tab.server.ask("snapshot", key=tab.key("broken", position))
    assert answer.status == 200
    assert (json.loads(answer.body) if isinstance(expected, dict) else answer.body) == expected


@pytest.mark.parametrize(
    ("route", "query", "status"),
    [
        ("steps", {}, 400),
        ("steps", {"run": ""}, 404),
        ("steps", {"run": "no such run"}, 404),
        ("steps", {"run": "scalars"}, 404),
        ("steps", {"run": "../plain"}, 404),
        ("steps", {"run": "plain\0"}, 404),
        ("snapshot", {}, 400),
        ("snapshot", {"key": ""}, 400),
        ("snapshot", {"key": "../../etc/passwd"}, 400),
        ("snapshot", {"key": "é" * 9}, 400),
        ("snapshot", {"key": "a"}, 400),
        ("snapshot", {"key": "A" * 20_000}, 400),
        ("snapshot", {"key": "W10"}, 400),  # []
        ("inputs", {}, 400),
        ("inputs", {"key": "W10"}, 400),
        ("inputs", {"key": "W10.W10"}, 400),
        ("inputs", {"key": "W10.W10", "part": "0"}, 400),
        ("inputs", {"key": "W10.W10", "part": "2"}, 400),
        ("inputs", {"key": "W10.W10", "part": "-1"}, 400),
        ("inputs", {"key": "W10.W10.W10", "part": "0"}, 400),
        ("nothing", {}, 404),
        ("static/", {}, 404),
        ("static/nothing.js", {}, 404),
        ("static/../plugin.py", {}, 404),
        ("static/%2e%2e/plugin.py", {}, 404),
        ("static/..%2fplugin.py", {}, 404),
        ("static//etc/passwd", {}, 404),
        ("static/index.js/../../plugin.py", {}, 404),
    ],
)
def test_what_is_malformed_or_not_there_is_refused(tab, route, query, status):
    answer = tab.server.ask(route, **query)
    assert answer.status == status
    assert "text/plain" in answer.headers["Content-Type"]  # whatever is repeated from the query stays text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def changed(key, place, value):
    """A key of TensorBoard's that leads elsewhere: keys are base64-encoded lists."""
    entries = json.loads(base64.urlsafe_b64decode(key + "=="))
    entries[place] = value
    text = json.dumps(entries, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@pytest.mark.parametrize(("place", "value"), [(-1, 7), (-2, 12345), (-3, "topology/nothing"), (-4, "no such run")])
def test_a_key_that_leads_nowhere_is_not_found(tab, place, value):
    key = changed(tab.key(), place, value)
    assert tab.server.ask("snapshot", key=key).status == 404


def test_hostile_names_travel_as_data(tab):
    assert HOSTILE_RUN in tab.server.runs()
    answer = tab.server.ask("snapshot", key=tab.key(HOSTILE_RUN))
    assert json.loads(answer.body)["layers"] == [MARKUP, "../../etc/passwd"]
    assert answer.headers["Content-Type"] == "application/json"


def test_a_payload_that_unpacks_to_more_than_any_is_refused_with_a_sentence(tab):
    answer = tab.server.ask("snapshot", key=tab.key("bomb"))
    assert answer.status == 413
    assert "text/plain" in answer.headers["Content-Type"]
    assert answer.body.decode() == (
        "This step's record is damaged or foreign: it unpacks to more than 256 MB, which no record does, and is not "
        "opened."
    )


def test_to_look_at_a_payload_takes_no_memory():
    whole, large = gzip.compress(b"{}"), gzip.compress(bytes(100 << 20))
    tracemalloc.start()
    try:
        assert all(map(_is_gzip, (whole, large, whole + b"\0\0")))
        assert not any(map(_is_gzip, (b"", b"{}", whole[:-1], large[:-1], whole + b"{}", gzip.compress(b""))))
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()


# -- Living with TensorBoard -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_step_is_kept_and_new_ones_arrive(tmp_path, backend):
    (snapshot,) = write_run(tmp_path / "made", n_steps=1, layers=("stem",), n_samples=20, inputs=False)
    payload = encode(snapshot)
    logger = Logger(tmp_path / "logs" / "long")
    for step in range(250):
        write_for_tab(logger, payload, None, step)
    logger.experiment.flush()
    with tensorboard(tmp_path / "logs", backend) as server:
        assert [entry["step"] for entry in server.wait_for_steps("long", 250)["steps"]] == list(range(250))
        write_for_tab(logger, payload, None, 250)
        logger.experiment.flush()
        assert len(server.wait_for_steps("long", 251)["steps"]) == 251
    logger.experiment.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_limit_that_the_user_sets_wins(tmp_path, backend):
    (snapshot,) = write_run(tmp_path / "made", n_steps=1, layers=("stem",), n_samples=20, inputs=False)
    logger = Logger(tmp_path / "logs" / "long")
    for step in range(30):
        write_for_tab(logger, encode(snapshot), None, step)
    logger.experiment.close()
    with tensorboard(tmp_path / "logs", backend, "--samples_per_plugin", "topology=7") as server:
        assert len(server.wait_for_steps("long", 1)["steps"]) == 7


@pytest.mark.parametrize("backend", BACKENDS)
def test_tensorboard_starts_although_our_dependencies_are_broken(tmp_path, backend):
    for package in ("torch", "lightning", "scipy", "sklearn", "matplotlib", "redzed_tda", "networkx"):
        (tmp_path / f"{package}.py").write_text("raise ImportError('broken')")
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    script = "import lightning"
    broken = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert "ImportError: broken" in broken.stderr
    with tensorboard(tmp_path, backend, environment=environment) as server:
        assert json.loads(server.get("/data/plugins_listing").body)["topology"]["tab_name"] == "Topology"
        assert server.runs() == []


def test_the_plugin_imports_nothing_but_tensorboard_and_the_standard_library():
    statement = "import tensorboard.plugin_util, tensorboard.backend.http_util, tensorboard.plugins.base_plugin"
    script = (
        f"import sys; {statement}; import tensorboard.data.provider; before = set(sys.modules)\n"
        "import topocallback.tensorboard_tab.plugin\n"
        "roots = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*(roots - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"topocallback", "tensorboard", "werkzeug"}


def time_passes(monkeypatch):
    """A clock that runs ahead, so that no two records are of one moment."""
    now = iter(range(1_700_000_000, 2_000_000_000))
    monkeypatch.setattr("time.time", lambda: float(next(now)))


SET_BACK = {
    "to a step that is measured again": ([10, 20, 30, 40, 50], [30, 40]),
    "to steps in between": ([10, 20, 30, 40, 50], [25, 35]),
    "twice": ([10, 20, 30], [20, 30, 40], [15]),
    "to the start": ([10, 20], [10]),
    "and on, past where it was": ([10, 20, 30], [30, 40]),
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_a_run_that_was_set_back_the_newest_record_of_every_step_is_shown(tmp_path, monkeypatch, backend):
    snapshots = write_run(tmp_path / "made", n_steps=1, layers=("stem",), n_samples=20)
    sprite = make_sprite(synthetic_inputs(synthetic_clouds(0, ("stem",), 20)))
    expected = {}
    with monkeypatch.context() as patch:
        time_passes(patch)
        for name, branches in SET_BACK.items():
            shown = {}
            for number, steps in enumerate(branches):
                writer = Logger(tmp_path / "logs" / name)
                sheet = dataclasses.replace(sprite, facts=json.dumps({"branch": number}))
                for step in steps:
                    payload = encode(dataclasses.replace(snapshots[0], step=step, epoch=number))
                    write_for_tab(writer, payload, sheet if step == steps[0] else None, step)
                    shown = {earlier: epoch for earlier, epoch in shown.items() if earlier < step} | {step: number}
                writer.experiment.close()
            expected[name] = shown
    with tensorboard(tmp_path / "logs", backend) as server:
        for name, shown in expected.items():
            listing = server.wait_for_steps(name, len(shown))
            wait_until(lambda name=name, shown=shown: [e["step"] for e in server.steps(name)["steps"]] == list(shown))
            listing = server.steps(name)
            payloads = [json.loads(server.ask("snapshot", key=entry["key"]).body) for entry in listing["steps"]]
            assert {payload["step"]: payload["epoch"] for payload in payloads} == shown
            facts = json.loads(server.ask("inputs", key=listing["inputs"]["key"], part=1).body)
            assert facts == {"branch": len(SET_BACK[name]) - 1}
            times = [entry["wall_time"] for entry in listing["steps"]]
            assert times == sorted(times)
