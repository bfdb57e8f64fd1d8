"""Snapshot: what is measured at one step comes back equal in every field, and prints as one line."""

import dataclasses
import json
from html.parser import HTMLParser

import numpy as np
import pytest
from record_tools import ODD_NAMES, arrays_in, assert_equal, damage, example, facts_in, files_below, rewrite

from topocallback.records.classes import name_classes
from topocallback.records.mapper_graph import MapperGraph
from topocallback.records.schema import SCHEMA_VERSION
from topocallback.records.snapshot import Snapshot
from topocallback.views.payload import decode, encode

# -- There and back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        None,
        np.array([3, 1, 4, 1, 5, 9]),
        np.array([0.5, np.nan, 2, 3, 4, 5], dtype=np.float32),
        np.arange(6) > 2,
        np.array(list("abcabc")),
        np.array(["a", "b", None, "c", np.nan, ""], dtype=object),
        np.array([True, False, None, True, None, False], dtype=object),
        np.array([None] * 6, dtype=object),
    ],
    ids=["none", "int", "float", "bool", "text", "text missing", "bool missing", "all missing"],
)
def test_a_snapshot_comes_back_equal_in_every_field(tmp_path, labels):
    snapshot = example(labels=labels)
    assert_equal(Snapshot.load(snapshot.save(tmp_path / "step=3.npz")), snapshot)


@pytest.mark.parametrize(
    "labels",
    [
        *[
            np.arange(6).astype(kind)
            for kind in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", ">i8")
        ],
        np.full(6, 2**64 - 1, dtype=np.uint64),
        np.array([-(2**63), 2**63 - 1] * 3),
        np.array([2**70, -(2**70)] * 3, dtype=object),
        np.array([2**70, None] * 3, dtype=object),
        [np.uint64(2**63), np.uint64(3)] * 3,
        [np.str_("a"), np.str_("\udce9")] * 3,
        np.array([np.inf, -np.inf, np.nan] * 2),
        np.arange(6) > 2,
    ],
    ids=str,
)
def test_labels_of_any_type_come_back_and_are_shown(tmp_path, labels):
    snapshot = example(labels=labels)
    loaded = Snapshot.load(snapshot.save(tmp_path / "step=3.npz"))
    assert_equal(loaded.labels, snapshot.labels)
    assert decode(encode(loaded))["labels"] == name_classes(labels)[0].tolist()


def test_how_it_was_recorded_comes_back_and_is_shown(tmp_path):
    recording = {"pooling": "mean", "n_samples": 512, "mask": None, "pooled": {"<stem>": "mean over 40 positions"}}
    snapshot = dataclasses.replace(example(), recording=recording)
    found = Snapshot.load(snapshot.save(tmp_path / "step=3.npz"))
    assert found.recording == recording
    said = "How it was recorded: pooling mean; n_samples 512; mask none; pooled &lt;stem&gt;: mean over 40 positions"
    assert said in found._repr_html_()
    assert "How it was recorded" not in example()._repr_html_()


def test_a_file_that_does_not_say_how_it_was_recorded_is_read(tmp_path):
    path = dataclasses.replace(example(), recording={"seed": 3}).save(tmp_path / "step=3.npz")
    facts = {name: value for name, value in facts_in(path).items() if name != "recording"}
    np.savez(path, **{**arrays_in(path), "facts": np.array(json.dumps(facts))})
    assert Snapshot.load(path).recording == {}


@pytest.mark.parametrize("layer", ODD_NAMES)
def test_a_layers_name_makes_no_difference_to_the_files_written(tmp_path, layer):
    path = example(layers=(layer,)).save(tmp_path / "run" / "step=3.npz")
    assert files_below(tmp_path) == ["run/step=3.npz"]
    assert not any(name.startswith(("/", ".")) or ".." in name for name in arrays_in(path))
    assert Snapshot.load(path).layers == (layer,)


