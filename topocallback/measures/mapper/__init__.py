"""Mapper graphs of a cloud: cover, clusters, the graph of what they share, and where to draw it."""
