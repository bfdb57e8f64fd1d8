"""Files whose checksums are right and whose content is not: the right data, or an error that says so."""

import itertools
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hostile_archives import bomb, crafted, mutated, promising, whole, write
from record_tools import arrays_in, assert_equal, example, facts_in, rewrite
from synthetic_comparison import example as comparison

from topocallback.records.comparison import Comparison
from topocallback.records.history import History
from topocallback.records.mapper_graph import MapperGraph
from topocallback.records.snapshot import Snapshot
from topocallback.views.payload import encode

pytestmark = pytest.mark.long

DOCUMENTED = re.compile(
    r"Expected a snapshot in .*got a damaged or foreign file \(.+\)\.$|.*update topocallback", re.DOTALL
)
GROUPS, MUTATIONS = 6, 3000
LEFT_OUT = re.compile(r"Left out of .*\((distances|statistics|parts|mappers|simplices)/\d+\)", re.DOTALL)


def loaded(path):
    """The snapshot and what was said to be left out, or ``None`` and the one error there may be."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = Snapshot.load(path)
        except ValueError as error:
            if DOCUMENTED.match(str(error)):
                return None, []
            raise
    said = [str(warning.message) for warning in caught]
    assert all(LEFT_OUT.match(sentence) for sentence in said)
    return found, said


def use(snapshot):
    """What loading does not look at shows when it is used."""
    assert repr(snapshot)
    assert snapshot._repr_html_()
    assert encode(snapshot)
    assert all(graph.components is not None and repr(graph) for graph in snapshot.mappers.values())


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_crafted_file_is_refused_or_can_be_used(tmp_path, group):
    seen, refused = 0, 0
    for what, facts, arrays in itertools.islice(crafted(), group, None, GROUPS):
        try:
            snapshot, _ = loaded(write(tmp_path / "step=1.npz", facts, arrays))
            if snapshot is not None:
                use(snapshot)
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
        seen, refused = seen + 1, refused + (snapshot is None)
    assert seen > 500 / GROUPS
    assert seen / 4 < refused < seen


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_mutated_file_is_refused_or_holds_what_was_saved(tmp_path, group):
    """Where a content's byte is another one and its checksum right, it can be another number that is as good."""
    facts, arrays = whole(("head",))
    path = write(tmp_path / "step=1.npz", facts, arrays)
    original, content = Snapshot.load(path), path.read_bytes()
    rng, kept = np.random.default_rng(group), 0
    for _ in range(MUTATIONS // GROUPS):
        changed, reaches_content = mutated(content, rng)
        path.write_bytes(changed)
        snapshot, said = loaded(path)
        if snapshot is None:
            continue
        if reaches_content:
            use(snapshot)
        elif not said:
            kept += 1
            assert_equal(snapshot, original)
    assert kept > 0


# -- Memory ----------------------------------------------------------------------------------------------------------

_PEAK = """
import sys
from topocallback.records.comparison import Comparison
from topocallback.records.schema import read_facts
from topocallback.records.snapshot import Snapshot
refused = 0
for read in (Snapshot.load, Comparison.load, lambda path: read_facts(path, "a snapshot")):
    for path in sys.argv[1:]:
        try:
            read(path)
        except ValueError as error:
            refused += "damaged or foreign" in str(error)
# Not `ru_maxrss`, which begins at what the process had that started this one.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), refused)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not say what a process had at most")
def test_a_file_takes_no_more_memory_than_its_size_allows(tmp_path):
    facts, arrays = whole()
    paths = [
        bomb(tmp_path / "zeros.npz", "scales", 1 << 29),
        bomb(tmp_path / "facts.npz", "facts", 1 << 28),
        promising(tmp_path / "promised.npz", "scales", 2**27),
        write(tmp_path / "width.npz", facts, arrays | {"scales": np.zeros((0, 2**40))}),
        write(tmp_path / "deep.npz", {**facts, "options": [[[[[]]] * 99] * 99] * 99}, arrays),
    ]
    assert paths[0].stat().st_size < 1_000_000
    done = subprocess.run([sys.executable, "-c", _PEAK, *map(str, paths)], capture_output=True, text=True, check=True)
    peak, refused = map(int, done.stdout.split())
    assert peak < 500_000  # kB
    assert refused == 3 * len(paths) - 2  # the facts of two of them are whole


# -- What is listed --------------------------------------------------------------------------------------------------


def test_the_facts_list_every_array_with_its_type_and_shape(tmp_path):
    path = example(labels=np.array(list("abcabc"))).save(tmp_path / "step=3.npz")
    listed = facts_in(path)["arrays"]
    assert listed == {
        name: [array.dtype.str, list(array.shape)] for name, array in arrays_in(path).items() if name != "facts"
    }
    assert listed["labels"] == ["<U1", [6]]


@pytest.mark.parametrize("form", [["<f8", [5]], ["<f4", [6]], ["<f8", []]])
def test_an_array_that_is_not_what_is_listed_is_refused(tmp_path, form):
    path = example().save(tmp_path / "step=3.npz")
    rewrite(path, {"arrays": facts_in(path)["arrays"] | {"scales": form}})
    with pytest.raises(ValueError, match=r"'scales' is damaged: it is <f8 \[6\] instead of .*, as it is listed"):
        Snapshot.load(path)


def test_files_whose_facts_list_names_alone_or_nothing_are_read(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    rewrite(path, {"arrays": list(facts_in(path)["arrays"])})
    assert_equal(Snapshot.load(path), example())
    facts = {name: value for name, value in facts_in(path).items() if name != "arrays"}
    arrays = {name: array for name, array in arrays_in(path).items() if name != "facts"}
    write(path, facts, arrays)
    assert_equal(Snapshot.load(path), example())


def test_a_graph_that_is_lost_from_the_directory_is_said(tmp_path):
    facts, arrays = whole()
    path = write(tmp_path / "step=1.npz", facts, arrays)
    path.write_bytes(path.read_bytes().replace(b"mappers/1/", b"nappers/1/"))
    with pytest.warns(UserWarning, match=r"Left out of .*: mappers of layer 'head' \(mappers/1\): .*missing"):
        snapshot = Snapshot.load(path)
    assert "head" not in snapshot.mappers
    assert "head" in snapshot.parts


def test_a_name_that_two_arrays_have_is_refused(tmp_path):
    facts, arrays = whole()
    path = write(tmp_path / "step=1.npz", facts, arrays | {"scale2": arrays["scales"]})
    path.write_bytes(path.read_bytes().replace(b"scale2", b"scales"))
    with pytest.raises(ValueError, match="two arrays of one name"):
        Snapshot.load(path)


# -- A history -------------------------------------------------------------------------------------------------------


def test_a_snapshot_of_another_step_than_its_file_says_is_left_out(tmp_path):
    example(4).save(tmp_path / "step=4.npz")
    example(4).save(tmp_path / "step=5.npz")
    with pytest.warns(UserWarning, match=r"step=5\.npz, which is no readable snapshot: .* got that of step 4"):
        assert History(tmp_path).steps == (4,)


# -- Other records ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "arrays"),
    [
        ({}, {"layer_of": np.full(24, 9)}),
        ({}, {"checkpoint_of": np.full(24, -1)}),
        ({}, {"checkpoint_of": np.zeros(23, dtype=np.int64)}),
        ({}, {"n_points": np.full(24, np.iinfo(np.int64).max)}),
        ({"checkpoints": [{"name": "a", "step": True}]}, {}),
        ({"checkpoints": {}}, {}),
        ({"checkpoints": [{"name": ["a"]}]}, {}),
        ({"layers": ["a", "a"]}, {}),
        ({"left_out": {"a": 1}}, {}),
    ],
)
def test_a_comparison_of_other_content_is_refused(tmp_path, facts, arrays):
    path = comparison().save(tmp_path / "comparison.npz")
    count = len(comparison().layer_of)
    rewrite(path, facts, **{name: array[:count] for name, array in arrays.items()})
    with pytest.raises(ValueError, match=r"Expected a comparison in .*got a damaged or foreign file"):
        Comparison.load(path)


GRAPH = MapperGraph(
    members=(np.array([0, 1]), np.array([1, 2, 3])),
    filter_means=np.array([0.5, 1.5]),
    intervals=np.array([0, 1]),
    edges=np.array([[0, 1]]),
    shared=np.array([1]),
    sample_ids=np.arange(5),
    radius=0.25,
    positions=np.array([[0.0, 1.0], [1.0, 0.0]]),
)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("sizes", np.array([2, 2])),
        ("sizes", np.array([0, 5])),
        ("sizes", np.array([-1, 6])),
        ("sizes", np.array([2**63, 2**63 + 5], dtype=np.uint64)),
        ("members", np.array([0, 1, 1, 2, 5])),
        ("members", np.array([0, 1, 1, 2, -1])),
        ("edges", np.array([[0, 2]])),
        ("edges", np.array([[1, 1]])),
        ("edges", np.array([0, 1])),
        ("shared", np.array([3])),
        ("shared", np.array([0])),
        ("intervals", np.array([0, -1])),
        ("intervals", np.array([0.0, 1.0])),
        ("filter_means", np.array([0.5, np.nan])),
        ("positions", np.array([[0.0, 9.0], [1.0, 0.0]])),
        ("radius", np.array(-0.5)),
        ("radius", np.array([0.5])),
    ],
)
def test_a_graph_whose_arrays_do_not_fit_together_is_refused(name, array):
    arrays = GRAPH.to_arrays()
    assert_equal(MapperGraph.from_arrays(arrays, GRAPH.sample_ids), GRAPH)
    with pytest.raises(ValueError, match=r"its array|its nodes|an edge"):
        MapperGraph.from_arrays(arrays | {name: array}, GRAPH.sample_ids)
    with pytest.raises(ValueError, match=f"it has no array '{name}'"):
        MapperGraph.from_arrays({other: each for other, each in arrays.items() if other != name}, GRAPH.sample_ids)
