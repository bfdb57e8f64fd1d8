"""What a monitor has taken of a run's processor time."""

import time

import pytest

from topocallback.monitor.spent import Spent


def work(seconds):
    start = time.thread_time()
    while time.thread_time() - start < seconds:
        pass


def test_stages_add_up_and_what_is_in_none_of_them_counts():
    spent = Spent()
    spent.add({"recording": 0.5, "diagrams": 1.0, "total": 2.0, "archive": 0.25, "tab": 0.25})
    spent.add({"recording": 0.5, "diagrams": 1.0, "total": 1.5})
    assert spent.seconds == {"recording": 1.0, "diagrams": 2.0, "archive": 0.25, "tab": 0.25}
    assert spent.total == 4.0
    assert spent.n_snapshots == 2


def test_what_is_counted_of_a_stage_belongs_to_one_snapshot():
    spent = Spent()
    with spent("recording"):
        work(0.05)
    taken = spent.take("recording")
    assert taken["recording"] >= 0.05
    assert (spent.take("recording"), spent.total) == ({"recording": 0.0}, 0.0)
    spent.add({**taken, "total": taken["recording"]})
    assert spent.total == pytest.approx(taken["recording"])


def test_the_share_is_of_the_time_since_the_run_began():
    spent = Spent()
    with spent("loggers"):
        work(0.1)
    work(0.1)
    assert 0.3 < spent.share < 0.6
    spent.begin()
    assert (spent.total, spent.n_snapshots) == (0.0, 0)


def test_a_run_without_snapshots_has_a_sentence_too():
    assert Spent().in_words().startswith("0 snapshots took 0.0 s")


def test_the_sentence_names_the_largest_part():
    spent = Spent()
    spent.add({"diagrams": 2.0, "pictures": 9.0, "total": 11.5})
    words = spent.in_words()
    assert words.startswith("1 snapshot took 11.5 s of processor time, 100.0 % of the run.")
    assert words.endswith("The largest part was pictures (9.0 s).")


def test_the_first_snapshot_is_always_allowed_and_the_next_waits_for_it():
    spent = Spent()
    assert [spent.allows(0.01, pending) for pending in (0, 1)] == [True, False]
    assert spent.allows(None, pending=9)


def test_a_snapshot_is_allowed_when_the_run_has_taken_long_enough(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("topocallback.monitor.spent.time.process_time", lambda: now[0])
    spent = Spent()
    spent.add({"diagrams": 1.0, "total": 1.0})
    found = []
    for seconds in (10.0, 18.9, 19.0):
        now[0] = seconds
        found.append([spent.allows(0.1, pending) for pending in (0, 1)])
    assert found == [[False, False], [False, False], [True, False]]
