"""Payloads: everything of a snapshot that is shown, as JSON that any browser reads."""

import dataclasses
import gzip
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_tools import example
from synthetic_runs import synthetic_clouds, synthetic_snapshots

from topocallback.analysis.analyse import analyse
from topocallback.analysis.options import AnalysisOptions
from topocallback.measures.mapper.options import MapperOptions
from topocallback.records.classes import name_classes
from topocallback.records.finding import Finding
from topocallback.records.point_clouds import PointClouds
from topocallback.records.results import Description, LayerDistances, Results
from topocallback.views.payload import VERSION, decode, encode

KEY = ("sliced_wasserstein", 1)
# The numbers of a table of distances, and to how many digits they are written.
EXACT = ("matrix", "noise", "errors", "drift", "drift_from_first", "drift_errors", "drift_from_first_errors")
ROUGH = ("p_values", "times_noise", "relative", "drift_p", "drift_from_first_p")


@pytest.fixture(scope="module")
def snapshot():
    """The second of two steps, so that drift is not 0."""
    return list(synthetic_snapshots(2, ("stem", "middle", "head"), n_samples=120))[-1]


@pytest.fixture(scope="module")
def content(snapshot):
    return decode(encode(snapshot))


def with_matrix(snapshot, matrix):
    table = dataclasses.replace(snapshot.distances[KEY], matrix=matrix)
    return dataclasses.replace(snapshot, distances=Results([table]))


def with_scale(snapshot, value):
    return dataclasses.replace(snapshot, scales=np.full(len(snapshot.layers), value))


# -- Values ----------------------------------------------------------------------------------------------------------


def test_how_it_was_recorded_is_in_the_payload_whatever_it_holds(snapshot):
    recording = {"pooling": "mean", "n_samples": np.int64(512), "mask": None, "channels": {"stem": (1, 2)}}
    found = decode(encode(dataclasses.replace(snapshot, recording=recording)))
    assert found["recording"] == {"pooling": "mean", "n_samples": 512, "mask": None, "channels": {"stem": [1, 2]}}
    assert decode(encode(snapshot))["recording"] == {}


def test_facts_are_the_snapshots(snapshot, content):
    assert content["version"] == VERSION
    assert (content["step"], content["epoch"]) == (snapshot.step, snapshot.epoch)
    assert tuple(content["layers"]) == snapshot.layers
    assert tuple(content["homology_dims"]) == snapshot.homology_dims
    assert content["reference"] == snapshot.reference
    assert content["n_points"] == snapshot.n_points.tolist() == [120] * 3
    assert content["sample_ids"] == snapshot.sample_ids.tolist()
    assert content["options"] == json.loads(json.dumps(dict(snapshot.options)))
    assert content["seconds"] == pytest.approx(snapshot.seconds, rel=1e-5)


def described(about):
    """A description as JSON has it."""
    low, high = (None if np.isinf(end) else end for end in about.range)
    return {**vars(about), "range": [low, high]}


def test_distances_are_the_snapshots_to_a_few_digits_and_say_what_they_are():
    snapshot = example()
    content = decode(encode(snapshot))
    assert len(content["distances"]) == len(snapshot.distances) == 3
    for found, table in zip(content["distances"], snapshot.distances.values(), strict=True):
        numbers = {name: found.pop(name) for name in (*EXACT, *ROUGH)}
        assert found == described(table.about)
        for name, values in numbers.items():
            expected, error = getattr(table, name.replace("first", "reference")), 5.1e-6 if name in EXACT else 5.1e-4
            if np.isnan(expected).all() or (table.about.paired and name == "times_noise"):
                assert values is None
            else:
                np.testing.assert_allclose(values, expected, rtol=error, err_msg=name)
        assert (numbers["errors"] is None, numbers["p_values"] is None) == (not table.about.paired, table.about.paired)


