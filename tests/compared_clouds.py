"""Comparisons of point clouds, as of runs that recorded them."""

import warnings

import numpy as np

from topocallback import AnalysisOptions, History, PointClouds, analyse, compare_runs

QUICK = AnalysisOptions(mapper=False)


def compared(tmp_path, runs):
    """Runs, each name to {step: {layer: cloud}}, compared; nothing is written."""
    histories = [
        History(tmp_path / name, {step: analyse(PointClouds(clouds), QUICK, step=step) for step, clouds in run.items()})
        for name, run in runs.items()
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of measures that need more than diagrams
        return compare_runs(*histories, n_jobs=1)


def network(random, n, layers=4):
    """The clouds of an untrained network with tanh: n random inputs, and its layers, each half as wide as its input."""
    weights = np.random.default_rng(5)
    cloud, found = random.normal(size=(n, 24)), {}
    for number in range(layers):
        width = cloud.shape[1]
        cloud = np.tanh(cloud @ weights.normal(size=(width, max(3, 2 * width // 3))) * 1.5 / np.sqrt(width))
        found[f"layer{number}"] = cloud
    return found


def jittered(random, clouds, size=0.05):
    """The same samples seen again, with independent noise, a share of each channel's deviation."""
    return {name: cloud + size * cloud.std(axis=0) * random.normal(size=cloud.shape) for name, cloud in clouds.items()}
