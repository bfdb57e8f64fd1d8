"""Snapshots' files whose checksums are right and whose content is not: systematically made, and mutated."""

import functools
import io
import json
import struct
import tempfile
import zipfile

import numpy as np
from record_tools import arrays_in
from synthetic_runs import OPTIONS, synthetic_clouds

from topocallback.analysis.analyse import analyse
from topocallback.records.point_clouds import PointClouds

LAYERS = ("stem", "head")
DEEP = "DEEP"  # stands for a list that is nested 10,000 deep, which JSON of Python cannot write
LONG = "LONG"  # for an integer of 5,000 digits

# Instead of a fact, or of an entry of one.
VALUES = [
    None, True, -1, 1.5, 2**63, 2**70, float("nan"), float("inf"), LONG, DEEP, "x", "\ud800", "x" * 100_000, [], {},
    [None], [[]], ["a", "a"], [0, 0], [-1], [True], {"a": None}, {"a": [1]}, {"": {}}, [{}] * 3, "<script>",
]  # fmt: skip


@functools.cache
def whole(layers=LAYERS):
    """The facts and the arrays of a snapshot with a value in every field; the layer "head" has owners and a graph."""
    clouds = synthetic_clouds(0.5, layers, n_samples=40)
    several = {"head": np.repeat(clouds["head"], 2, axis=0)}
    owned = PointClouds(
        dict(clouds.clouds) | several,
        clouds.sample_ids,
        np.array(["cat", "dog", None, "a"] * 10, dtype=object),
        owners={"head": np.repeat(np.arange(40), 2)},
        recording={"pooling": "mean", "seed": 0},
    )
    first = analyse(owned, OPTIONS, step=0)
    with tempfile.TemporaryDirectory() as folder:
        arrays = arrays_in(
            analyse(owned, OPTIONS, step=1, previous=first, reference=first).save(f"{folder}/step=1.npz")
        )
    return json.loads(str(arrays.pop("facts"))), arrays


def write(path, facts, arrays):
    """A record's file in which all is as given, with a list of arrays that is true of it."""
    listed = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    text = json.dumps({"arrays": listed, **facts})
    text = text.replace(json.dumps(DEEP), "[" * 10_000 + "]" * 10_000).replace(json.dumps(LONG), "9" * 5_000)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in {"facts": np.array(text), **arrays}.items():
            archive.writestr(f"{name}.npy", as_npy(array))
    return path


