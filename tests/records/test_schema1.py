"""Archives of schema 1, written by the package as it then was, are read as before."""

import json
from pathlib import Path

import numpy as np
import pytest

from topocallback import Comparison, compare_runs, load_history

OLD = Path(__file__).parents[1] / "data" / "schema1"
RUN = OLD / "run" / "topology"


@pytest.mark.parametrize("snapshot", load_history(RUN), ids=lambda snapshot: str(snapshot.step))
def test_every_number_of_a_snapshot_is_the_one_in_the_file(snapshot):
    with np.load(RUN / f"step={snapshot.step}.npz", allow_pickle=False) as file:
        facts = json.loads(str(file["facts"]))
        assert facts["schema"] == 1
        for key, table in snapshot.distances.items():
            for stored, name in (
                ("distances", "matrix"),
                ("drift", "drift"),
                ("drift_from_first", "drift_from_reference"),
            ):
                np.testing.assert_array_equal(getattr(table, name), file[f"{stored}/{key[0]}_H{key[1]}"])
        for table in snapshot.statistics.values():
            np.testing.assert_array_equal(table.values, file[f"statistics/{table.about.tag}"])
        assert len(snapshot.distances) == sum(name.startswith("distances/") for name in file.files)
        assert len(snapshot.statistics) == sum(name.startswith("statistics/") for name in file.files)


def test_how_sure_a_number_is_was_not_recorded():
    """Its noise was the distance between two halves, which cannot be held against distances between whole samples."""
    for snapshot in load_history(RUN):
        assert snapshot.parts == {}
        for table in snapshot.distances.values():
            for name in ("noise", "sizes", "p_values", "errors", "drift_p", "drift_from_reference_p"):
                assert np.isnan(getattr(table, name)).all()
            assert not table.not_told_apart.any()
        assert all(np.isnan(table.errors).all() for table in snapshot.statistics.values())
    for table in Comparison.load(OLD).distances.values():
        assert np.isnan(table.noise).all()
        assert np.isnan(table.p_values).all()


def test_tables_say_what_they_are_and_a_layer_without_points_is_known():
    snapshot = load_history(RUN)[-1]
    assert snapshot.distances["sliced_wasserstein", 1].about.title == "Sliced Wasserstein distance, H1"
    assert snapshot.statistics["persistent_entropy", 0].about.unit == "bits"
    empty = np.isnan(np.diagonal(snapshot.distances["sliced_wasserstein", 0].matrix))
    assert empty.sum() == 1
    np.testing.assert_array_equal(snapshot.n_points == 0, empty)


def test_runs_of_schema_1_are_compared_by_what_they_were_recorded_with():
    recorded, found = load_history(RUN), compare_runs(OLD / "run")
    assert found.distances.measures == ("sliced_wasserstein", "wasserstein")
    for number, snapshot in enumerate(recorded):
        for key, table in snapshot.distances.items():
            # NumPy 1 adds the last digit otherwise than NumPy 2, which has computed what is stored.
            np.testing.assert_allclose(found.over_layers(number, *key), table.matrix, rtol=1e-13, atol=1e-15)
            assert np.isnan(found.distances[key].p_values).all()  # without parts nothing is tested
    assert found.settling() == []
    old = Comparison.load(OLD)
    for key, table in old.distances.items():
        np.testing.assert_allclose(found.distances[key].matrix, table.matrix, rtol=1e-13, atol=1e-15)


def test_a_measure_with_options_of_its_own_is_read_with_them(tmp_path):
    with np.load(RUN / "step=20.npz", allow_pickle=False) as file:
        arrays = dict(file)
    facts = json.loads(str(arrays["facts"]))
    facts["options"]["n_directions"] = 7
    topology = tmp_path / "topology"
    topology.mkdir()
    np.savez(topology / "step=20.npz", **{**arrays, "facts": np.array(json.dumps(facts))})
    name = "sliced_wasserstein(n_directions=7)"
    recorded = load_history(tmp_path)[0].distances[name, 1]
    assert recorded.about.title == "Sliced Wasserstein distance (n_directions=7), H1"
    assert compare_runs(tmp_path).distances[name, 1].about == recorded.about
