"""Write the page of measures, docs/measures.md, from the table of measures.

python docs/measures.py           writes the page
python docs/measures.py --check   says whether it is what the table gives
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from topocallback.measures import LENGTH, MEASURES, Distance, Measure, Statistic

PAGE = Path(__file__).with_name("measures.md")

_BEGINNING = """\
# Measures

A measure is an object that carries its options and says what its numbers are: label, unit, range. There are two kinds:
a *distance* between two layers, and a *statistic* of one layer. Everything that takes `measures=` or `measure=` takes
a name, an object with options, or one of your own:

```python
from topocallback.measures import SlicedWasserstein

TopologyMonitor(measures=["sliced_wasserstein", SlicedWasserstein(n_directions=200), "wasserstein"])
```

Two measures of one kind with different options stand side by side. The statistics of persistence diagrams and of Mapper
graphs come with these, and need not be named. Every measure can be called on plain arrays as well:

```python
from topocallback.measures import MEASURES

MEASURES["sliced_wasserstein"]()(x, y)  # two clouds, (n, c) and (m, d); in H1, unless homology_dim says otherwise
MEASURES["mapper_majority"]()(x, labels)
```

What a number is *unchanged by* may be done to all points of a cloud, and of a distance to those of either one: a
rotation, a shift, a scale (one factor); of statistics of weights, to these. Under `scale="quantile"`, distances between
diagrams are unchanged by scale as well. That all of this holds, and nothing else does, is tested for every entry.

This page is written by `python docs/measures.py` from the code; a test holds the two together.

"""
_OWN = """
## Your own

A distance says what depends on one layer alone (`prepare`) and compares two layers (`between`); a statistic is a
`value`. Both see a layer through its `LayerFacts`: the cloud, labels, and whatever derives from them (distances,
diagrams, the Mapper graph), each computed once however many measures ask for it. What not every measure needs is
recorded for those that say so: `needs_weights` for the layer's own weights (`facts.weights`), `needs_edges` for the
edges of graphs whose nodes are points (`facts.edges`); labels are there if the batches have any, and `needs_labels`
says that without them there is no number. These three are the ones that the tests put through a training, the archive,
the pictures, the tab, the report and a comparison:

```{literalinclude} ../tests/own_measures.py
:language: python
:start-at: from dataclasses
```

```python
TopologyMonitor(measures=["sliced_wasserstein", Procrustes(), LongBars(longer_than=0.1), NearestAgree()])
```

A function of two diagrams becomes a distance, a function of one cloud a statistic, under their own names:

```python
def mean_norm(cloud):
    return np.linalg.norm(cloud, axis=1).mean()


TopologyMonitor(measures=["sliced_wasserstein", mean_norm])
```

A measure that fails on a layer costs that number and nothing else, and is named in `Snapshot.problems`. To be compared
on other processes a measure has to be importable there. What needs more than diagrams (`from_diagrams = False`) is
measured while the activations are there: its drift is measured from clouds that are kept in half precision
([what drift is measured from](guide.md)), and recorded runs cannot be compared by it
afterwards; checkpoints can.
"""


def page() -> str:
    """The page as the table of measures gives it."""
    kinds = {
        "Distances between layers": [kind for kind in MEASURES.values() if issubclass(kind, Distance)],
        "Statistics of a layer": [kind for kind in MEASURES.values() if issubclass(kind, Statistic)],
    }
    return _BEGINNING + "\n".join(_table(title, found) for title, found in kinds.items()) + _OWN


def _table(title: str, kinds: list[type[Measure]]) -> str:
    headings = (
        "Name",
        "What it is",
        "Question",
        "Unit",
        "Range",
        "Samples",
        "Unchanged by",
        "Options",
        "Cost",
        "Paper",
    )
    rows = [headings, ("---",) * len(headings), *map(_row, kinds)]
    return f"## {title}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _row(kind: type[Measure]) -> tuple[str, ...]:
    options = sorted((field.name for field in dataclasses.fields(kind)), key="homology_dim".__eq__)
    low, high = kind.range
    return (
        f"`{kind.key}`",
        kind.label,
        kind.question,
        {LENGTH: "that of the cloud"}.get(kind.unit, kind.unit) or "none",
        f"{low:g} to {high:g}" if high < float("inf") else f"from {low:g}",
        "the same on both sides" if issubclass(kind, Distance) and kind.paired else "any",
        ", ".join(kind.unchanged_by) or "nothing",
        ", ".join(f"`{name}`" for name in options),
        getattr(kind, "cost", ""),
        kind.paper,
    )


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if the page is out of date")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        print(f"{PAGE} is not what the table of measures gives: run python docs/measures.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