def as_npy(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def with_facts():
    """(what was changed, facts, arrays) for each fact, and each entry of one: it has other values, or is missing."""
    whole_facts, arrays = whole()
    facts = {name: value for name, value in whole_facts.items() if name != "arrays"}
    for i, name in enumerate([*facts, "arrays"]):
        yield f"{name} is missing", {other: value for other, value in facts.items() if other != name}, arrays
        for value in VALUES[i % 2 :: 2]:
            yield f"{name} is {_short(value)}", facts | {name: value}, arrays
    for what, change in (*_with_tables(facts), *_with_entries(facts)):
        yield what, facts | change, arrays


def _with_tables(facts):
    for table in ("distances", "statistics"):
        for i, name in enumerate(facts[table][0]):
            for value in VALUES[i % 3 :: 3]:
                entries = [facts[table][0] | {name: value}, *facts[table][1:]]
                yield f"{table}/0/{name} is {_short(value)}", {table: entries}


def _with_entries(facts):
    for name in ("options", "recording", "problems", "seconds", "versions"):
        for key in list(facts[name])[:4] or ["a"]:
            for value in VALUES[::4]:
                yield f"{name}/{key} is {_short(value)}", {name: facts[name] | {key: value}}
    for value in VALUES:
        yield f"a layer is {_short(value)}", {"layers": [value, *LAYERS[1:]]}


def _short(value):
    return repr(value)[:20]


# Of each kind of array one: of a layer with owners and a Mapper graph, and of one table each.
_KINDS = ("diagrams/1", "parts/1", "simplices/1", "mappers/1", "nearest/1", "distances/1", "statistics/0/")


def with_arrays():
    """(what was changed, facts, arrays) for each kind of array, instead of which each hostile one is."""
    facts, arrays = whole()
    facts = {name: value for name, value in facts.items() if name != "arrays"}
    ours = {"n_points", "sample_ids", "scales", "labels", "labels_missing", "owners/1", "statistics/0"}
    for i, name in enumerate(name for name in arrays if name in ours or name.startswith(_KINDS)):
        for what, array in list(hostile(arrays[name]))[i % 2 :: 2]:
            yield f"{name} is {what}", facts, arrays | {name: array}
        yield f"{name} is missing", facts, {other: array for other, array in arrays.items() if other != name}


def hostile(array):
    """(what, array) that stand where an array should be."""
    shape = array.shape
    numbers = array if array.dtype.kind in "iuf" else np.zeros(shape)
    yield "empty", np.zeros(0, array.dtype)
    yield "empty pairs", np.zeros((0, 2), array.dtype)
    yield "one of it", array.reshape(-1)[0] if array.size else np.zeros((), array.dtype)
    yield "longer", np.concatenate([np.atleast_1d(array)] * 2)
    yield "shorter", np.atleast_1d(array)[:-1]
    yield "in one more axis", array[None]
    yield "of huge width", np.zeros((0, 2**40), array.dtype)
    for value in (-1, 1, 7, 2**31, 2**62, np.iinfo(np.int64).min):
        yield f"all {value}", np.full(shape, value)
    yield "unsigned", np.full(shape, 2**64 - 1, dtype=np.uint64)
    for value in (np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -0.5, 2.0):
        yield f"all {value}", np.full(shape, value)
    for kind in ("M8[s]", "m8[s]", "V8"):
        yield f"of {kind}", np.zeros(shape, kind)
    for kind in ("c16", "?", "U3", "S3", "f2", "i1", ">f8", ">i8", "f8", "i8"):
        with np.errstate(all="ignore"):
            yield f"of {kind}", np.nan_to_num(numbers, posinf=2).astype(kind)
    yield "objects", np.full(shape, None, dtype=object)
    yield "no text", np.frombuffer(np.full(max(array.size, 1), 0xFFFFFFFF, np.uint32), "<U1")
    yield "wide text", np.zeros(0, "<U60000000")
    yield "backwards", np.flip(np.atleast_1d(array))


def crafted():
    """All of them."""
    yield from with_facts()
    yield from with_arrays()


# -- Mutations -------------------------------------------------------------------------------------------------------


def mutated(content, rng):
    """A file's bytes changed in one of several ways, and whether its content was, under a checksum that is right."""
    change = (_flipped, _flipped_inside, _truncated, _exchanged, _with_another_directory)[rng.integers(5)]
    return change(content, rng), change in (_flipped_inside, _exchanged)


def _flipped(content, rng):
    changed = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
    return bytes(changed)


def _truncated(content, rng):
    return content[: rng.integers(len(content))]


def _flipped_inside(content, rng):
    """A byte of one unpacked member, which is packed again with the right checksum."""
    names, members = _members(content)
    name = names[rng.integers(len(names))]
    changed = bytearray(members[name])
    at = rng.integers(min(len(changed), 200)) if rng.integers(2) else rng.integers(len(changed))
    changed[at] ^= 1 << rng.integers(8)
    return _packed(members | {name: bytes(changed)})


def _exchanged(content, rng):
    """Two members under each other's names."""
    names, members = _members(content)
    first, second = rng.choice(len(names), 2, replace=False)
    return _packed(members | {names[first]: members[names[second]], names[second]: members[names[first]]})


def _with_another_directory(content, rng):
    """A byte of the directory at the end, and sometimes of the same field of the file's own header."""
    start = struct.unpack("<I", content[-6:-2])[0]
    changed = bytearray(content)
    changed[rng.integers(start, len(content))] ^= 1 << rng.integers(8)
    return bytes(changed)


def _members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.namelist(), {name: archive.read(name) for name in archive.namelist()}


def _packed(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return buffer.getvalue()


def bomb(path, name, n_bytes):
    """A file with one array of zeros, a thousandth of what it unpacks to."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(f"{name}.npy", "w") as file:
        file.write(header(n_bytes // 8))
        for _ in range(n_bytes >> 20):
            file.write(bytes(1 << 20))
    return path


def promising(path, name, length):
    """A whole file but for one array, which says that it has that many numbers and has three."""
    _, arrays = whole()
    facts = {other: value for other, value in whole()[0].items() if other != "arrays"}
    write(path, facts, {other: array for other, array in arrays.items() if other != name})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{name}.npy", header(length) + bytes(24))
    return path


def header(length):
    """What is before the numbers in the file of so many."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": (length,)})
    return buffer.getvalue()