def test_statistics_are_the_snapshots_to_six_digits_with_their_errors():
    snapshot = example()
    tables = list(snapshot.statistics.values())
    content = decode(encode(snapshot))["statistics"]
    assert len(content) == len(tables) == 2
    errors = [found.pop("errors") for found in content]
    for found, table in zip(content, tables, strict=True):
        np.testing.assert_allclose(found.pop("values"), table.values, rtol=5.1e-6, err_msg=table.about.title)
        assert found == described(table.about)
    np.testing.assert_allclose(errors[0], tables[0].errors, rtol=5.1e-6)
    assert errors[1] is None  # not known


def test_measured_tables_have_all_that_says_how_sure_they_are(content):
    (table,) = (one for one in content["distances"] if (one["measure"], one["homology_dim"]) == KEY)
    for name in ("noise", "p_values", "times_noise", "relative", "drift_p", "drift_from_first_p"):
        assert np.isfinite(np.array(table[name], dtype=float)).any(), name
    assert table["errors"] is None
    p_values = np.array(table["p_values"], dtype=float)[np.triu_indices(3, 1)]
    assert ((p_values > 0) & (p_values <= 1)).all()


def test_a_measure_of_any_name_range_and_dimension_says_what_it_is(snapshot):
    """A paired one without homology dimension, noise, drift and p-values."""
    about = Description("own(x=_H1)", None, "<b>1 - CKA", "%", (0.0, 1.0), direction="similarity", paired=True)
    own = LayerDistances(about, np.ones((3, 3)) - np.eye(3))
    changed = dataclasses.replace(snapshot, distances=Results([*snapshot.distances.values(), own]))
    assert decode(encode(changed))["distances"][-1] == {
        "measure": "own(x=_H1)",
        "homology_dim": None,
        "label": "<b>1 - CKA",
        "unit": "%",
        "range": [0.0, 1.0],
        "kind": "distance",
        "direction": "similarity",
        "paired": True,
        "more": "",
        "matrix": [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]],
        **dict.fromkeys({*EXACT, *ROUGH} - {"matrix"}),
    }


def test_diagrams_are_the_snapshots_with_the_longest_bars_first(snapshot, content):
    for layer, diagrams in zip(snapshot.layers, content["diagrams"], strict=True):
        for bars, (births, deaths) in zip(snapshot.diagrams[layer], diagrams, strict=True):
            ends = np.array([np.inf if death is None else death for death in deaths], dtype=float)
            lengths = ends - np.array(births)
            assert len(lengths) == len(bars)
            assert (lengths[:-1] >= lengths[1:] - 1e-5).all()
            expected = np.sort(bars[:, 1] - bars[:, 0])[::-1]
            np.testing.assert_allclose(lengths, expected, atol=1e-5)
            np.testing.assert_allclose(np.sort(births), np.sort(bars[:, 0]), rtol=5.1e-6)
    essential = [diagrams[0][1][0] for diagrams in content["diagrams"]]
    assert essential == [None] * len(snapshot.layers)


def test_the_longest_bars_lead_to_the_samples_whose_distances_they_are():
    """Of a layer with a point per sample, and of one with several that has lost some."""
    rng = np.random.default_rng(0)
    owners = np.repeat(np.arange(60), 2)
    several = rng.normal(size=(120, 3))
    several[[0, 50]] = np.nan
    clouds = PointClouds(
        {"stem": rng.normal(size=(60, 2)), "head": several}, 5 * np.arange(60), owners={"head": owners}
    )
    snapshot = analyse(clouds, AnalysisOptions(scale="none"))
    content = decode(encode(snapshot))
    for layer, diagrams, simplices in zip(clouds.layers, content["diagrams"], content["simplices"], strict=True):
        of_sample = [clouds.clouds[layer][clouds.owners_of(layer) == sample] for sample in range(60)]

        def is_among(length, first, second, points=of_sample):
            return np.isclose(np.linalg.norm(points[first][:, None] - points[second], axis=2), length, rtol=2e-5).any()

        for dim, ((births, deaths), (makes, ends)) in enumerate(zip(diagrams, simplices, strict=True)):
            assert len(ends) == min(40, len(deaths)) > 5
            assert len(makes) == (0 if dim == 0 else len(ends))
            for death, samples in zip(deaths, ends, strict=False):
                assert len(samples) == (0 if death is None else dim + 2)
                assert death is None or is_among(death, *samples[:2])
            assert all(is_among(birth, *samples) for birth, samples in zip(births, makes, strict=False))


