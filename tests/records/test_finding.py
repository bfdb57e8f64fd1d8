import pytest

from topocallback import Finding

SAMPLES = {"kind": "samples", "layer": "head", "samples": [{"id": 7}, {"id": 3}], "n_samples": 2}


def test_a_finding_prints_as_its_statement_and_gives_what_json_holds():
    finding = Finding("Why?", ("head",), "Because.", {"rule": "Said often.", "numbers": {"a": 1}}, 0.05, "why", True)
    assert str(finding) == "Because."
    assert finding.numbers == {"a": 1}
    assert finding.to_json() == {
        "kind": "why",
        "question": "Why?",
        "layers": ["head"],
        "statement": "Because.",
        "level": 0.05,
        "is_alert": True,
        "evidence": {"rule": "Said often.", "numbers": {"a": 1}},
    }


@pytest.mark.parametrize(("view", "samples"), [(None, ()), (SAMPLES, (7, 3)), ({"kind": "graph"}, ())])
def test_a_finding_knows_the_samples_that_it_names(view, samples):
    assert Finding("Why?", (), "Because.", {"view": view}, 0.0).samples == samples
