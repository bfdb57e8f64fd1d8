"""The measures as metrics of torchmetrics.

A metric keeps a bounded sample of the vectors it has seen, as tensors of fixed length, and leaves everything else to
``topocallback.functional``.
"""

from topocallback.metrics.layer_distance_matrix import LayerDistanceMatrix
from topocallback.metrics.persistence_distance import PersistenceDistance

__all__ = ["LayerDistanceMatrix", "PersistenceDistance"]
