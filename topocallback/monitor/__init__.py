"""The callback, and what it stands on: recording a Trainer's validations, its current run, delivery to its loggers."""
