"""Comparing checkpoints, models and recorded runs, layer by layer."""
