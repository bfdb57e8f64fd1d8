"""The table at the end of a training: as much as fits on a screen, by rich and without it."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from hostile_names import HOSTILE

from topocallback.findings.wording import about_layers
from topocallback.monitor.findings_told import as_text, print_findings
from topocallback.records.finding import Finding


def finding(layer="stem", question="Which layers have settled?", *, is_alert=False, more=""):
    return Finding(question, (layer,), f"L{about_layers((layer,))[1:]} is so.{more}", {}, 0.05, is_alert=is_alert)


MANY = [
    finding("head", "Does a layer hold NaN or infinity?", is_alert=True),
    *(finding(f"blocks.{at}", more=" It moves by less than noise since step 800.") for at in range(19)),
]
RUN = Path("logs/my run/topology")


@pytest.fixture(params=["rich", "plain"])
def printed(request, monkeypatch, capsys):
    """Prints, and gives the lines that came out, in a terminal of a width."""
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "rich.console", None)

    def lines(findings, archive=None, width=80):
        monkeypatch.setattr(shutil, "get_terminal_size", lambda fallback: os.terminal_size((width, 24)))
        print_findings(findings, archive)
        out = capsys.readouterr().out
        assert ("┃" in out) == (request.param == "rich" and bool(findings))
        return out.splitlines()

    return lines


def words_of(lines):
    """What is said, whatever draws the table."""
    return " ".join(" ".join(lines).translate(dict.fromkeys(map(ord, "┃│┏━┳┓┡╇┩└─┴┘"), " ")).split())


@pytest.mark.parametrize("width", [40, 80, 100, 300])
def test_it_fits_on_a_screen_and_says_how_many_are_left_out(printed, width):
    lines = printed(MANY, RUN, width)
    assert 10 < len(lines) <= 24
    # But for the command, which can be copied as it is.
    assert max(map(len, lines[:-1])) <= min(width, 100)
    shown = len(re.findall(r"'(?:head|blocks\.\d+)'", " ".join(lines)))
    assert 3 <= shown < len(MANY)
    assert lines[-1] == f"and {len(MANY) - shown} more: topocallback findings 'logs/my run'"


def test_alerts_come_first_with_question_and_answer(printed):
    found = words_of(printed(MANY[:2], RUN, 100))
    assert found.index("Does a layer hold NaN") < found.index("Which layers have settled?")
    assert "ALERT: Layer 'head' is so." in found
    assert "ALERT: Layer 'blocks.0'" not in found
    assert found.endswith("With their evidence: topocallback findings 'logs/my run'")


def test_without_an_archive_no_command_is_named(printed):
    assert "topocallback findings" not in words_of(printed(MANY[:1]))
    assert printed(MANY)[-1].endswith("more, which `TopologyMonitor.findings` has")


def test_without_findings_there_is_one_line(printed):
    assert printed([], RUN) == ["TopologyMonitor: no findings: topocallback findings 'logs/my run'."]
    assert printed([]) == ["TopologyMonitor: no findings."]


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_names_are_shown_and_do_nothing(printed, name):
    lines = printed([finding(name), finding("[bold red]stem[/]")], Path("logs") / (name[:50].replace("\0", "") or "x"))
    assert len(lines) <= 24
    assert all(line.isprintable() or not line.strip("\u3000\xa0") for line in lines)
    assert "[bold red]stem[/]" in "".join(words_of(lines).split("\n"))


def test_a_long_answer_is_cut_and_leaves_room_for_others():
    text = as_text([finding(more=" word" * 900), finding("head")], width=80)
    assert text.count("\n") < 24
    assert " ..." in text
    assert "'head'" in text


def test_a_terminal_without_its_letters_shows_them_escaped(monkeypatch, capfd):
    with open(1, "w", encoding="ascii", closefd=False) as ascii_only:
        monkeypatch.setattr(sys, "stdout", ascii_only)
        print_findings([finding(more=" 0.4 ± 0.1.")])
    assert "0.4 \\xb1 0.1." in capfd.readouterr().out
