"""Plain data: point clouds, snapshots, comparisons and Mapper graphs, what they say, and their archive on disk."""
