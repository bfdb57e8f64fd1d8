"""Runs that the browser tests look at: whole ones, and ones with hostile names, alike layers, broken steps."""

import gzip
from dataclasses import replace

import numpy as np
from browser_tools import altered
from synthetic_runs import STEPS_PER_EPOCH, Logger, synthetic_clouds, synthetic_inputs, synthetic_snapshots, write_run

from topocallback.records.results import Results
from topocallback.views.logging import write_for_tab
from topocallback.views.payload import encode
from topocallback.views.sprite import make_sprite

HOSTILE = "<img src=x onerror=alert(1)>"
LAYERS = ("net.stem", "net.blocks.0", "net.blocks.1", "net.blocks.2", "net.head")
STEPS = [STEPS_PER_EPOCH * (i + 1) for i in range(5)]
SAMPLES = 120


def write_runs(folder):
    for number in (0, 1):
        write_run(folder / f"version_{number}", len(STEPS), LAYERS, SAMPLES, seed=number)
    write_hostile_run(folder / HOSTILE)
    write_alike_run(folder / "alike")
    write_broken_run(folder / "broken")
    return folder


def write_hostile_run(log_dir):
    """A run whose layers and classes have names that would do harm as markup."""
    logger = Logger(log_dir)
    layers = (HOSTILE, f"b.{HOSTILE}", "plain")
    sprite = make_sprite(synthetic_inputs(synthetic_clouds(0, layers, SAMPLES)))
    for snapshot in synthetic_snapshots(2, layers, SAMPLES):
        named = replace(snapshot, labels=[f"{HOSTILE}{label}" for label in snapshot.labels])
        write_for_tab(logger, encode(named), sprite, snapshot.step)
    logger.experiment.close()


def write_alike_run(log_dir):
    """A step of layers that are not told apart, but for the first one, by whole numbers that are all the same."""
    logger = Logger(log_dir)
    snapshot = next(synthetic_snapshots(1, LAYERS, SAMPLES))
    apart = 1.0 - np.eye(len(LAYERS))
    p_values = np.full_like(apart, 0.06)
    p_values[0] = p_values[:, 0] = 0.05
    tables = [replace(table, matrix=apart, p_values=p_values) for table in snapshot.distances.values()]
    write_for_tab(logger, encode(replace(snapshot, distances=Results(tables))), None, snapshot.step)
    logger.experiment.close()


def write_broken_run(log_dir):
    """A good step, one of a newer version, one that is not gzip, one that is not JSON, and one that lacks tables."""
    logger = Logger(log_dir)
    good = encode(next(synthetic_snapshots(1, LAYERS, SAMPLES)))
    payloads = [
        good,
        altered(good, version=99),
        b"no gzip",
        gzip.compress(b"{no json"),
        gzip.compress(b'{"version": 2}'),
    ]
    for step, payload in enumerate(payloads):
        write_for_tab(logger, payload, None, step)
    logger.experiment.close()
