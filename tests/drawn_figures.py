"""A rendered figure whose pixels can be asked for in the figure's own coordinates, and a snapshot to draw."""

import io
from dataclasses import replace
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.collections import QuadMesh
from PIL import Image

from topocallback.records.results import Description, LayerDistances, Results, StatisticTable
from topocallback.records.snapshot import Snapshot
from topocallback.views.canvas import render

ABOUT = Description("sliced_wasserstein", 1, "Sliced Wasserstein distance", "0.9 quantiles")
KEY = ABOUT.key


class Label(NamedTuple):
    """What is written, and where."""

    text: str
    left: float
    right: float
    bottom: float
    top: float


def distances(matrix, noise, about=ABOUT, **known):
    """A table of a snapshot, whose layers have not moved."""
    still = np.zeros(len(matrix))
    noise = np.broadcast_to(noise, len(matrix)).astype(float)
    return LayerDistances(about, matrix, noise, drift=still, drift_from_reference=still, **known)


def example(layers=20, noise=0.01, seed=0, **fields):
    """A snapshot with made-up numbers: one measure in H1, distances in [0.1, 0.9], small noise."""
    rng = np.random.default_rng(seed)
    names = tuple(f"block{i}" for i in range(layers)) if isinstance(layers, int) else tuple(layers)
    matrix = rng.uniform(0.1, 0.9, size=(len(names), len(names)))
    matrix = np.triu(matrix, 1) + np.triu(matrix, 1).T
    longest = Description("longest_bar", 1, "Longest bar", "0.9 quantiles", kind="statistic")
    snapshot = Snapshot(
        step=12345,
        epoch=12,
        layers=names,
        homology_dims=(1,),
        n_points=np.full(len(names), 4),
        sample_ids=np.arange(4),
        labels=None,
        diagrams={name: [np.sort(rng.uniform(0, 1, size=(5, 2)), axis=1)] for name in names},
        distances=Results([distances(matrix, noise)]),
        statistics=Results([StatisticTable(longest, np.ones(len(names)))]),
        scales=np.ones(len(names)),
    )
    return replace(snapshot, **fields)


def with_distances(snapshot, entries, part="matrix"):
    """The snapshot with other distances between some layers, or with other p-values or standard errors of these."""
    table = snapshot.distances[KEY]
    matrix = getattr(table, part).copy()
    for (i, j), value in entries.items():
        matrix[i, j] = matrix[j, i] = value
    return replace(snapshot, distances=Results([replace(table, **{part: matrix})]))


def decode(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


class Drawn:
    """A rendered figure whose pixels can be asked for in the coordinates of its first axes."""

    def __init__(self, figure):
        self.axis = figure.axes[0]
        self.pixels = decode(render("drawn", figure).png)

    def position(self, x, y):
        across, up = self.axis.transData.transform((x, y))
        return len(self.pixels) - up, across

    def panels(self, size):
        """Left, right, bottom and top of the square matrices."""
        return [extent for shape, extent in self.meshes() if shape == (size, size)]

    def meshes(self):
        """Shape, and left, right, bottom and top, of everything that is drawn in cells."""
        found = [artist for artist in self.axis.collections if isinstance(artist, QuadMesh)]
        corners = [mesh.get_coordinates() for mesh in found]
        return [
            (mesh.get_array().shape, (*corner[0, [0, -1], 0], *corner[[-1, 0], 0, 1]))
            for mesh, corner in zip(found, corners, strict=True)
        ]

    def cell(self, i, j, size, panel=0):
        """The pixels inside a cell: row i from the top, column j from the left."""
        left, right, bottom, top = self.panels(size)[panel]
        width, height = (right - left) / size, (top - bottom) / size
        first, start = self.position(left + j * width, top - i * height)
        last, end = self.position(left + (j + 1) * width, top - (i + 1) * height)
        return self.pixels[int(first) + 3 : int(last) - 2, int(start) + 3 : int(end) - 2].reshape(-1, 3)

    def colour_at(self, x, y):
        row, column = self.position(x, y)
        return self.pixels[int(row), int(column)]


def viridis(share):
    return np.array(mpl.colormaps["viridis"](share)[:3]) * 255


def is_plain(cell):
    return len(cell) > 100 and bool((cell == cell[0]).all())


def assert_colour(cell, expected):
    assert is_plain(cell)
    np.testing.assert_allclose(cell[0], expected, atol=4)  # neighbouring entries of the colour map