def test_layers_whose_simplices_are_not_known_lead_nowhere(snapshot):
    layer = snapshot.layers[1]
    known = {name: found for name, found in snapshot.simplices.items() if name != layer}
    found = decode(encode(dataclasses.replace(snapshot, simplices=known)))["simplices"]
    assert [each is None for each in found] == [False, True, False]


def test_labels_are_class_numbers_and_have_names(snapshot, content):
    codes, classes = name_classes(snapshot.labels)
    assert content["labels"] == codes.tolist()
    assert tuple(content["classes"]) == classes


def test_mapper_graphs_are_the_snapshots(snapshot, content):
    assert sum(graph.n_nodes for graph in snapshot.mappers.values()) > 10
    for layer, found in zip(snapshot.layers, content["mappers"], strict=True):
        graph = snapshot.mappers[layer]
        np.testing.assert_allclose(np.transpose([found["x"], found["y"]]), graph.positions, rtol=5.1e-6, atol=1e-12)
        assert found["sizes"] == [len(members) for members in found["members"]] == graph.sizes.tolist()
        assert found["members"] == [members.tolist() for members in graph.members]
        assert found["edges"] == [[*map(int, pair), int(n)] for pair, n in zip(graph.edges, graph.shared, strict=True)]
        assert (found["components"], found["cycles"]) == (graph.n_components, graph.n_cycles)
        assert found["coverage"] == pytest.approx(graph.coverage, rel=1e-5)
        assert found["radius"] == pytest.approx(graph.radius, rel=1e-5)
        np.testing.assert_allclose(found["node_purity"], graph.node_purity, rtol=5.1e-6)
        assert found["purity"] == pytest.approx(
            {
                "node_wise": graph.purity_node_wise,
                "point_wise": graph.purity_point_wise,
                "majority": graph.majority,
                "entropy": graph.label_entropy,
            },
            rel=1e-5,
        )
        assert [tuple(pair) for pair in found["confusions"]] == graph.confusions()


def test_a_nodes_members_lead_to_its_sample_ids(snapshot, content):
    for layer, found in zip(snapshot.layers, content["mappers"], strict=True):
        for node, members in enumerate(found["members"]):
            ids = [content["sample_ids"][member] for member in members]
            assert ids == snapshot.mappers[layer].samples(node).tolist()


@given(st.floats(min_value=1e-290, max_value=1e290) | st.floats(min_value=-1e290, max_value=-1e-290) | st.just(0.0))
def test_numbers_keep_six_significant_digits(value):
    cloud = PointClouds({"stem": np.eye(4)})
    (found,) = decode(encode(with_scale(analyse(cloud), value)))["scales"]
    assert found == pytest.approx(float(f"{value:.6g}"), rel=1e-12)


def test_numbers_take_few_characters(snapshot):
    numbers = np.random.default_rng(0).normal(size=(3, 3)) * 10.0 ** np.arange(-4, 5).reshape(3, 3)
    text = gzip.decompress(encode(with_matrix(snapshot, numbers))).decode()
    matrix = text.partition('"matrix":')[2].partition(',"noise"')[0]
    assert max(len(number.strip("-[]")) for number in matrix.split(",")) <= len("0.000123456")


