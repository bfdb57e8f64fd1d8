"""Processor time by stage: of the thread that asks, and of those that worked for it."""

import copy
import threading
import time

import pytest

from topocallback.clock import Clock, processor_seconds
from topocallback.measures.parallel import map_threads


def work(seconds):
    start = time.thread_time()
    while time.thread_time() - start < seconds:
        pass


def test_a_clock_adds_up_also_what_fails():
    clock = Clock()
    with clock("a"), pytest.raises(RuntimeError), clock("b"):
        raise RuntimeError
    first = dict(clock.seconds)
    with clock("a"):
        pass
    assert clock.seconds.keys() == {"a", "b"}
    assert clock.seconds["a"] > first["a"] >= first["b"] > 0


def test_waiting_counts_nothing():
    clock = Clock()
    with clock("waiting"):
        time.sleep(0.2)
    assert clock.seconds["waiting"] < 0.1


@pytest.mark.parametrize("n_threads", [1, 2])
def test_what_threads_do_for_a_caller_is_the_callers(n_threads):
    clock = Clock()
    with clock("working"):
        map_threads(work, [0.05] * 4, n_threads)
    assert 0.2 <= clock.seconds["working"] < 0.4


def test_threads_in_threads_are_counted_once():
    clock = Clock()
    with clock("working"):
        map_threads(lambda _: map_threads(work, [0.05] * 2, 2), range(2), 2)
    assert 0.2 <= clock.seconds["working"] < 0.4


def test_another_threads_time_is_its_own():
    thread = threading.Thread(target=work, args=(0.2,))
    start = processor_seconds()
    thread.start()
    thread.join()
    assert processor_seconds() - start < 0.1


def test_a_copy_starts_anew():
    clock = Clock()
    clock.add("a", 1.0)
    assert copy.deepcopy(clock).seconds == {}
