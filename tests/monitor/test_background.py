"""BackgroundWorker: jobs off the calling thread, one at a time, in order, none lost."""

import os
import subprocess
import sys
import threading
import weakref

import pytest

from topocallback.monitor.background import BackgroundWorker

LONG = 30.0  # seconds; no test waits for them unless it fails
SHORT = 0.01


@pytest.fixture
def worker():
    return BackgroundWorker()


@pytest.fixture
def gate():
    """An event that a job can wait for; opened at the end, so that no thread outlives its test."""
    gate = threading.Event()
    yield gate
    gate.set()


def fail(error):
    raise error


def worker_threads():
    return [thread for thread in threading.enumerate() if thread.name == "topocallback"]


def join_workers():
    for thread in worker_threads():
        thread.join(LONG)


def start_blocked(worker, gate):
    """A job that runs until the gate opens; returns once it runs."""
    running = threading.Event()

    def job():
        running.set()
        return gate.wait(LONG)

    assert worker.submit(job)
    assert running.wait(LONG)


def test_results_come_in_the_order_of_their_jobs_and_none_is_lost(worker):
    for i in range(200):
        assert worker.submit(lambda i=i: i, LONG)
    assert worker.wait(LONG)
    assert worker.finished() == list(range(200))


def test_results_are_handed_out_once(worker):
    worker.submit(lambda: 1)
    assert worker.wait(LONG)
    assert worker.finished() == [1]
    assert worker.finished() == []


def test_results_of_finished_jobs_can_be_had_while_others_run(worker, gate):
    done = threading.Event()
    worker.submit(done.set)
    assert done.wait(LONG)
    start_blocked(worker, gate)
    assert worker.finished() == [None]
    gate.set()
    assert worker.wait(LONG)
    assert worker.finished() == [True]


def test_jobs_run_off_the_calling_thread_one_at_a_time():
    worker, running, most, seen = BackgroundWorker(max_pending=8), [], [], set()

    def job():
        running.append(1)
        most.append(len(running))
        seen.add(threading.current_thread())
        running.pop()

    for _ in range(50):
        worker.submit(job, LONG)
    assert worker.wait(LONG)
    assert most == [1] * 50
    assert threading.current_thread() not in seen


@pytest.mark.parametrize("error", [ValueError("bad clouds"), MemoryError(), StopIteration(), TimeoutError()])
def test_an_exception_is_kept_like_a_result_and_stops_nothing(worker, error):
    worker.submit(lambda: 1)
    worker.submit(lambda: fail(error), LONG)
    worker.submit(lambda: 2, LONG)
    assert worker.wait(LONG)
    assert worker.finished() == [1, error, 2]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_that_wants_to_end_its_thread_does_not_end_the_worker(worker, error):
    worker.submit(lambda: fail(error))
    join_workers()
    assert worker.submit(lambda: 2, timeout=1.0)
    assert worker.wait(timeout=1.0)
    assert worker.finished()[-1] == 2


def test_a_thread_that_cannot_be_started_does_not_end_the_worker(worker, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            worker.submit(lambda: 1)
    assert worker.submit(lambda: 2, timeout=1.0)
    assert worker.wait(timeout=1.0)
    assert worker.finished()[-1] == 2


@pytest.mark.parametrize("max_pending", [1, 2, 5])
def test_a_full_queue_takes_no_job_until_there_is_a_place(gate, max_pending):
    worker = BackgroundWorker(max_pending)
    start_blocked(worker, gate)
    for i in range(max_pending - 1):
        assert worker.submit(lambda i=i: i, timeout=0)
    assert worker.pending == max_pending
    assert worker.submit(lambda: "too many", timeout=SHORT) is False
    assert worker.pending == max_pending
    gate.set()
    assert worker.submit(lambda: "later", LONG) is True
    assert worker.wait(LONG)
    assert worker.finished() == [True, *range(max_pending - 1), "later"]


def test_a_caller_that_waits_for_a_place_gets_it_when_a_job_ends(gate):
    worker, taken = BackgroundWorker(max_pending=1), []
    start_blocked(worker, gate)
    caller = threading.Thread(target=lambda: taken.append(worker.submit(lambda: "patient", LONG)))
    caller.start()
    assert taken == []
    gate.set()
    caller.join(LONG)
    assert taken == [True]
    assert worker.wait(LONG)
    assert worker.finished() == [True, "patient"]


def test_waiting_ends_without_success_while_a_job_is_blocked_and_with_success_afterwards(worker, gate):
    start_blocked(worker, gate)
    assert worker.wait(timeout=SHORT) is False
    gate.set()
    assert worker.wait(LONG) is True
    assert worker.finished() == [True]


def test_pending_counts_the_jobs_that_wait_and_the_one_that_runs(gate):
    worker = BackgroundWorker(max_pending=5)
    assert worker.pending == 0
    start_blocked(worker, gate)
    assert worker.pending == 1
    worker.submit(lambda: None)
    worker.submit(lambda: None)
    assert worker.pending == 3
    gate.set()
    assert worker.wait(LONG)
    assert worker.pending == 0


def test_a_worker_without_jobs_has_no_thread_and_is_done(worker):
    join_workers()
    assert worker_threads() == []
    assert worker.wait(timeout=0) is True
    assert worker.finished() == []


def test_a_worker_is_gone_when_it_is_idle_and_back_when_there_is_work(worker):
    for i in range(5):
        worker.submit(lambda i=i: i)
        assert worker.wait(LONG)
        join_workers()
        assert worker_threads() == []
    assert worker.finished() == [0, 1, 2, 3, 4]


def test_a_finished_job_is_let_go(worker, gate):
    class Clouds:
        """Something large that a job holds on to."""

    clouds = Clouds()
    reference = weakref.ref(clouds)
    worker.submit(lambda clouds=clouds: None)
    del clouds
    start_blocked(worker, gate)
    assert reference() is None


def test_jobs_of_many_threads_are_all_done_and_each_threads_in_its_order(worker):
    def submit_all(name):
        for i in range(50):
            assert worker.submit(lambda i=i: (name, i), LONG)

    callers = [threading.Thread(target=submit_all, args=(name,)) for name in "abcdefgh"]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(LONG)
    assert worker.wait(LONG)
    results = worker.finished()
    assert len(results) == 400
    for name in "abcdefgh":
        assert [i for caller, i in results if caller == name] == list(range(50))


_NICENESS = """
import os, sys, threading
from topocallback.monitor.background import BackgroundWorker

os.nice(int(sys.argv[1]))
linux = sys.platform == "linux"  # elsewhere a priority belongs to a process
niceness = lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id() if linux else 0)
worker = BackgroundWorker()
worker.submit(niceness)
worker.wait()
print(niceness(), worker.finished()[0])
"""


@pytest.mark.parametrize("nicer", [0, 5, 15])
def test_jobs_never_come_before_the_thread_that_submits_them(nicer):
    script = [sys.executable, "-c", _NICENESS, str(nicer)]
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    own, of_jobs = map(int, done.stdout.split())
    assert own == min(19, os.nice(0) + nicer)
    assert of_jobs == (max(own, 10) if sys.platform == "linux" else own)