# -- What JSON does not know -----------------------------------------------------------------------------------------


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_null(snapshot, value):
    matrix = snapshot.distances[KEY].matrix.copy()
    matrix[0, 1] = value
    changed = dataclasses.replace(
        with_matrix(snapshot, matrix),
        scales=np.full(3, value),
        seconds={"total": value},
        options={"radius": value, "nested": [{"x": value}]},
    )
    content = json.loads(gzip.decompress(encode(changed)), parse_constant=refuse)
    assert content["distances"][0]["matrix"][0][1] is None
    assert content["distances"][0]["matrix"][1][0] == pytest.approx(matrix[1, 0], rel=1e-5)
    assert content["scales"] == [None] * 3
    assert content["seconds"] == {"total": None}
    assert content["options"] == {"radius": None, "nested": [{"x": None}]}


def test_findings_are_in_the_payload_as_they_are_but_for_what_json_cannot_hold(snapshot, content):
    view = {"kind": "graph", "layer": "head"}
    evidence = {"rule": "counted", "numbers": {"share": np.float64(0.5), "noise": np.nan}, "view": view}
    finding = Finding("Is it?", ("head",), "It is.", evidence, 0.05, "settled")
    (found,) = decode(encode(snapshot, [finding]))["findings"]
    assert found == finding.to_json() | {"evidence": evidence | {"numbers": {"share": 0.5, "noise": None}}}
    assert "findings" not in content
    assert decode(encode(snapshot, []))["findings"] == []


def test_options_of_any_kind_become_json(snapshot):
    options = {"n": np.int64(3), "flag": np.True_, "share": np.float32(0.5), "kind": object, "sizes": (1, 2), 5: None}
    found = decode(encode(dataclasses.replace(snapshot, options=options)))["options"]
    assert found == {"n": 3, "flag": True, "share": 0.5, "kind": "<class 'object'>", "sizes": [1, 2], "5": None}


def test_names_of_any_kind_stay_as_they_are(snapshot):
    names = ("<img src=x onerror=alert(1)>", 'слой "1" \\ \u2028', "💡")
    renamed = {name: snapshot.diagrams[layer] for name, layer in zip(names, snapshot.layers, strict=True)}
    changed = dataclasses.replace(
        snapshot, layers=names, diagrams=renamed, mappers={}, problems={names[0]: "</script>"}, labels=np.array(names)
    )
    content = decode(encode(changed))
    assert tuple(content["layers"]) == names
    assert content["problems"] == {names[0]: "</script>"}
    assert set(content["classes"]) == set(names)
    assert content["mappers"] == [None] * 3


def test_without_labels_there_are_no_classes():
    clouds = dataclasses.replace(synthetic_clouds(0.5, ("stem",), n_samples=60), labels=None)
    content = decode(encode(analyse(clouds, AnalysisOptions())))
    assert (content["labels"], content["classes"]) == (None, [])
    (graph,) = content["mappers"]
    assert graph["purity"] == {"node_wise": None, "point_wise": None, "majority": None, "entropy": None}
    assert graph["node_purity"] == [None] * len(graph["sizes"])


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_points_are_a_payload_too(n):
    content = decode(encode(analyse(PointClouds({"stem": np.zeros((n, 2))}, labels=np.zeros(n)))))
    assert len(content["sample_ids"]) == n


def test_a_layer_without_a_finite_point_is_null_where_it_has_no_number():
    clouds = PointClouds({"stem": np.full((8, 2), np.nan), "head": np.random.default_rng(0).normal(size=(8, 2))})
    content = decode(encode(analyse(clouds)))
    assert [table["matrix"][0] for table in content["distances"]] == [[None, None]] * 2
    assert content["n_points"] == [0, 8]
    assert content["diagrams"][0] == [[[], []], [[], []]]
    assert "NaN" in content["problems"]["stem"]


# -- Bytes -----------------------------------------------------------------------------------------------------------


