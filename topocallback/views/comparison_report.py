"""A comparison as one HTML page that needs nothing else: pictures inside, no script."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from topocallback.records.comparison import Comparison
from topocallback.records.finding import Finding
from topocallback.records.html import escape
from topocallback.records.results import LEVEL, DistanceTable
from topocallback.records.settling import FEWEST_BETWEEN
from topocallback.views.captions import at_level, how_often_wrong, p_value, settled, times_noise, with_unit
from topocallback.views.comparison import FIGURES

__all__ = ["comparison_report", "to_png"]

_MOST_ROWS = 400
_NAMES = {"told-apart": "layers against themselves", "settling": "settling", "distances": "all distances", "map": "map"}
_SECTION_OF = {  # what shows the evidence of each kind of finding
    "told_apart": "told-apart",
    "settled": "settling",
    "still_moving": "settling",
    "unlike_checkpoints": "distances",
    "agreement": "distances",
    "twins": "distances",
}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }
th, td:first-child, td.text { text-align: left; }
.wide { overflow-x: auto; } .quiet { color: #666; } .problem { background: #fff4e5; padding: .4rem .8rem; }
.finding { border-left: 3px solid #0072b2; padding: 0 .8rem; margin: .6rem 0; } .alert { border-color: #d55e00; }
.finding p { margin: .2rem 0; } summary { color: #666; cursor: pointer; font-size: 13px; }
"""


