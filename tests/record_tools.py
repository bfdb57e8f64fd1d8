"""What tests of records share: a snapshot with a value in every field, comparing two records, and damaging files."""

import dataclasses
import json
from collections.abc import Mapping

import numpy as np

from topocallback.records.archive import archive_folder, archive_path
from topocallback.records.nearest import NearestSamples
from topocallback.records.parts import LayerParts
from topocallback.records.results import Description, LayerDistances, Results, StatisticTable
from topocallback.records.snapshot import Snapshot


def touch(path):
    """An empty file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


ODD_NAMES = ("layers.0/conv 1", "слой.層", "<img src=x onerror=alert(1)>", "", "facts", "../../up")
DRIFTS = ("drift", "drift_from_reference", "drift_p", "drift_from_reference_p")
OWN = Description("a/b_H7", None, "A <b>bold</b> one, 0 same", "", (-np.inf, 1.0), "distance", "similarity", True)


def example(step=3, layers=ODD_NAMES, labels=None, n=6):
    """A snapshot with a value in every field."""
    rng = np.random.default_rng(step)
    count = len(layers)

    def distances(about):
        matrix, p_values = rng.normal(size=(count, count)), rng.uniform(0, 1, size=(count, count))
        of_layers = ("noise", "sizes", "drift", "drift_from_reference", "drift_p", "drift_from_reference_p")
        known = dict(zip(of_layers, rng.uniform(size=(len(of_layers), count)), strict=True))
        return LayerDistances(about, matrix, p_values=p_values, **known)

    tables = [Description("sliced_wasserstein", dim, "Sliced Wasserstein distance", "0.9 quantiles") for dim in (0, 1)]
    unknown = LayerDistances(OWN, rng.normal(size=(count, count)), errors=rng.uniform(size=(count, count)))
    bars = Description("bars", 0, "Number of bars", "bars", kind="statistic", more="more features")
    shares = Description("share", None, "Share", range=(0.0, 1.0), kind="statistic")
    return Snapshot(
        step=step,
        epoch=step // 2,
        layers=tuple(layers),
        homology_dims=(0, 1),
        n_points=np.arange(count, dtype=np.int64),
        sample_ids=np.arange(n, dtype=np.int64) * 7,
        labels=labels,
        diagrams={layer: [np.array([[0, 0.5], [0, np.inf]]), np.empty((0, 2))] for layer in layers},
        distances=Results([*map(distances, tables), unknown]),
        statistics=Results(
            [
                StatisticTable(bars, np.arange(count, dtype=np.float64), np.full(count, 0.5)),
                StatisticTable(shares, rng.uniform(size=count)),
            ]
        ),
        scales=rng.uniform(1, 2, size=count),
        parts={
            layers[0]: LayerParts(
                np.array([2, 1]), [[np.array([[0.0, 1.0]]), np.empty((0, 2))], [np.empty((0, 2))] * 2]
            )
        },
        simplices={layers[0]: [np.array([[3, 0, 3], [0, -1, -1]], dtype=np.int8), np.empty((0, 5), dtype=np.int8)]},
        owners={layers[0]: np.array([0, 0, 1, 5])},
        nearest={layers[-1]: NearestSamples.of_points(np.array([[1], [0]]), np.ones((2, 1)), np.array([1, 4]), n)},
        problems={layers[0]: "3 of 6 points hold NaN or infinity and were left out.", "gone": "“never” called"},
        seconds={"total": 0.1 + 0.2, "diagrams": 1e-300},
        options={"homology_dims": [0, 1], "measures": ["sliced_wasserstein", "a/b_H7"], "scale": "quantile"},
        versions={"numpy": np.__version__},
    )


def write_run(log_dir, steps=(0, 1, 2), version=0):
    for step in steps:
        example(step).save(archive_path(archive_folder(log_dir, version), step))
    return log_dir


def assert_equal(found, expected):
    """Equal in type, dtype, shape, order and every value, NaN included."""
    assert type(found) is type(expected)
    if dataclasses.is_dataclass(expected):
        for field in dataclasses.fields(expected):
            assert_equal(getattr(found, field.name), getattr(expected, field.name))
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected, strict=True)
    elif isinstance(expected, Mapping):
        assert list(found) == list(expected)
        for key in expected:
            assert_equal(found[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        for item, other in zip(found, expected, strict=True):
            assert_equal(item, other)
    else:
        assert found == expected


def arrays_in(path):
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def facts_in(path):
    return json.loads(str(arrays_in(path)["facts"]))


def rewrite(path, facts=None, **arrays):
    """Other facts and other arrays in a file, listed as they are; one of ``None`` is taken out, and stays listed."""
    found = {**arrays_in(path), **arrays}
    if found["facts"] is not None:
        known = json.loads(str(found["facts"])) | (facts or {})
        listed = known.get("arrays")
        for name in [name for name, array in arrays.items() if array is not None and name in (listed or ())]:
            if isinstance(listed, dict):
                listed[name] = [arrays[name].dtype.str, list(arrays[name].shape)]
        found["facts"] = np.array(json.dumps(known))
    np.savez_compressed(path, **{name: array for name, array in found.items() if array is not None})


def damage(path, array):
    """Flip a byte of one array's content, so that its checksum is wrong."""
    content = bytearray(path.read_bytes())
    name = f"{array}.npy".encode()
    start = content.index(name) + len(name)
    extra = int.from_bytes(content[start - len(name) - 2 : start - len(name)], "little")
    content[start + extra + 20] ^= 0xFF
    path.write_bytes(content)


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def assert_same_tables(found, expected, *, drift=True):
    """All distances and statistics of two snapshots are equal, bit for bit; the drift too, unless told otherwise."""
    assert found.distances.keys() == expected.distances.keys()
    assert found.statistics.keys() == expected.statistics.keys()
    for key, table in expected.distances.items():
        for name in ("matrix", "noise", "sizes", "p_values", "errors", *(DRIFTS if drift else ())):
            np.testing.assert_array_equal(getattr(found.distances[key], name), getattr(table, name), err_msg=f"{key}")
    for key, table in expected.statistics.items():
        for name in ("values", "errors"):
            np.testing.assert_array_equal(getattr(found.statistics[key], name), getattr(table, name), err_msg=f"{key}")
