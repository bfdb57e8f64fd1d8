"""What is measured on one layer, or between two: pure functions of arrays."""