def test_mapper_graphs_come_back_with_the_samples_and_classes_of_their_points(tmp_path):
    labels = np.array(["b", "a", "b", "a", "c", "c"])
    snapshot = example(labels=labels)
    codes, classes = name_classes(labels)
    graphs = {}
    for layer in ODD_NAMES[:2]:  # the first of which has owners
        owners = snapshot.owners.get(layer, np.arange(6))
        graphs[layer] = MapperGraph(
            members=(np.array([0, 1]), np.array([1, 2, 3])),
            filter_means=np.array([0.5, 1.5]),
            intervals=np.array([0, 1]),
            edges=np.array([[0, 1]]),
            shared=np.array([1]),
            sample_ids=snapshot.sample_ids[owners],
            radius=0.25,
            positions=np.array([[0.0, 1.0], [1.0, 0.0]]),
            labels=codes[owners],
            classes=classes,
        )
    snapshot = dataclasses.replace(snapshot, mappers=graphs)
    assert_equal(Snapshot.load(snapshot.save(tmp_path / "step=3.npz")), snapshot)


def test_labels_that_are_missing_are_missing_in_what_is_read_and_its_graphs(tmp_path):
    given = np.array(["b", None, "a", np.nan, "b", ""], dtype=object)
    loaded = Snapshot.load(example(labels=given).save(tmp_path / "step=3.npz"))
    assert loaded.labels.tolist() == ["b", None, "a", None, "b", ""]
    assert name_classes(loaded.labels, loaded.classes)[1] == ("''", "a", "b", "missing")


def test_classes_come_back_in_the_order_that_the_labels_came_with(tmp_path):
    snapshot = dataclasses.replace(example(labels=np.array(list("abcabc"))), classes=("c", "a", "b"))
    loaded = Snapshot.load(snapshot.save(tmp_path / "step=3.npz"))
    assert loaded.classes == ("c", "a", "b")
    assert name_classes(loaded.labels, loaded.classes)[1] == ("c", "a", "b")


def test_what_is_not_known_takes_no_room_in_the_file(tmp_path):
    snapshot = example()  # whose own measure has errors and nothing else
    arrays = arrays_in(snapshot.save(tmp_path / "step=3.npz"))
    own = {name.removeprefix("distances/2/") for name in arrays if name.startswith("distances/2/")}
    assert own == {"matrix", "errors", "drift", "drift_from_first"}
    assert [name for name in arrays if name.startswith("statistics/")] == [
        "statistics/0", "statistics/0/errors", "statistics/1",
    ]  # fmt: skip


def test_parts_are_kept_for_the_layers_that_have_them(tmp_path):
    snapshot = example()
    (layer,) = snapshot.parts
    loaded = Snapshot.load(snapshot.save(tmp_path / "step=3.npz"))
    assert list(loaded.parts) == [layer]
    assert_equal(loaded.parts[layer], snapshot.parts[layer])
    without = dataclasses.replace(snapshot, parts={})
    assert Snapshot.load(without.save(tmp_path / "step=4.npz")).parts == {}


def test_simplices_are_kept_for_the_layers_that_have_them(tmp_path):
    snapshot = example()
    (layer,) = snapshot.simplices
    loaded = Snapshot.load(snapshot.save(tmp_path / "step=3.npz"))
    assert_equal(loaded.simplices, snapshot.simplices)
    assert len(loaded.owners[layer]) == 4 > loaded.simplices[layer][0].max()
    without = dataclasses.replace(snapshot, simplices={})  # as of earlier versions
    assert_equal(Snapshot.load(without.save(tmp_path / "step=4.npz")), without)


@pytest.mark.parametrize(
    "points",
    [
        [[4, 0, 3], [0, -1, -1]],  # the layer has four points
        [[-1, 0, 3], [0, -1, -1]],
        [[-2, 0, 3], [0, -1, -1]],
        [[3, 0, -1], [0, -1, -1]],
        [[3, -1, -1], [0, -1, -1]],
        [[3, 0, 3], [0, 1, 2]],
        [[3, 0, 3]],
        [[3, 0], [0, -1]],
        np.array([[3, 0, 3], [0, -1, -1]], dtype=np.float32),
        np.array([[3, 0, 3], [0, 255, 255]], dtype=np.uint8),
    ],
    ids=str,
)
def test_simplices_that_do_not_go_with_the_diagram_cost_themselves(tmp_path, points):
    path = example().save(tmp_path / "step=3.npz")
    rewrite(path, **{"simplices/0/H0": np.asarray(points)})
    with pytest.warns(UserWarning, match=r"Left out of .*: simplices of layer .* \(simplices/0\): its array 'H0' "):
        found = Snapshot.load(path)
    assert_equal(found, dataclasses.replace(example(), simplices={}))


