"""The report: everything of every run inside of one file, which needs nothing else and lets nothing in."""

import base64
import dataclasses
import itertools
import json
import re
import shutil
from html.parser import HTMLParser

import pytest
from hostile_archives import crafted, whole, write
from record_tools import damage, touch
from synthetic_runs import write_run

from topocallback.records.files import write_atomically
from topocallback.records.history import History
from topocallback.records.paths import as_path, read_whole
from topocallback.records.runs import find_runs
from topocallback.records.snapshot import Snapshot
from topocallback.views.payload import decode, encode
from topocallback.views.report import write_report

MARKUP = "<img src=x onerror=alert(1)>"
CLOSING = "</script><script>alert(1)</script>"


class Page(HTMLParser):
    """The elements of a page, and the text of its scripts and title."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.texts = {}
        self._inside = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("id") or dict(attrs).get("type") or tag

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.texts[self._inside] = self.texts.get(self._inside, "") + data

    @property
    def runs(self):
        return json.loads(self.texts["topology-data"])["runs"]


def page_of(path, folder):
    return Page(write_report(path, folder / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    plain = write_run(folder / "plain", n_steps=2, layers=("stem", "head"), n_samples=60)
    write_run(folder / "deep" / MARKUP, n_steps=1, layers=(MARKUP, CLOSING), n_samples=60, inputs=False)
    return folder, plain


# -- What is inside --------------------------------------------------------------------------------------------------


def test_every_step_of_a_run_is_inside(runs, tmp_path):
    folder, snapshots = runs
    (run,) = page_of(folder / "plain", tmp_path).runs.values()
    assert [step["step"] for step in run["steps"]] == [snapshot.step for snapshot in snapshots]
    for step, snapshot in zip(run["steps"], snapshots, strict=True):
        assert base64.b64decode(step["payload"]) == encode(snapshot)
        assert step["wall_time"] == (folder / "plain" / "topology" / f"step={step['step']}.npz").stat().st_mtime


def test_the_inputs_are_inside(runs, tmp_path):
    folder, _ = runs
    (run,) = page_of(folder / "plain", tmp_path).runs.values()
    archive = folder / "plain" / "topology"
    assert base64.b64decode(run["inputs"]["png"]) == (archive / "inputs.png").read_bytes()
    assert run["inputs"]["meta"] == json.loads((archive / "inputs.json").read_text())


def test_several_runs_are_inside_under_their_names(runs, tmp_path):
    found = page_of(runs[0], tmp_path).runs
    assert list(found) == [f"deep/{MARKUP}", "plain"]
    assert found[f"deep/{MARKUP}"]["inputs"] is None


def test_nothing_is_loaded_from_elsewhere(runs, tmp_path):
    text = write_report(runs[0], tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    attributes = [(tag, name) for tag, found in page.elements for name in found]
    assert not [found for found in attributes if found[1] in ("src", "href", "srcset", "data", "action")]
    addresses = {found.rstrip("/") for found in re.findall(r"https?://[\w./-]+", text)}
    assert addresses <= {"http://www.w3.org/2000/svg"}  # the name of a namespace, which nobody asks for
    assert not re.search(r"@import|url\(", page.texts["style"])
    (policy,) = [found["content"] for tag, found in page.elements if tag == "meta" and "http-equiv" in found]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


def test_names_cannot_leave_their_place(runs, tmp_path):
    text = write_report(runs[0], tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<img" not in text
    assert [tag for tag, _ in Page(text).elements] == [
        "html",
        "head",
        *["meta"] * 3,
        "title",
        "style",
        "body",
        *["script"] * 2,
    ]
    assert Page(text).texts["title"] == f"Topology of deep/{MARKUP}, plain"


def test_a_script_starts_the_front_end(runs, tmp_path):
    page = page_of(runs[0], tmp_path)
    assert page.texts["module"].rstrip().endswith("entry.render();")
    assert page.texts["style"].strip()


# -- Which folders ---------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_report(tmp_path / "nowhere", tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


# -- Damage ----------------------------------------------------------------------------------------------------------


def test_a_damaged_step_is_left_out_with_a_warning(runs, tmp_path):
    shutil.copytree(runs[0] / "plain", tmp_path / "run")
    first, second = sorted((tmp_path / "run" / "topology").glob("*.npz"))
    first.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match=re.escape(first.name)):
        (run,) = page_of(tmp_path / "run", tmp_path).runs.values()
    assert [f"step={step['step']}.npz" for step in run["steps"]] == [second.name]


def test_without_a_readable_step_there_is_no_report(runs, tmp_path):
    touch(tmp_path / "run" / "topology" / "step=5.npz")
    with pytest.warns(UserWarning, match="step=5"), pytest.raises(ValueError, match="readable snapshot"):
        write_report(tmp_path / "run", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    "text",
    ["no JSON", '{"version": 1, "tile": 8, "columns": NaN, "sample_ids": [0]}', '{"sample_ids": 7}', "[" * 100_000],
    ids=["text", "NaN", "number", "deep"],
)
def test_damaged_inputs_are_left_out(runs, tmp_path, text):
    shutil.copytree(runs[0] / "plain", tmp_path / "run")
    (tmp_path / "run" / "topology" / "inputs.json").write_text(text)
    with pytest.warns(UserWarning, match="Left out the sampled inputs"):
        (run,) = page_of(tmp_path / "run", tmp_path).runs.values()
    assert run["inputs"] is None
    assert len(run["steps"]) == 2


def test_steps_of_other_content_cost_the_report_themselves_alone(tmp_path):
    """One file in a dozen of all that the tests of archives craft, beside one good one."""
    folder, crafted_steps = tmp_path / "run" / "topology", set()
    facts, arrays = whole()
    write(folder / "step=1.npz", facts, arrays)
    for step, (_, other, others) in enumerate(itertools.islice(crafted(), 3, None, 12), 2):
        step_fact = {"step": step} if other.get("step") == 1 else {}
        write(folder / f"step={step}.npz", other | step_fact, others)
        crafted_steps.add(step)
    with pytest.warns(UserWarning, match="Left out"):
        (run,) = page_of(tmp_path / "run", tmp_path).runs.values()
    shown = {step["step"] for step in run["steps"]}
    assert 1 in shown
    assert 5 < len(shown) < len(crafted_steps)
    assert base64.b64decode(run["steps"][0]["payload"]) == encode(Snapshot.load(folder / "step=1.npz"))


def test_a_damaged_step_is_told_of_once(runs, tmp_path):
    shutil.copytree(runs[0] / "plain", tmp_path / "run")
    first, second = sorted((tmp_path / "run" / "topology").glob("*.npz"))
    first.write_bytes(b"damaged")  # which its table of contents shows
    damage(second, "scales")  # and this one only its end
    shutil.copy(second, second.with_name("step=900.npz"))
    shutil.copytree(runs[0] / "plain", tmp_path / "whole")
    with pytest.warns(UserWarning, match="Left out") as caught:
        found = page_of(tmp_path, tmp_path).runs
    assert [len(run["steps"]) for run in found.values()] == [0, 2]
    assert len(caught) == 3


def test_a_report_of_a_store_is_that_of_the_same_files_on_a_disk(runs, store, tmp_path):
    for file in (runs[0] / "plain" / "topology").iterdir():
        write_atomically(f"{store}/plain/topology/{file.name}", lambda there, file=file: there.write(file.read_bytes()))
    (here,) = page_of(runs[0] / "plain", tmp_path).runs.values()
    write_report(store, f"{store}/pages/report.html")
    found = Page(read_whole(as_path(f"{store}/pages/report.html")).decode()).runs
    assert list(found) == ["plain"]
    assert found["plain"]["inputs"] == here["inputs"]
    assert [step["payload"] for step in found["plain"]["steps"]] == [step["payload"] for step in here["steps"]]
    assert all(step["wall_time"] > 0 for step in found["plain"]["steps"])


def test_an_existing_report_is_replaced(runs, tmp_path):
    (tmp_path / "report.html").write_text("old")
    assert page_of(runs[0], tmp_path).runs


def test_a_report_of_runs_that_were_not_recorded_alike_names_what_differs_and_holds_how_each_was(tmp_path):
    for run, pooling in (("a", "mean"), ("b", "flatten")):
        (snapshot,) = write_run(tmp_path / run, n_steps=1, layers=("stem",), n_samples=60, inputs=False)
        recorded = dataclasses.replace(snapshot, recording={"pooling": pooling})
        (path,) = History(next(iter(find_runs(tmp_path / run).values()))).paths
        recorded.save(path)
    with pytest.warns(UserWarning, match="not recorded alike: pooling is 'mean' in a and 'flatten' in b"):
        page = page_of(tmp_path, tmp_path)
    payloads = [decode(base64.b64decode(page.runs[run]["steps"][0]["payload"])) for run in "ab"]
    assert [payload["recording"] for payload in payloads] == [{"pooling": "mean"}, {"pooling": "flatten"}]