def to_png(figure: Figure) -> bytes:
    """A figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def comparison_report(
    comparison: Comparison,
    pictures: dict[str, bytes],
    title: str = "Checkpoints compared",
    missing: Mapping[str, str] | None = None,
    findings: Sequence[Finding] = (),
) -> str:
    """The page.

    Args:
        comparison: The comparison.
        pictures: Name, as in ``FIGURES``, to a PNG.
        title: The page's heading.
        missing: Names of pictures that there should be, to why there are none.
        findings: What the comparison says, which is the page's first section.

    Returns:
        HTML text.
    """
    tables = _first_measure(comparison)
    sections = {
        "told-apart": list(_specificity(comparison, tables, pictures)),
        "settling": list(_settling(comparison, tables, pictures)),
        "distances": list(_picture("All distances", "distances", pictures)),
        "map": list(_picture("Map", "map", pictures)),
    }
    there = [name for name, section in sections.items() if section]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{_summary(comparison)}</p>",
        *(f'<p class="problem">Left out: {escape(text)}</p>' for text in comparison.left_out.values()),
        *(f'<p class="problem">{escape(f"{name}: {text}")}</p>' for name, text in comparison.problems.items()),
        *(f'<p class="problem">{escape(f"The figure {name!r} {why}.")}</p>' for name, why in (missing or {}).items()),
        *_findings(findings, there),
        *(line for name in there for line in (f'<section id="{name}">', *sections[name], "</section>")),
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


def _first_measure(comparison: Comparison) -> list[DistanceTable]:
    """The first measure in all its homology dimensions; first the one that the pictures show."""
    shown = comparison.table_of()
    return [shown, *(table for table in comparison.distances.of() if table is not shown)]


def _summary(comparison: Comparison) -> str:
    tables = comparison.distances.values()
    said = [
        f"{len(comparison.checkpoints)} checkpoints of {len(comparison.runs)} runs, {len(comparison.layers)} layers, "
        f"{len(comparison.sample_ids)} samples, the same for all.",
        f"Measures: {escape('; '.join(with_unit(table.about) for table in tables))}.",
    ]
    if any(np.isfinite(table.noise).any() for table in tables):
        said.append(
            "A distance is held against noise, the distance that two independent samples of a layer, each of as many "
            "points, have on average: “1.8 x noise” is a size, not a verdict."
        )
    if any(np.isfinite(table.p_values).any() for table in tables):
        said.append(
            "The verdict is p, how often a distance comes out at least as different where there is nothing to tell "
            f"apart: pairs with p above {LEVEL:g} are hatched, {at_level()}."
        )
    return " ".join(said)


def _findings(findings: Sequence[Finding], sections: Sequence[str]) -> Iterable[str]:
    """Each question once, with its answers; what is behind an answer unfolds below it."""
    if not findings:
        return
    yield "<h2>Findings</h2>"
    for question in dict.fromkeys(finding.question for finding in findings):
        yield f"<h3>{escape(question)}</h3>"
        for finding in (each for each in findings if each.question == question):
            kind = "finding alert" if finding.is_alert else "finding"
            yield f'<div class="{kind}"><p>{escape(finding.statement)}</p>'
            yield f'<p class="quiet">{how_often_wrong(finding.level)}{_shown_in(finding, sections)}</p>'
            yield f"<details><summary>evidence</summary>{''.join(_evidence(finding))}</details></div>"


def _shown_in(finding: Finding, sections: Sequence[str]) -> str:
    section = _SECTION_OF.get(finding.kind, "")
    return f' · <a href="#{section}">{_NAMES[section]}</a>' if section in sections else ""


def _evidence(finding: Finding) -> Iterable[str]:
    """The rule, the numbers that are of the whole, and a table of those that are of layers."""
    yield f"<p>{escape(str(finding.evidence.get('rule', '')))}</p>"
    of_layers = {name: numbers for name, numbers in finding.numbers.items() if isinstance(numbers, list)}
    single = {name: number for name, number in finding.numbers.items() if name not in of_layers}
    if single:
        yield _table(("", ""), ((name, _number(number)) for name, number in single.items()))
    if of_layers:
        columns = [{row["layer"]: row["value"] for row in rows} for rows in of_layers.values()]
        layers = dict.fromkeys(layer for column in columns for layer in column)
        rows = ((layer, *(_number(column.get(layer)) for column in columns)) for layer in layers)
        yield _table(("layer", *of_layers), rows)


def _number(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _specificity(comparison: Comparison, tables: Sequence[DistanceTable], pictures: dict[str, bytes]) -> Iterable[str]:
    found = {table.about: comparison.specificity(*table.about.key) for table in tables}
    found = {about: each for about, each in found.items() if len(each.same) and len(each.different)}
    if not found:
        return
    checkpoints = next(iter(found.values())).checkpoints
    yield "<h2>Are layers told apart?</h2>"
    yield (
        f"<p>Over the checkpoints {escape(', '.join(checkpoints[:12]))}. The AUC is how often a random pair of "
        "different layers is further apart than a random pair of the same layer, both across checkpoints; 0.5 is "
        "chance. Its p is how often it is as large when the layers of each checkpoint are shuffled.</p>"
    )
    for about, each in found.items():
        yield f"<h3>{escape(with_unit(about))}</h3>"
        if about is tables[0].about:
            yield from _picture("", "specificity", pictures)
        yield _table(
            ("layer", "from itself in other checkpoints", "from other layers in other checkpoints"),
            ((layer, f"{same:.3g}", f"{other:.3g}") for layer, (same, other) in each.by_layer.items()),
        )


def _settling(comparison: Comparison, tables: Sequence[DistanceTable], pictures: dict[str, bytes]) -> Iterable[str]:
    found = {table.about: entries for table in tables if (entries := comparison.settling(*table.about.key))}
    if not found:
        return
    yield "<h2>When did layers settle?</h2>"
    yield (
        "<p>A layer has settled from a checkpoint on if from there on no distance from the run's last checkpoint "
        f"exceeds its noise, and at least {FEWEST_BETWEEN} checkpoints lie in between. That is by size: a layer that "
        "moves on by less than its noise per checkpoint may look settled, so the last step, from the last checkpoint "
        "but one, is beside it. Earliest first.</p>"
    )
    for about, entries in found.items():
        yield f"<h3>{escape(with_unit(about))}</h3>"
        if about is tables[0].about:
            yield from _picture("", "settling", pictures)
        yield _table(
            ("layer", "run", "settled", "moved since the first checkpoint", "last step", "p of the last step"),
            (
                (
                    entry.layer,
                    entry.run,
                    settled(entry),
                    times_noise(_times(entry.distances[0], entry.noise[0])),
                    times_noise(entry.last_times_noise),
                    p_value(entry.last_p),
                )
                for entry in entries
            ),
        )


def _times(distance: float, noise: float) -> float:
    """Not moved at all is 0 times noise, even of a layer that has none: all of its samples are the same."""
    return distance / noise if noise else np.inf if distance else 0.0


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
