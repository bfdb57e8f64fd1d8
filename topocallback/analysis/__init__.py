"""From point clouds to a Snapshot."""
