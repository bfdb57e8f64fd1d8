"""Draw the pictures of README and the documentation from a run of the demo.

python docs/pictures.py runs/mnist_resnet/version_0
"""

from __future__ import annotations

import sys
from pathlib import Path

from topocallback import load_history
from topocallback.views.canvas import render
from topocallback.views.figures import Ranges, diagrams_figure, heatmap_figure
from topocallback.views.mapper_figure import mapper_figure

IMAGES = Path(__file__).parent / "images"


def main(run: str) -> None:
    """Write the last step's pictures, with the ranges of the whole run."""
    ranges = Ranges()
    for snapshot in load_history(run):
        ranges.include(snapshot)
    figures = {
        "layer_distance": heatmap_figure(snapshot, ranges.limits),
        "persistence_diagrams": diagrams_figure(snapshot, ranges.limits),
        "mapper": mapper_figure(snapshot),
    }
    for name, figure in figures.items():
        (IMAGES / f"{name}.png").write_bytes(render(name, figure).png)


if __name__ == "__main__":
    main(sys.argv[1])
