"""A comparison as one HTML page that needs nothing else: pictures inside, no script."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape

from matplotlib.figure import Figure

from topocallback.records.comparison import Comparison
from topocallback.views.captions import with_unit
from topocallback.views.comparison import FIGURES

__all__ = ["comparison_report", "to_png"]

_MOST_ROWS = 400
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child, td.text { text-align: left; }
.wide { overflow-x: auto; } .quiet { color: #666; } .problem { background: #fff4e5; padding: .4rem .8rem; }
"""


def to_png(figure: Figure) -> bytes:
    """A figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def comparison_report(comparison: Comparison, pictures: dict[str, bytes], title: str = "Checkpoints compared") -> str:
    """The page.

    Args:
        comparison: The comparison.
        pictures: Name, as in ``FIGURES``, to a PNG.
        title: The page's heading.

    Returns:
        HTML text.
    """
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{_summary(comparison)}</p>",
        *(f'<p class="problem">Left out: {escape(text)}</p>' for text in comparison.left_out.values()),
        *(f'<p class="problem">{escape(f"{name}: {text}")}</p>' for name, text in comparison.problems.items()),
        *_specificity(comparison, pictures),
        *_settling(comparison, pictures),
        *_picture("All distances", "distances", pictures),
        *_picture("Map", "map", pictures),
        "<h2>Checkpoints</h2>",
        _table(
            ("checkpoint", "run", "step", "epoch", "file"),
            ((c.name, c.run, c.step, c.epoch, c.path) for c in comparison.checkpoints),
        ),
        "<h2>Options</h2>",
        _table(("option", "value"), ((key, str(value)) for key, value in comparison.options.items())),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n<body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _summary(comparison: Comparison) -> str:
    measures = "; ".join(with_unit(table.about) for table in comparison.distances.values())
    return (
        f"{len(comparison.checkpoints)} checkpoints of {len(comparison.runs)} runs, {len(comparison.layers)} layers, "
        f"{len(comparison.sample_ids)} samples, the same for all. Measures: {escape(measures)}. A distance is held "
        "against its noise floor: the distance between two random halves of a layer's own samples, the larger one of "
        "the two layers'."
    )


def _specificity(comparison: Comparison, pictures: dict[str, bytes]) -> Iterable[str]:
    found = comparison.specificity()
    if not len(found.same) or not len(found.different):
        return
    yield "<h2>Are layers told apart?</h2>"
    yield (
        f"<p>Over the checkpoints {escape(', '.join(found.checkpoints[:12]))}: different layers of one checkpoint are "
        f"{found.ratio:.2f} times as far apart as the same layer in two checkpoints. A random pair of different layers "
        f"is further apart than a random pair of the same layer in {found.auc:.0%} of cases (50% is chance).</p>"
    )
    yield from _picture("", "specificity", pictures)
    yield _table(
        ("layer", "from itself", "from other layers"),
        ((layer, f"{same:.3g}", f"{other:.3g}") for layer, (same, other) in found.by_layer.items()),
    )


def _settling(comparison: Comparison, pictures: dict[str, bytes]) -> Iterable[str]:
    entries = comparison.settling()
    if not entries:
        return
    yield "<h2>When did layers settle?</h2>"
    yield (
        "<p>A layer has settled at the first checkpoint from which on it stays within noise of the run's last one. "
        "Earliest first.</p>"
    )
    yield from _picture("", "settling", pictures)
    yield _table(
        ("layer", "run", "settled at step", "moved since the first checkpoint", "noise floor"),
        (
            (
                e.layer,
                e.run,
                e.step if e.settled else "not before the last",
                f"{e.distances[0]:.3g}",
                f"{e.floor[0]:.3g}",
            )
            for e in entries
        ),
    )


def _picture(heading: str, name: str, pictures: dict[str, bytes]) -> Iterable[str]:
    if name in pictures and name in FIGURES:
        encoded = base64.b64encode(pictures[name]).decode()
        yield (f"<h2>{escape(heading)}</h2>" if heading else "") + (
            f'<img alt="{escape(name)}" src="data:image/png;base64,{encoded}">'
        )


def _table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = []
    for number, row in enumerate(rows):
        if number == _MOST_ROWS:
            lines.append(f'<tr><td class="quiet" colspan="{len(headings)}">… the rest is in the CSV file</td></tr>')
            break
        cells = (f"<td{' class=text' if isinstance(cell, str) else ''}>{escape(str(cell))}</td>" for cell in row)
        lines.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    return f'<div class="wide"><table><tr>{head}</tr>\n' + "\n".join(lines) + "\n</table></div>"
