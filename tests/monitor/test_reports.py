"""Reports: what fails becomes a warning, once each, or an exception where one is asked for."""

import pickle
import warnings

import pytest

from topocallback.monitor.reports import Reports


def said(work):
    """The warnings that a function gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    return [str(warning.message) for warning in caught]


def fail_in(reports, *cleanup):
    with reports.guarded("dividing", *cleanup):
        raise ZeroDivisionError("by zero")


def test_what_fails_in_a_guarded_block_becomes_one_warning_that_says_what_was_done():
    reports = Reports("warn")
    assert said(lambda: fail_in(reports)) == ["TopologyMonitor: ZeroDivisionError while dividing: by zero"]
    assert said(lambda: fail_in(reports)) == []


def test_what_fails_in_a_guarded_block_is_raised_if_asked_for_as_often_as_it_fails():
    reports = Reports("raise")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="by zero"):
            fail_in(reports)


@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_who_cleans_up_does_so_before_the_report(on_error):
    done = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((UserWarning, ZeroDivisionError)):
            fail_in(Reports(on_error), lambda: done.append("cleaned"))
    assert done == ["cleaned"]


def test_nothing_is_cleaned_up_and_nothing_said_where_nothing_fails():
    done = []
    with Reports("warn").guarded("adding", lambda: done.append("cleaned")):
        pass
    assert done == []


def test_an_interruption_is_not_held_up():
    with pytest.raises(KeyboardInterrupt), Reports("warn").guarded("waiting"):
        raise KeyboardInterrupt


def test_a_users_mistake_is_a_warning_or_a_runtime_error():
    assert said(lambda: Reports("warn").complain("there are two")) == ["TopologyMonitor: there are two"]
    with pytest.raises(RuntimeError, match="TopologyMonitor: there are two"):
        Reports("raise").complain("there are two")


@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_a_mere_warning_is_one_whatever_is_asked_for_and_given_once(on_error):
    reports = Reports(on_error)
    assert said(lambda: [reports.warn(text) for text in "abab"]) == ["TopologyMonitor: a", "TopologyMonitor: b"]


def test_a_copy_does_not_repeat_what_was_said():
    reports = Reports("warn")
    said(lambda: reports.warn("a"))
    copied = pickle.loads(pickle.dumps(reports))
    assert said(lambda: [copied.warn(text) for text in "ab"]) == ["TopologyMonitor: b"]


def test_anything_but_warning_and_raising_is_refused():
    with pytest.raises(ValueError, match="Expected `on_error` to be 'warn' or 'raise', got 'ignore'"):
        Reports("ignore")


@pytest.mark.parametrize(
    ("name", "shown"), [("\x1b[2J", r"\x1b[2J"), ("a\u202eb\udcff", r"a\u202eb\udcff"), ("a\nb", "a\nb")]
)
def test_a_warning_shows_what_a_terminal_would_do(name, shown):
    with pytest.warns(UserWarning, match="was left out") as warned:
        Reports("warn").warn(f"{name} was left out.")
    assert str(warned[0].message) == f"TopologyMonitor: {shown} was left out."
