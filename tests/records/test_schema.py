"""Records on disk: whole, or refused, or with a sentence for every table that is left out."""

import json
import pickle
import re
import warnings

import numpy as np
import pytest
from record_tools import assert_equal, damage, example, rewrite
from synthetic_comparison import example as comparison

from topocallback.records.comparison import Comparison
from topocallback.records.history import History
from topocallback.records.results import Results
from topocallback.records.schema import SCHEMA_VERSION, NewerSchemaError, read_facts
from topocallback.records.snapshot import Snapshot


def assert_left_out(path, leaving):
    """Of the history in its folder, with one warning."""
    with pytest.warns(UserWarning, match="no readable snapshot") as caught:
        history = History(path.parent)
    messages = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    assert [str(path) in message for message in messages] == [True]
    assert history.steps == leaving


# -- Newer versions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("record", "load"), [(example, Snapshot.load), (comparison, Comparison.load)])
def test_a_record_of_a_newer_version_is_refused_with_what_to_do(tmp_path, record, load):
    path = record().save(tmp_path / "step=2.npz")
    rewrite(path, {"schema": SCHEMA_VERSION + 1, "epochs_are_now_called": "rounds"})
    with pytest.raises(
        NewerSchemaError, match=rf"schema {SCHEMA_VERSION} or older, got {SCHEMA_VERSION + 1}: update topo"
    ):
        load(path)


def test_a_history_leaves_out_a_snapshot_of_a_newer_version(tmp_path):
    rewrite(example(2).save(tmp_path / "step=2.npz"), {"schema": SCHEMA_VERSION + 1})
    with pytest.warns(UserWarning, match="update topocallback"):
        assert len(History(tmp_path)) == 0


def test_what_a_later_version_has_added_is_passed_over(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    rewrite(path, {"weather": "fine"}, weather=np.arange(3))
    assert_equal(Snapshot.load(path), example())


# -- Damage ----------------------------------------------------------------------------------------------------------


ESSENTIAL = ["facts", "sample_ids", "scales", "n_points", "labels", "diagrams/1/H0", "owners/0"]


@pytest.mark.parametrize("array", ESSENTIAL)
def test_a_snapshot_that_is_damaged_where_it_counts_is_refused(tmp_path, array):
    path = example(labels=np.arange(6)).save(tmp_path / "step=3.npz")
    damage(path, array)
    with pytest.raises(ValueError, match=rf"a snapshot in {path}, got a damaged or foreign file \(.*{array}.*damaged"):
        Snapshot.load(path)


@pytest.mark.parametrize("array", ESSENTIAL)
def test_a_snapshot_that_has_lost_what_counts_is_refused(tmp_path, array):
    path = example(labels=np.arange(6)).save(tmp_path / "step=3.npz")
    rewrite(path, None, **{array: None}) if array != "facts" else np.savez(path, x=np.zeros(3))
    with pytest.raises(ValueError, match=rf"got a damaged or foreign file \(.*{array}"):
        Snapshot.load(path)


@pytest.mark.parametrize(
    ("array", "value"),
    [
        ("scales", np.ones(5)),
        ("scales", np.array(["a"] * 6)),
        ("n_points", np.ones(6)),
        ("sample_ids", np.arange(6).reshape(2, 3)),
        ("diagrams/0/H1", np.zeros((3, 3))),
    ],
)
def test_a_snapshot_with_arrays_of_another_shape_or_kind_is_refused(tmp_path, array, value):
    path = example().save(tmp_path / "step=3.npz")
    rewrite(path, **{array: value})
    with pytest.raises(ValueError, match=rf"\(its array '{array}' is {value.dtype} .* instead of"):
        Snapshot.load(path)


@pytest.mark.parametrize("share", np.linspace(0, 1, 20, endpoint=False).round(2))
def test_a_truncated_file_is_refused_and_left_out(tmp_path, share):
    for step in (1, 2):
        example(step).save(tmp_path / f"step={step}.npz")
    path = tmp_path / "step=2.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="damaged or foreign"):
        Snapshot.load(path)
    assert_left_out(path, leaving=(1,))


def test_a_file_that_lacks_its_last_byte_is_refused(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="damaged or foreign"):
        Snapshot.load(path)


def without(snapshot, sentences):
    """The snapshot without the tables that the sentences say were left out."""
    gone = {found[1] for sentence in sentences if (found := re.search(r"\(((?:distances|statistics)/\d+)\)", sentence))}
    assert len(gone) == len(sentences)

    def kept(name, results):
        return Results(table for i, table in enumerate(results.values()) if f"{name}/{i}" not in gone)

    return kept("distances", snapshot.distances), kept("statistics", snapshot.statistics)


def test_a_file_with_a_flipped_bit_is_the_same_or_refused_or_says_what_it_left_out(tmp_path):
    snapshot = example(layers=("a", "b"), labels=np.arange(6))
    path = snapshot.save(tmp_path / "step=3.npz")
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused, left_out, unexpected = 0, 0, set()
    for position in np.unique(rng.integers(len(whole), size=300)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                loaded = Snapshot.load(path)
        except (ValueError, OSError):
            refused += 1
        except Exception as error:
            unexpected.add(type(error))
        else:
            sentences = [str(warning.message) for warning in caught]
            left_out += bool(sentences)
            of_parts = [said for said in sentences if re.search("(parts|simplices|nearest) of layer", said)]
            distances, statistics = without(snapshot, [said for said in sentences if said not in of_parts])
            assert_equal(loaded.distances, distances)
            assert_equal(loaded.statistics, statistics)
            for name in (
                "layers",
                "n_points",
                "sample_ids",
                "labels",
                "diagrams",
                "scales",
                "owners",
                "options",
            ):
                assert_equal(getattr(loaded, name), getattr(snapshot, name))
            for name in ("parts", "simplices", "nearest"):
                of_layers = getattr(snapshot, name).items()
                gone = [
                    layer for layer, _ in of_layers if any(f"{name} of layer {layer!r}" in said for said in of_parts)
                ]
                assert_equal(getattr(loaded, name), {layer: kept for layer, kept in of_layers if layer not in gone})
    assert refused > 20
    assert left_out > 20
    assert not unexpected


# -- Foreign files ---------------------------------------------------------------------------------------------------


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return open, (self.trace, "w")


def write_foreign_npz(path, trace):
    np.savez(path, x=np.zeros(3))


def write_pickled_npz(path, trace):
    np.savez(path, facts=np.array([Evil(trace)], dtype=object))


def write_snapshot_with_pickled_facts(path, trace):
    rewrite(example().save(path), facts=None)
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **(arrays | {"facts": np.array(Evil(trace), dtype=object)}))


def write_snapshot_with_a_pickled_table(path, trace):
    example().save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **(arrays | {"labels": np.array([Evil(trace)], dtype=object)}))
    path.write_bytes(path.read_bytes()[:-1])


