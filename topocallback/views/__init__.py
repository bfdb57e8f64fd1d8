"""What a person sees. Views read Snapshots and compute nothing."""
