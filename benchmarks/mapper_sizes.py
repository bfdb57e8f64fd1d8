"""What Mapper graphs say at every number of points: coverage and stability, by default and in the paper's setting.

Ten layers of the demo's trained ResNet-18 on all of its 5,000 images, disjoint samples of them.

    python benchmarks/mapper_sizes.py
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import ConcatDataset, DataLoader
from training import trained

from topocallback import ActivationRecorder, MapperOptions
from topocallback.measures import LayerFacts, MapperStability

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from mnist_resnet import Classifier, mnist_loaders

Cloud = NDArray[np.float32]
SETTINGS = {"default": MapperOptions(), "paper": MapperOptions.purvine2023()}
MOST_SAMPLES = 8


def trained_clouds(seed: int) -> dict[str, Cloud]:
    """Every layer's cloud of all images, after four epochs of training."""
    pl.seed_everything(seed)
    train, validation = mnist_loaders()
    model = trained(Classifier(), 4, train)
    everything: DataLoader[Any] = DataLoader(ConcatDataset([train.dataset, validation.dataset]), batch_size=250)
    with ActivationRecorder(model.net.eval(), n_samples=5000, length=5000) as recorder, torch.no_grad():
        for images, _ in everything:
            model.net(images)
    return dict(recorder.point_clouds().clouds)


def coverage_and_stability(cloud: Cloud, n_points: int, options: MapperOptions) -> tuple[float, float]:
    """Means over disjoint samples of the cloud."""
    order = np.random.default_rng(0).permutation(len(cloud))
    samples = [order[start : start + n_points] for start in range(0, len(cloud) - n_points + 1, n_points)]
    facts = [LayerFacts(cloud[sample], mapper=options) for sample in samples[:MOST_SAMPLES]]
    coverage = np.mean([each.undrawn_mapper.coverage for each in facts])
    return float(coverage), float(np.nanmean([MapperStability().value(each) for each in facts]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=(256, 512, 1000, 4000), help="numbers of points")
    parser.add_argument("--seed", type=int, default=0, help="seed of the training")
    options = parser.parse_args()

    clouds = trained_clouds(options.seed)
    for n_points in options.sizes:
        for name, setting in SETTINGS.items():
            found = {layer: coverage_and_stability(cloud, n_points, setting) for layer, cloud in clouds.items()}
            coverage, kappa = np.array(list(found.values())).T
            said = [
                f"{what} {np.nanmean(values):.2f}, worst {np.nanmin(values):.2f} ({list(found)[np.nanargmin(values)]})"
                for what, values in (("coverage", coverage), ("kappa", kappa))
            ]
            print(f"{n_points:5} points, {name:7}: {'; '.join(said)}", flush=True)


if __name__ == "__main__":
    main()
