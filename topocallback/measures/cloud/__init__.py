"""Numbers that describe one cloud: its spectrum, its dimension, where its classes lie."""
