"""The callback, and what it stands on: a run, its background thread, and what a Trainer says of it."""
