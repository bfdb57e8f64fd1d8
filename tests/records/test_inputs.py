"""The sheet of sampled inputs beside an archive."""

import pytest
from record_tools import files_below

from topocallback.records.inputs import load_inputs, save_inputs

SHEET = '{"version": 1, "tile": 8, "columns": 2, "sample_ids": [3, 5, 18446744073709551615]}'


def test_saved_inputs_are_read_as_they_were(tmp_path):
    save_inputs(tmp_path / "topology", b"\x89PNG", SHEET)
    assert files_below(tmp_path) == ["topology/inputs.json", "topology/inputs.png"]
    assert load_inputs(tmp_path / "topology") == (b"\x89PNG", SHEET)


@pytest.mark.parametrize(
    "facts",
    [
        b"no JSON",
        b"",
        b"{}",
        b"[1]",
        b"\xff\xfe",
        b"[" * 100_000,
        *[
            SHEET.replace("8,", f"{value},", 1).encode()
            for value in ("NaN", "true", "-8", "0", "8.5", '"8"', "9" * 5000)
        ],
        SHEET.replace("[3", "[NaN").encode(),
        SHEET.replace("[3", "[[3]").encode(),
        SHEET.replace("[3, 5, 18446744073709551615]", "{}").encode(),
        SHEET.replace("}", ', "weather": 1e999}').encode(),
    ],
)
def test_inputs_that_are_damaged_are_none_and_said(tmp_path, facts):
    save_inputs(tmp_path, b"", "")
    (tmp_path / "inputs.json").write_bytes(facts)
    with pytest.warns(UserWarning, match="Left out the sampled inputs in "):
        assert load_inputs(tmp_path) is None


def test_where_there_are_no_inputs_there_are_none(tmp_path):
    assert load_inputs(tmp_path) is None
    save_inputs(tmp_path, b"", SHEET)
    (tmp_path / "inputs.png").unlink()
    assert load_inputs(tmp_path) is None


def test_inputs_in_a_store_are_read_as_they_were(store):
    save_inputs(store, b"\x89PNG", SHEET)
    assert load_inputs(store) == (b"\x89PNG", SHEET)
    assert load_inputs(f"{store}/other") is None