def write_pickle(path, trace):
    path.write_bytes(pickle.dumps(Evil(trace)))


def write_single_array(path, trace):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def write_facts(content):
    return lambda path, trace: np.savez(path, facts=np.array(content))


@pytest.mark.parametrize(
    "write",
    [
        write_foreign_npz,
        write_pickled_npz,
        write_snapshot_with_pickled_facts,
        write_snapshot_with_a_pickled_table,
        write_pickle,
        write_single_array,
        write_facts(json.dumps([1, 2])),
        write_facts("{"),
        write_facts(json.dumps({"step": 1})),
        write_facts(json.dumps({"schema": "two"})),
        write_facts(7.5),
        write_facts("[" * 100_000),
        lambda path, trace: path.write_bytes(b""),
        lambda path, trace: path.write_text("step,loss\n1,0.5\n"),
    ],
)
def test_a_foreign_file_is_refused_and_left_out_and_nothing_is_unpickled(tmp_path, write):
    folder, trace = tmp_path / "topology", tmp_path / "was unpickled"
    example(1).save(folder / "step=1.npz")
    write(folder / "step=2.npz", trace)
    for load in (Snapshot.load, Comparison.load):
        with pytest.raises(ValueError, match=r"step=2\.npz, got a damaged or foreign file"):
            load(folder / "step=2.npz")
    assert_left_out(folder / "step=2.npz", leaving=(1,))
    assert not trace.exists()


def test_a_record_of_the_other_kind_is_a_foreign_file(tmp_path):
    with pytest.raises(ValueError, match=r"Expected a comparison in .*foreign file"):
        Comparison.load(example().save(tmp_path / "a.npz"))
    with pytest.raises(ValueError, match=r"Expected a snapshot in .*foreign file"):
        Snapshot.load(comparison().save(tmp_path / "b.npz"))


def test_a_missing_file_is_an_os_error(tmp_path):
    for load in (Snapshot.load, Comparison.load):
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "step=1.npz")


def test_the_facts_are_read_without_the_arrays(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    for array in ("scales", "n_points", "distances/0/matrix"):
        damage(path, array)
    assert read_facts(path, "a snapshot")["step"] == 3
