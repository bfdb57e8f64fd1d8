# ruff: noqa
# fmt: off
"""Recompute expected.json from activations.npz with independent libraries.

Nothing here imports topocallback: every number comes from ripser, persim,
gudhi (Hera), kmapper, kneed, scikit-learn and SciPy, or from a formula written
out below. Run it to see where a number comes from:

    pip install numpy scipy scikit-learn ripser persim gudhi kmapper kneed
    python make_reference.py activations.npz expected.json
"""

import json
import sys
import warnings

import gudhi.hera
import kmapper
import numpy as np
import persim
from kneed import KneeLocator
from ripser import ripser
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr
from sklearn.cluster import DBSCAN
from sklearn.neighbors import NearestNeighbors

warnings.filterwarnings("ignore")


def diagrams(cloud):
    """Rips diagrams H0, H1 of the raw cloud; infinite bars dropped, zero-length bars kept out."""
    out = []
    for bars in ripser(squareform(pdist(cloud)), distance_matrix=True, maxdim=1)["dgms"]:
        bars = np.asarray(bars, dtype=np.float64)
        bars = bars[np.isfinite(bars).all(axis=1)]
        out.append(bars[bars[:, 1] > bars[:, 0]])
    return out


def pairwise(items, function):
    n = len(items)
    matrix = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = function(items[i], items[j])
    return matrix.tolist()


def elbow_eps(cloud):
    """The DBSCAN radius of the seed paper's experiments: knee of the sorted 1-NN distances."""
    nearest = NearestNeighbors(n_neighbors=2).fit(cloud).kneighbors(cloud)[0][:, 1]
    nearest = np.sort(nearest)[::-1]
    knee = KneeLocator(
        nearest, np.linspace(0, 1, len(nearest)), curve="convex", direction="decreasing"
    ).knee
    return float(round(knee, 3)) if knee is not None else float(np.median(nearest))


def mapper(cloud, labels, n_cubes=40, overlap=0.3):
    eps = elbow_eps(cloud)
    lens = np.linalg.norm(cloud, axis=1, keepdims=True)
    graph = kmapper.KeplerMapper(verbose=0).map(
        lens, cloud, cover=kmapper.Cover(n_cubes, overlap), clusterer=DBSCAN(eps=eps, min_samples=5)
    )
    nodes = list(graph["nodes"].values())
    distinct = [len(set(labels[members].tolist())) for members in nodes]
    per_point = [
        [1 / k for members, k in zip(nodes, distinct) if i in set(members)] for i in range(len(labels))
    ]
    point_purity = np.array([np.mean(p) if p else 0.0 for p in per_point])
    return {
        "eps": eps,
        "nodes": len(nodes),
        "edges": len({tuple(sorted((a, b))) for a, bs in graph["links"].items() for b in bs}),
        "covered_points": int(sum(bool(p) for p in per_point)),
        "node_purity": float(np.mean([1 / k for k in distinct])) if nodes else None,
        "point_purity": float(point_purity.mean()),
        "class_purity": {str(c): float(point_purity[labels == c].mean()) for c in np.unique(labels)},
    }


def upper_quantile_scaled(cloud):
    distances = squareform(pdist(cloud))
    return distances / np.quantile(distances[np.triu_indices(len(cloud), 1)], 0.9)


def mst_edges(distances):
    tree = minimum_spanning_tree(distances).tocoo()
    return {tuple(sorted(edge)) for edge in zip(tree.row.tolist(), tree.col.tolist())}


def paired_topology(x, y):
    """RTD-lite, Max-RTD-lite, SRTD-lite and the NTS scores (arXiv 2606.06342)."""
    a, b = upper_quantile_scaled(x), upper_quantile_scaled(y)
    weight = lambda d: float(minimum_spanning_tree(d).sum())
    low, high = weight(np.minimum(a, b)), weight(np.maximum(a, b))
    mean = (weight(a) + weight(b)) / 2
    core = np.array(sorted(mst_edges(a) | mst_edges(b)))
    merge = [squareform(cophenet(linkage(squareform(d, checks=False), "single"))) for d in (a, b)]
    rows, cols = core[:, 0], core[:, 1]
    return {
        "rtd_lite": mean - low,
        "max_rtd_lite": high - mean,
        "srtd_lite": high - low,
        "nts_e": float(spearmanr(a[rows, cols], b[rows, cols])[0]),
        "nts_m": float(spearmanr(merge[0][rows, cols], merge[1][rows, cols])[0]),
    }


