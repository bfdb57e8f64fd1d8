"""Runs of a made-up training: snapshots, event files, archives and inputs as a monitor leaves them, within seconds.

python tests/synthetic_runs.py FOLDER --runs 2 --steps 8
"""

import argparse
import math
from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.mapper.options import MapperOptions
from topocallback.records.archive import archive_folder, archive_path
from topocallback.records.inputs import save_inputs
from topocallback.records.point_clouds import PointClouds, SampledInputs
from topocallback.views.logging import write_for_tab
from topocallback.views.payload import encode
from topocallback.views.sprite import make_sprite

STEPS_PER_EPOCH = 63
CLASSES = 10
# Few samples want fewer intervals than the paper's 40, and a wide radius, for a graph with many edges.
OPTIONS = AnalysisOptions(mapper=MapperOptions(n_intervals=16, overlap=0.5, radius=0.6))


class Logger:
    """What writing needs of Lightning's TensorBoardLogger."""

    def __init__(self, log_dir):
        self.experiment = SummaryWriter(log_dir)


def layer_names(count):
    return ("stem", *(f"blocks.{i}" for i in range(count - 2)), "head")[:count]


def synthetic_clouds(progress, layers, n_samples=400, seed=0, channels=16):
    """Classes that start as one cloud with a loop in it and move apart, the deeper layers earlier and further.

    Args:
        progress: How far training is, from 0 to 1.
        layers: Layer names.
        n_samples: Samples; their labels go round the classes.
        seed: Of the samples and of where the classes go.
        channels: The layers' width.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(n_samples) % CLASSES
    centres = rng.normal(size=(CLASSES, channels)) / math.sqrt(channels)
    angles, radii = rng.uniform(0, 2 * math.pi, n_samples), rng.uniform(0.7, 1.3, n_samples)
    loop = np.zeros((n_samples, channels))  # a ring of two dimensions, so that Mapper finds neighbours
    loop[:, :2] = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    clouds = {}
    for position, layer in enumerate(layers):
        apart = 4 * progress * (position + 1) / len(layers)
        blur = 0.03 * rng.normal(size=(n_samples, channels))
        clouds[layer] = ((1 - 0.6 * progress) * loop + apart * centres[labels] + blur).astype(np.float32)
    ids = np.sort(rng.choice(10 * n_samples, n_samples, replace=False))
    return PointClouds(clouds, sample_ids=ids, labels=labels)


def synthetic_inputs(clouds, side=28):
    """A picture per sample: stripes whose direction and colour tell its class, normalised as networks are fed."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:side, 0:side] / side
    angles = math.pi * clouds.labels / CLASSES
    phases = rng.uniform(0, 2 * math.pi, len(angles))
    waves = np.cos(angles)[:, None, None] * x + np.sin(angles)[:, None, None] * y
    stripes = np.sin(4 * math.pi * waves + phases[:, None, None])
    colours = 0.6 + 0.4 * np.cos(2 * math.pi * (clouds.labels[:, None] / CLASSES + np.arange(3) / 3))
    return SampledInputs((stripes[:, None] * colours[:, :, None, None]).astype(np.float32), clouds.sample_ids)


def synthetic_snapshots(n_steps=8, layers=None, n_samples=400, seed=0):
    """Snapshots as a run measures them, each against the earlier ones. An iterator: the next one is made when asked."""
    names = layer_names(10) if layers is None else tuple(layers)
    first = previous = None
    for i in range(n_steps):
        clouds = synthetic_clouds(i / max(1, n_steps - 1), names, n_samples, seed)
        step = STEPS_PER_EPOCH * (i + 1)
        previous = analyse(clouds, OPTIONS, step=step, epoch=i, previous=previous, reference=first)
        first = first or previous
        yield previous


def write_run(log_dir, n_steps=8, layers=None, n_samples=400, seed=0, inputs=True):
    """Write a whole run, and give its snapshots."""
    logger, folder = Logger(log_dir), archive_folder(log_dir)
    names = layer_names(10) if layers is None else tuple(layers)
    sprite = make_sprite(synthetic_inputs(synthetic_clouds(0, names, n_samples, seed))) if inputs else None
    snapshots = []
    for snapshot in synthetic_snapshots(n_steps, names, n_samples, seed):
        snapshot.save(archive_path(folder, snapshot.step))
        if sprite is not None and not snapshots:
            save_inputs(folder, sprite.png, sprite.facts)
        write_for_tab(logger, encode(snapshot), sprite if not snapshots else None, snapshot.step)
        logger.experiment.add_scalar("val_loss", math.exp(-len(snapshots)), snapshot.step)
        snapshots.append(snapshot)
    logger.experiment.close()
    return snapshots


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--samples", type=int, default=400)
    options = parser.parse_args()
    for run in range(options.runs):
        write_run(options.folder / f"version_{run}", options.steps, layer_names(options.layers), options.samples, run)
        print(options.folder / f"version_{run}")


if __name__ == "__main__":
    main()
