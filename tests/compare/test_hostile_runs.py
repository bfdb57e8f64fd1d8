"""Runs whose archives hold what no run has written: a comparison leaves it out, or says why there is none."""

import itertools
import warnings

import numpy as np
import pytest
from hostile_archives import crafted, whole, write

from topocallback import compare_runs


def write_crafted(folder, start, stride):
    for step, (_, facts, arrays) in enumerate(itertools.islice(crafted(), start, None, stride), 2):
        write(folder / f"step={step}.npz", facts | ({"step": step} if facts.get("step") == 1 else {}), arrays)


def test_files_of_other_content_are_left_out_of_a_comparison(tmp_path):
    facts, arrays = whole()
    for run in ("a", "b"):
        write(tmp_path / run / "topology" / "step=1.npz", facts, arrays)
    alone = compare_runs(tmp_path / "a", tmp_path / "b")
    write_crafted(tmp_path / "b" / "topology", 5, 40)
    with pytest.warns(UserWarning, match="Left out"):
        comparison = compare_runs(tmp_path / "a", tmp_path / "b")
    assert len(comparison.left_out) >= 3
    found = comparison.between("a/step=1", "b/step=1", "sliced_wasserstein", 1)
    np.testing.assert_array_equal(found, alone.between("a/step=1", "b/step=1", "sliced_wasserstein", 1))


@pytest.mark.parametrize("start", [1, 11])
def test_a_run_that_begins_with_a_file_of_other_content_is_compared_or_refused_with_a_value_error(tmp_path, start):
    facts, arrays = whole()
    write(tmp_path / "good" / "topology" / "step=1.npz", facts, arrays)
    outcomes = set()
    unmeasured = facts | {"options": facts["options"] | {"measures": [{}]}}
    no_layers = facts | {"layers": 7}
    known = [
        ("nothing else", facts, arrays),
        ("no layers", no_layers, arrays),
        ("measures without a key", unmeasured, arrays),
    ]
    for i, (what, other, others) in enumerate([*known, *itertools.islice(crafted(), start, None, 40)]):
        write(tmp_path / f"{i}" / "topology" / "step=1.npz", other, others)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                compare_runs(tmp_path / f"{i}", tmp_path / "good")
                outcomes.add("compared")
            except ValueError:
                outcomes.add("refused")
            except Exception as error:
                raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    assert outcomes == {"compared", "refused"}


@pytest.mark.parametrize("measures", [["sliced_wasserstein"], [[]], [{"key": "wasserstein", "options": {"order": -1}}]])
def test_a_record_that_does_not_say_how_it_was_measured_is_refused_by_name(tmp_path, measures):
    facts, arrays = whole()
    write(tmp_path / "topology" / "step=1.npz", facts | {"options": facts["options"] | {"measures": measures}}, arrays)
    with (
        pytest.warns(UserWarning, match="cannot be compared by"),
        pytest.raises(ValueError, match="Expected `measures`"),
    ):
        compare_runs(tmp_path)
