"""Persistence diagrams of tensors or arrays, and the distances between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from numpy.typing import NDArray
from torch import Tensor

from topocallback.functional.arrays import as_given, check_sampling, points_of, sampled_points
from topocallback.functional.cloud_distance import CloudDistance
from topocallback.measures.table import MeasureLike

__all__ = ["pairwise_persistence_distance", "persistence_diagrams", "persistence_distance"]

Cloud = TypeVar("Cloud", Tensor, NDArray[Any])


def persistence_diagrams(
    x: Cloud, *, homology_dims: Sequence[int] = (0, 1), scale: str = "none", backend: str = "auto"
) -> list[Cloud]:
    """Persistence diagrams of the Vietoris-Rips filtration of a point cloud, with coefficients in Z/2.

    Args:
        x: (n, d) finite points, n at least 1, as a tensor of any device and real dtype or as an array; (n,) is read as
            n points on a line.
        homology_dims: The homology dimensions wanted, each at least 0.
        scale: ``"none"``, or ``"quantile"`` to divide the cloud by the 0.9 quantile of its pairwise distances.
        backend: What computes the diagrams: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.

    Returns:
        One diagram per entry of ``homology_dims``: (bars, 2) births and deaths in the units of ``x``, or in units of
        its scale, sorted. H0 holds one essential bar, which dies at ``inf``. A float64 tensor or an array gives
        float64, any other tensor torch's default dtype.

    Raises:
        ValueError: If ``x`` has no points, another shape, complex numbers, NaN or infinite values, or an option is not
            one of those allowed.
        TypeError: If ``x`` is a tensor without data (device ``meta``).
        ModuleNotFoundError: If the backend's package is not installed.

    References:
        Bauer, "Ripser: efficient computation of Vietoris-Rips persistence barcodes" (2021).

    Example:
        >>> import torch
        >>> h0, h1 = persistence_diagrams(torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]]))
        >>> h0
        tensor([[0., 1.],
                [0., 1.],
                [0., 1.],
                [0., inf]])
        >>> h1
        tensor([[1.0000, 1.4142]])
    """
    options = CloudDistance(homology_dims=homology_dims, scale=scale, backend=backend)
    return [as_given(diagram, [x]) for diagram in options.diagrams(points_of(x, "x"))]


def persistence_distance(
    x: Cloud,
    y: Cloud,
    *,
    measure: MeasureLike = "sliced_wasserstein",
    homology_dims: Sequence[int] = (0, 1),
    n_samples: int | None = None,
    scale: str = "none",
    backend: str = "auto",
    seed: int = 0,
    reduction: str = "sum",
) -> Cloud:
    r"""The distance between the persistence diagrams of two point clouds.

    .. math:: D(X, Y) = \sum_{k} d(\mathrm{Dgm}_k(X), \mathrm{Dgm}_k(Y))

    over the homology dimensions k. Essential classes are left out. The clouds may differ in their numbers of points and
    in dimension: nothing but the distances within each cloud counts.

    Args:
        x: (n, d1) finite points, n at least 1, as a tensor of any device and real dtype or as an array; (n,) is read
            as n points on a line.
        y: (m, d2) finite points, as ``x``.
        measure: A distance between diagrams: ``"sliced_wasserstein"``, ``"wasserstein"``, ``"bottleneck"``; an object
            with options, such as ``Wasserstein(order=2)``; or a function of two (bars, 2) arrays without infinite bars.
        homology_dims: The homology dimensions k, each at least 0.
        n_samples: How many different points of each cloud to use, at least 2: those of smallest hash of seed and
            values. ``None`` uses all.
        scale: ``"none"``, or ``"quantile"`` to divide each cloud by the 0.9 quantile of its pairwise distances. Not
            ``"quantile"`` by default, as for layers of a network: here the clouds' own sizes count.
        backend: What computes the diagrams: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        seed: Seed of the hash, any integer.
        reduction: ``"sum"`` adds the homology dimensions up, ``"none"`` keeps them apart.

    Returns:
        A number of at least 0, in the units of the clouds, or of their scales; for ``reduction="none"`` one of shape
        (len(homology_dims),). A tensor on the device of the first tensor, float64 if one of the tensors is, otherwise
        of torch's default dtype; for arrays a NumPy float64.

    Raises:
        ValueError: If a cloud has no points, another shape, complex numbers, NaN or infinite values, or an option is
            not one of those allowed.
        TypeError: If ``measure`` is no distance, nor stands for one, ``seed`` is no integer, or a cloud is a tensor
            without data (device ``meta``).
        ModuleNotFoundError: If an option needs a package that is not installed.

    Warns:
        UserWarning: If a cloud is a single point. It has no bars; its distance is that from the empty diagram.

    References:
        Carriere, Cuturi and Oudot, "Sliced Wasserstein kernel for persistence diagrams" (ICML 2017); for layers of a
        network, Purvine et al., "Experimental observations of the topology of convolutional neural network
        activations" (AAAI 2023).

    Example:
        >>> import torch
        >>> x, y = torch.randn(2, 100, 8, generator=torch.Generator().manual_seed(0))
        >>> persistence_distance(x, y[:80, :5])
        tensor(60.4117)
        >>> persistence_distance(x, y[:80, :5], scale="quantile", reduction="none")
        tensor([7.8527, 0.5258])
    """
    options = CloudDistance(measure, homology_dims, scale, backend, reduction)
    options.check_unpaired()
    check_sampling(n_samples, seed)
    clouds = [sampled_points(cloud, name, n_samples, seed) for cloud, name in ((x, "x"), (y, "y"))]
    return cast(Cloud, as_given(options.between(*clouds), [x, y]))


def pairwise_persistence_distance(
    clouds: Sequence[Cloud],
    *,
    measure: MeasureLike = "sliced_wasserstein",
    homology_dims: Sequence[int] = (0, 1),
    n_samples: int | None = None,
    scale: str = "none",
    backend: str = "auto",
    seed: int = 0,
    reduction: str = "sum",
) -> Cloud:
    """The distance between the persistence diagrams of every two of L point clouds.

    Each cloud's diagrams are computed once. Entry (i, j) is ``persistence_distance(clouds[i], clouds[j])``.

    Args:
        clouds: L clouds of shape (n, d), each as ``x`` in ``persistence_distance``, where n and d may differ from cloud
            to cloud.
        measure: As in ``persistence_distance``; a function of one's own has to be symmetric.
        homology_dims: The homology dimensions, each at least 0.
        n_samples: How many different points of each cloud to use, at least 2; ``None`` uses all.
        scale: ``"none"`` or ``"quantile"``.
        backend: ``"auto"``, ``"redzed"``, ``"gudhi"`` or ``"ripser"``.
        seed: Seed of the choice of points, any integer.
        reduction: ``"sum"`` adds the homology dimensions up, ``"none"`` keeps them apart.

    Returns:
        (L, L), symmetric, with a diagonal of exactly 0, in the units of the clouds, or of their scales; for
        ``reduction="none"`` (len(homology_dims), L, L). Device and dtype are as in ``persistence_distance``.

    Raises:
        ValueError: If there are no clouds, one has no points, another shape, complex numbers, NaN or infinite values,
            or an option is not one of those allowed.
        TypeError: If ``measure`` is no distance, nor stands for one, ``seed`` is no integer, or a cloud is a tensor
            without data (device ``meta``).
        ModuleNotFoundError: If an option needs a package that is not installed.

    Warns:
        UserWarning: If a cloud is a single point.

    References:
        Purvine et al., "Experimental observations of the topology of convolutional neural network activations" (AAAI
        2023).

    Example:
        >>> import torch
        >>> x, y = torch.randn(2, 100, 8, generator=torch.Generator().manual_seed(0))
        >>> pairwise_persistence_distance([x, y, 2 * x], homology_dims=[1])
        tensor([[0.0000, 2.9728, 8.6711],
                [2.9728, 0.0000, 9.8040],
                [8.6711, 9.8040, 0.0000]])
    """
    options = CloudDistance(measure, homology_dims, scale, backend, reduction)
    options.check_unpaired()
    check_sampling(n_samples, seed)
    if not len(clouds):
        raise ValueError("Expected `clouds` to hold at least one cloud, got none.")
    points = [sampled_points(cloud, f"clouds[{i}]", n_samples, seed) for i, cloud in enumerate(clouds)]
    return cast(Cloud, as_given(options.among(points), clouds))
