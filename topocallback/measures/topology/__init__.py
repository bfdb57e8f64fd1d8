"""Persistence diagrams of a cloud, the distances between them, and their statistics."""
