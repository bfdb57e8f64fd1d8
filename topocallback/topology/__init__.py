"""Topology of point clouds: Vietoris-Rips persistence diagrams and the distances between them.

Pure functions on NumPy arrays. Nothing here knows torch, Lightning or a logger.
"""
