"""The measures as functions of tensors or arrays.

Everything is computed in double precision, and on the CPU but for the distances of large clouds. Tensors give tensors
on the device they came from, arrays give arrays. Nothing is differentiated.
"""

from topocallback.functional.difference import CloudDifference, clouds_differ
from topocallback.functional.mapper import mapper_graph
from topocallback.functional.neighbourhoods import neighbourhood_persistence
from topocallback.functional.persistence import (
    pairwise_persistence_distance,
    persistence_diagrams,
    persistence_distance,
)
from topocallback.records.neighbourhoods import NeighbourhoodPersistence

__all__ = [
    "CloudDifference",
    "NeighbourhoodPersistence",
    "clouds_differ",
    "mapper_graph",
    "neighbourhood_persistence",
    "pairwise_persistence_distance",
    "persistence_diagrams",
    "persistence_distance",
]
