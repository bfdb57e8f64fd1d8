"""The lowest versions that are tested are those that are asked for."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_REQUIREMENT = re.compile(r'"([a-z][a-z-]*)(?:\[\w+\])?>=([\d.]+)"')


def _pinned(file):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def _lower_bounds():
    """Every lower bound that stands in front of the documentation's and development's tools."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = text[text.index("dependencies = [") : text.index("[project.scripts]")]
    kept = [line for line in section.splitlines() if not line.startswith(("docs =", "dev ="))]
    return dict(_REQUIREMENT.findall("\n".join(kept)))


@pytest.mark.parametrize("package", sorted(_lower_bounds()))
def test_every_lower_bound_is_what_is_tested(package):
    assert _pinned("constraints-lowest.txt")[package] == _lower_bounds()[package]


def test_nothing_is_held_to_a_lowest_version_that_nobody_asks_for():
    asked = _lower_bounds()
    text = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8")
    first_part = text[: text.index("# What those need in turn")]
    assert set(re.findall(r"^([\w-]+)==", first_part, re.M)) == set(asked)