def test_simplices_that_are_damaged_cost_themselves(tmp_path):
    path = example().save(tmp_path / "step=3.npz")
    damage(path, "simplices/0/H0")
    with pytest.warns(UserWarning, match=r"Left out of .*\(simplices/0\): .*H0.* damaged"):
        found = Snapshot.load(path)
    assert_equal(found, dataclasses.replace(example(), simplices={}))


def test_saving_makes_missing_folders_and_returns_the_path(tmp_path):
    path = tmp_path / "not" / "yet" / "step=3.npz"
    assert example().save(str(path)) == path
    assert files_below(tmp_path) == ["not/yet/step=3.npz"]


def test_a_step_that_is_saved_again_replaces_the_earlier_one(tmp_path):
    path = tmp_path / "step=3.npz"
    example(1).save(path)
    example(2).save(path)
    assert_equal(Snapshot.load(path), example(2))


def test_nothing_in_a_file_is_pickled(tmp_path):
    path = example(labels=np.arange(6)).save(tmp_path / "step=3.npz")
    arrays = arrays_in(path)
    assert {"facts", "sample_ids", "labels", "scales", "n_points", "distances/2/matrix", "statistics/1"} < set(arrays)
    assert all(array.dtype != object for array in arrays.values())
    assert facts_in(path)["schema"] == SCHEMA_VERSION == 2


def test_numbers_of_numpy_are_saved_as_numbers(tmp_path):
    snapshot = dataclasses.replace(example(), step=np.int64(3), epoch=np.int64(1), options={"n": np.int64(5)})
    loaded = Snapshot.load(snapshot.save(tmp_path / "step=3.npz"))
    assert (loaded.step, loaded.epoch, loaded.options) == (3, 1, {"n": 5})


def test_no_label_is_pickled(tmp_path):
    labels = np.array(["cat", None, 3, 2.5, b"dog", True], dtype=object)
    path = example(labels=labels).save(tmp_path / "step=3.npz")
    with np.load(path, allow_pickle=False) as file:
        assert not any(file[name].dtype.hasobject for name in file.files)
    assert Snapshot.load(path).labels.tolist() == ["cat", None, "3", "2.5", "dog", "True"]
    with pytest.raises(ValueError, match="Expected `labels` to hold one label per sample, got dict"):
        example(labels=np.array([{}] * 6, dtype=object))


def test_the_facts_are_json_as_everybody_reads_it(tmp_path):
    path = example().save(tmp_path / "step=3.npz")

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    facts = json.loads(str(arrays_in(path)["facts"]), parse_constant=refuse)
    assert facts["distances"][2]["range"] == [None, 1.0]
    assert facts["distances"][0]["range"] == [0.0, None]


# -- As a thing in Python --------------------------------------------------------------------------------------------


def test_a_snapshot_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        example().step = 4


def test_a_snapshot_is_itself_and_no_other():
    snapshot = example()
    assert snapshot == snapshot
    assert snapshot != example()
    assert len({snapshot, snapshot, example()}) == 2


def test_a_snapshot_prints_as_one_line():
    assert repr(example()) == "Snapshot(step 3, epoch 1, 6 layers, 6 samples, measures: sliced_wasserstein, a/b_H7)"


class Cells(HTMLParser):
    """The elements of an HTML text, and the texts in its cells, row by row."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.rows = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_a_notebook_shows_a_row_for_each_layer():
    snapshot = example()
    html = snapshot._repr_html_()
    cells = Cells(html)
    assert cells.elements == {"table", "caption", "thead", "tbody", "tr", "th", "td", "div"}  # names are escaped
    assert cells.rows[0][:4] == [
        "layer",
        "points",
        "Sliced Wasserstein distance, H0: noise",
        "Sliced Wasserstein distance, H0: drift",
    ]
    assert cells.rows[0][-2:] == ["Number of bars, H0", "Share"]
    assert [row[0] for row in cells.rows[1:]] == list(ODD_NAMES)
    assert [row[1] for row in cells.rows[1:]] == [str(count) for count in snapshot.n_points]
    assert cells.rows[1][3] == f"{snapshot.distances['sliced_wasserstein', 0].drift[0]:.4g}"
    assert len({len(row) for row in cells.rows[:-1]}) == 1
    assert "gone: “never” called" in html


def test_a_notebook_shows_thirty_layers_and_counts_the_others():
    html = example(layers=[f"layer {i}" for i in range(35)])._repr_html_()
    assert html.count("<tr>") == 31
    assert "and 5 more" in html
