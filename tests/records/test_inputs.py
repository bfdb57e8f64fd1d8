"""The sheet of sampled inputs beside an archive."""

import pytest
from record_tools import files_below

from topocallback.records.inputs import load_inputs, save_inputs


def test_saved_inputs_are_read_as_they_were(tmp_path):
    save_inputs(tmp_path / "topology", b"\x89PNG", '{"tile": 8}')
    assert files_below(tmp_path) == ["topology/inputs.json", "topology/inputs.png"]
    assert load_inputs(tmp_path / "topology") == (b"\x89PNG", '{"tile": 8}')


@pytest.mark.parametrize("facts", ["no JSON", "", "{}"])
def test_inputs_that_are_damaged_are_none_with_a_warning(tmp_path, facts):
    save_inputs(tmp_path, b"", facts)
    with pytest.warns(UserWarning, match="Left out the sampled inputs"):
        assert load_inputs(tmp_path) is None
    (tmp_path / "inputs.json").write_bytes(b"\xff\xfe")
    with pytest.warns(UserWarning, match="Left out the sampled inputs"):
        assert load_inputs(tmp_path) is None


def test_where_there_are_no_inputs_there_are_none(tmp_path):
    assert load_inputs(tmp_path) is None


def test_inputs_in_a_store_are_read_as_they_were(store):
    save_inputs(store, b"\x89PNG", '{"tile": 8}')
    assert load_inputs(store) == (b"\x89PNG", '{"tile": 8}')
    assert load_inputs(f"{store}/other") is None
