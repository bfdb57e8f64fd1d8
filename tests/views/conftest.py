"""What tests of pictures share."""

import pytest
from drawn_figures import Label

from topocallback.views.lettering import Lettering


@pytest.fixture
def labels(monkeypatch):
    """What is written into figures from now on, and where."""
    written, write = [], Lettering.write

    def note(self, x, y, text, *, size=7, align=0.5, up=False, **how):
        length, half = self.width(text, size), 0.35 * size
        along = -align * length, (1 - align) * length
        box = (
            (x - half, x + half, y + along[0], y + along[1]) if up else (x + along[0], x + along[1], y - half, y + half)
        )
        written.append(Label(text, *box))
        write(self, x, y, text, size=size, align=align, up=up, **how)

    monkeypatch.setattr(Lettering, "write", note)
    return written
