"""All kinds of findings of comparisons."""

import dataclasses

import numpy as np
import pytest
from synthetic_comparison import example, paired

from topocallback import findings_of
from topocallback.findings import table
from topocallback.records.results import DistanceTable, Results


def test_a_comparison_says_what_its_kinds_say_in_their_order():
    kinds = [finding.kind for finding in findings_of(example(runs=2, epochs=8))]
    assert kinds == ["unlike_checkpoints", "told_apart", "settled", "settled"]
    assert list(dict.fromkeys(kinds)) == [name for name in table.KINDS_OF_COMPARISONS if name in kinds]


def test_a_kind_that_fails_costs_itself(monkeypatch):
    def fail(_):
        raise RuntimeError("no memory")

    monkeypatch.setattr(table, "KINDS_OF_COMPARISONS", {**table.KINDS_OF_COMPARISONS, "told_apart": fail})
    with pytest.warns(UserWarning, match="No findings of the kind told_apart: RuntimeError: no memory"):
        found = findings_of(example(runs=2, epochs=8))
    assert {finding.kind for finding in found} == {"unlike_checkpoints", "settled"}


def without_numbers(comparison):
    nothing = np.full_like(comparison.matrix(), np.nan)
    tables = [DistanceTable(each.about, nothing) for each in comparison.distances.values()]
    return dataclasses.replace(comparison, distances=Results(tables))


@pytest.mark.parametrize(
    "comparison",
    [
        example(runs=1, epochs=1),
        example(runs=1, epochs=1, layers=("stem",)),
        example(runs=2, epochs=1, layers=("stem",)),
        example(runs=3, noise=0.0),
        example(runs=3, noise=np.nan),
        without_numbers(example(runs=2)),
        without_numbers(example(runs=1, epochs=9)),
        dataclasses.replace(example(), distances=Results()),
        paired([np.nan] * 3, [np.nan] * 3),
    ],
)
def test_whatever_is_wanting_every_finding_is_a_sentence_that_json_can_hold(comparison):
    def fail(name, error):
        raise AssertionError(name) from error

    found = findings_of(comparison, failed=fail)
    assert found or len(comparison.layers) == 1
    for finding in found:
        assert str(finding).endswith(".")
        assert "nan" not in str(finding).lower()
        assert 0 <= finding.level <= 1
        assert finding.to_json()["kind"] == finding.kind