def test_equal_snapshots_have_equal_payloads(snapshot):
    assert encode(snapshot) == encode(dataclasses.replace(snapshot))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no gzip",
        gzip.compress(b"no JSON", mtime=0),
        gzip.compress(b"\xff\xfe", mtime=0),
        gzip.compress(b"[" * 100_000, mtime=0),
        gzip.compress(b"[]", mtime=0),
        gzip.compress(b"7", mtime=0),
        gzip.compress(b"{}", mtime=0),
        gzip.compress(b'{"version": "1"}', mtime=0),
    ],
)
def test_what_is_no_payload_is_refused(payload):
    with pytest.raises(ValueError, match="Expected a snapshot's payload"):
        decode(payload)


def test_a_payload_that_was_cut_off_is_refused(snapshot):
    for end in (5, 100, -1):
        with pytest.raises(ValueError, match="damaged"):
            decode(encode(snapshot)[:end])


def test_a_damaged_payload_is_refused(snapshot):
    payload = bytearray(encode(snapshot))
    payload[len(payload) // 2] ^= 255
    with pytest.raises(ValueError, match="damaged"):
        decode(bytes(payload))


def test_a_newer_payload_is_refused_with_what_to_do():
    with pytest.raises(ValueError, match=f"got {VERSION + 1}: update topocallback"):
        decode(gzip.compress(json.dumps({"version": VERSION + 1}).encode()))


def test_members_of_clouds_with_several_points_per_sample_are_samples():
    rng = np.random.default_rng(0)
    owners = np.repeat(np.arange(20), 3)
    clouds = PointClouds(
        {"stem": rng.normal(size=(60, 2))},
        sample_ids=5 * np.arange(20),
        labels=np.arange(20) % 2,
        owners={"stem": owners},
    )
    snapshot = analyse(clouds, AnalysisOptions(mapper=MapperOptions(n_intervals=3)))
    content = decode(encode(snapshot))
    graph = snapshot.mappers["stem"]
    assert graph.n_nodes > 0
    for node, members in enumerate(content["mappers"][0]["members"]):
        assert len(members) == graph.sizes[node]
        assert sorted({content["sample_ids"][position] for position in members}) == graph.samples(node).tolist()


def test_classes_stand_in_the_order_that_the_labels_came_with_and_those_that_are_missing_last():
    snapshot = example(labels=np.array(["low", "high", None, "low", "high", "low"], dtype=object))
    content = decode(encode(dataclasses.replace(snapshot, classes=("low", "high"))))
    assert content["classes"] == ["low", "high", "missing"]
    assert content["labels"] == [0, 1, 2, 0, 1, 0]


# -- Findings --------------------------------------------------------------------------------------------------------


class Said:
    """What stands for a finding: it says what it is in JSON."""

    def __init__(self, content):
        self.content = content

    def to_json(self):
        return self.content


def test_without_findings_a_payload_is_what_it_was(snapshot, content):
    assert "findings" not in content
    assert encode(snapshot) == encode(snapshot, None)


def test_nothing_to_say_is_told_from_nothing_asked(snapshot):
    assert decode(encode(snapshot, [])) == {**decode(encode(snapshot)), "findings": []}


def test_findings_are_in_the_payload_with_null_for_what_is_not_finite(snapshot):
    numbers = {"p": math.nan, "over noise": [{"layer": "stem", "value": np.float64(1.23456789)}], "since": "step 7"}
    view = {"kind": "heatmap", "measure": "cka", "homology_dim": None, "layers": ("stem", "head")}
    said = {"statement": "<b>stem", "level": 0.05, "is_alert": False, "evidence": {"numbers": numbers, "view": view}}
    assert decode(encode(snapshot, [Said(said)]))["findings"] == [
        {
            "statement": "<b>stem",
            "level": 0.05,
            "is_alert": False,
            "evidence": {
                "numbers": {"p": None, "over noise": [{"layer": "stem", "value": 1.23457}], "since": "step 7"},
                "view": {**view, "layers": ["stem", "head"]},
            },
        }
    ]
