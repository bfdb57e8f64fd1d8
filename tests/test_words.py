"""What is said of noise is said in the same words everywhere, and no word says more than was tested."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXTS = [
    ROOT / "README.md",
    *(ROOT / "docs").glob("*.md"),
    *(path for folder in ("topocallback", "examples") for path in (ROOT / folder).rglob("*")),
]
ENDINGS = {".py", ".js", ".css", ".html", ".md"}
# The null hypothesis is that nothing was found, not that there is nothing.
TOO_STRONG = {
    "noise floor": "the layer's own noise",
    "within noise: no difference": "not told apart at 5 % per cell",
    "differences mean nothing": "not told apart at 5 % per cell",
    "below it means nothing": "not told apart at 5 % per cell",
    "added up over homology dimensions": "of one homology dimension",
}


@pytest.mark.parametrize("words", TOO_STRONG)
def test_no_word_says_more_of_noise_than_was_tested(words):
    found = [
        str(path.relative_to(ROOT))
        for path in TEXTS
        if path.suffix in ENDINGS and words in re.sub(r"[\s/*#]+", " ", path.read_text(encoding="utf-8")).lower()
    ]
    assert found == [], f"say {TOO_STRONG[words]!r} instead"
