"""Answers to what people ask of their layers: sentences with their evidence, from what was measured."""