def linear_cka(x, y, unbiased):
    k, l = x @ x.T, y @ y.T
    n = len(k)

    def hsic(k, l):
        if not unbiased:
            centre = np.eye(n) - 1 / n
            return np.trace(centre @ k @ centre @ l)
        k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
        return (
            np.trace(k @ l) + k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 * (k.sum(0) @ l.sum(0)) / (n - 2)
        ) / (n * (n - 3))

    return float(hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l)))


def angular_procrustes(x, y):
    """Shape distance with alpha=1 (Williams et al. 2021), radians in [0, pi/2]."""
    x, y = x - x.mean(0), y - y.mean(0)
    nuclear = np.linalg.svd(x.T @ y, compute_uv=False).sum()
    return float(np.arccos(np.clip(nuclear / (np.linalg.norm(x) * np.linalg.norm(y)), -1, 1)))


def diffusion_spectral_entropy(x, sigma=10.0, t=1):
    """DSE in bits (Liao et al. 2023), Gaussian kernel, symmetric normalisation."""
    kernel = np.exp(-squareform(pdist(x)) ** 2 / (2 * sigma**2))
    scale = 1 / np.sqrt(kernel.sum(1))
    values = np.abs(np.linalg.eigvalsh(kernel * scale[:, None] * scale[None, :])) ** t
    p = values / values.sum()
    return float(-(p * np.log2(p + np.finfo(float).eps)).sum())


def main(source, target):
    data = np.load(source)
    labels = data["y"]
    layers = sorted(key for key in data.files if key != "y")
    clouds = [data[layer].astype(np.float64) for layer in layers]
    bars = [diagrams(cloud) for cloud in clouds]
    expected = {
        "layers": layers,
        "n_points": len(labels),
        "bars": {layer: [len(d) for d in b] for layer, b in zip(layers, bars)},
        "total_persistence": {
            layer: [float((d[:, 1] - d[:, 0]).sum()) for d in b] for layer, b in zip(layers, bars)
        },
        "longest_bar": {
            layer: [float((d[:, 1] - d[:, 0]).max()) if len(d) else 0.0 for d in b]
            for layer, b in zip(layers, bars)
        },
        "mapper_l2norm_40_cubes_30_percent_dbscan5_elbow": {
            layer: mapper(cloud, labels) for layer, cloud in zip(layers, clouds)
        },
        "paired": {
            f"{a}~{b}": {
                **paired_topology(clouds[i], clouds[j]),
                "linear_cka": linear_cka(clouds[i], clouds[j], unbiased=False),
                "unbiased_linear_cka": linear_cka(clouds[i], clouds[j], unbiased=True),
                "angular_procrustes": angular_procrustes(clouds[i], clouds[j]),
            }
            for (i, a), (j, b) in [
                ((p, layers[p]), (q, layers[q])) for p, q in [(0, 3), (2, 7), (3, 8), (5, 10), (6, 9)]
            ]
        },
        "diffusion_spectral_entropy_sigma10_t1": {
            layer: diffusion_spectral_entropy(cloud) for layer, cloud in zip(layers, clouds)
        },
    }
    for dim in (0, 1):
        d = [b[dim] for b in bars]
        expected[f"sliced_wasserstein_M50_H{dim}"] = pairwise(d, lambda a, b: persim.sliced_wasserstein(a, b, M=50))
        expected[f"bottleneck_H{dim}"] = pairwise(d, lambda a, b: gudhi.hera.bottleneck_distance(a, b, delta=0.0))
        expected[f"wasserstein_order1_internal2_H{dim}"] = pairwise(
            d, lambda a, b: gudhi.hera.wasserstein_distance(a, b, order=1, internal_p=2, delta=1e-6)
        )
    with open(target, "w", encoding="utf-8") as handle:
        json.dump(expected, handle, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:3])
