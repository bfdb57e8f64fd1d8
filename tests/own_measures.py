"""Measures from outside the package, one of each kind, as the documentation shows them."""

from dataclasses import dataclass

import numpy as np

from topocallback.measures import DiagramDistance, Distance, Statistic


@dataclass(frozen=True)
class Procrustes(Distance):
    label = "Procrustes distance (0 alike, 1 unlike)"
    range = (0.0, 1.0)
    paired = True
    direction = "similarity"

    def prepare(self, facts):
        centred = facts.cloud - facts.cloud.mean(axis=0)
        return centred / (np.linalg.norm(centred) or 1.0)

    def between(self, first, second):
        return float(max(0.0, 1 - np.linalg.norm(first.T @ second, ord="nuc") ** 2))


@dataclass(frozen=True)
class LongBars(DiagramDistance):
    label = "Difference of long bars"
    unit = "bars"
    longer_than: float = 0.05

    def prepare_diagram(self, diagram):
        return int((diagram[:, 1] - diagram[:, 0] > self.longer_than).sum())

    def between(self, first, second):
        return float(abs(first - second))


class NearestAgree(Statistic):
    label = "Nearest neighbour of the same class"
    unit = "share of samples"
    range = (0.0, 1.0)
    more = "classes further apart"
    needs_labels = True

    def value(self, facts):
        distances = facts.distances + np.diag(np.full(facts.n_points, np.inf))
        return float(np.mean(facts.labels[distances.argmin(axis=1)] == facts.labels))
