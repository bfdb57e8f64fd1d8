"""The report of a comparison: one page that needs nothing else and lets nothing in."""

import dataclasses

from synthetic_comparison import example

from topocallback.records.finding import Finding
from topocallback.records.results import DistanceTable, Results
from topocallback.views.comparison import FIGURES
from topocallback.views.comparison_report import comparison_report, to_png


def test_the_report_stands_alone_and_escapes_names():
    found = example()
    page = comparison_report(found, {name: to_png(draw(found, None, None)) for name, draw in FIGURES.items()})
    assert page.count("data:image/png;base64,") == 4
    assert "<script" not in page
    assert 'src="http' not in page
    assert "a<b>" not in page
    assert "a&lt;b&gt;" in page
    assert "&lt;b&gt;no&lt;/b&gt; such file." in page


def test_the_report_names_every_measure_with_its_unit():
    page = comparison_report(example(), {})
    for dim in (0, 1):
        assert f"Sliced Wasserstein distance, H{dim} (0.9 quantiles)" in page


def test_every_homology_dimension_has_its_own_findings_and_the_pictures_stand_with_theirs():
    page = comparison_report(example(epochs=8), {"specificity": b"", "settling": b""})
    for heading in ("Are layers told apart?", "When did layers settle?"):
        section = page.partition(f"<h2>{heading}</h2>")[2].partition("<h2>")[0]
        first, second = section.split("<h3>")[1:]
        assert first.startswith("Sliced Wasserstein distance, H1 (0.9 quantiles)</h3>")
        assert second.startswith("Sliced Wasserstein distance, H0 (0.9 quantiles)</h3>")
        assert "<img" in first
        assert "<img" not in second


def test_findings_come_first_each_question_once_with_how_sure_they_are_and_a_link_to_what_shows_them():
    found = [
        finding("Which layers have settled?", "Settling of <run>.", "settled", 0.14),
        finding("Which layers have settled?", "Settling of another.", "settled", 0.0),
        finding("Which layers are redundant?", "None.", "twins", 0.05),
    ]
    page = comparison_report(example(epochs=8), {}, findings=found)
    section = page.partition("<h2>Findings</h2>")[2].partition("<section")[0]
    assert page.index("<h2>") == page.index("<h2>Findings</h2>")
    assert section.count("<h3>") == 2
    assert "Settling of &lt;run&gt;." in section
    assert "said in at most 14 % of cases in which there is nothing to say" in section
    assert 'href="#settling"' in section
    assert '<section id="settling">' in page
    assert 'href="#distances"' not in page  # without that picture there is no such section
    assert "<td class=text>stem</td><td class=text>0.123</td><td class=text></td>" in section
    assert "Findings" not in comparison_report(example(), {})


def finding(question, statement, kind, level):
    numbers = {
        "times noise": [{"layer": "stem", "value": 0.1234}],
        "step": [{"layer": "stem", "value": None}],
        "tests": 3,
    }
    return Finding(question, ("stem",), statement, {"rule": "A rule.", "numbers": numbers}, level, kind)


def test_settling_is_said_of_layers_that_have_too_few_checkpoints_too():
    page = comparison_report(example(runs=1, epochs=6), {})
    for part in (
        "<td class=text>settled from step 10 on</td><td class=text>4 x noise</td><td class=text>0 x noise</td>"
        "<td class=text>p = 0.3</td>",
        "too few checkpoints to say",
    ):
        assert part in page
    assert "not settled" in comparison_report(example(runs=1, epochs=2), {})


def test_noise_and_p_values_are_explained_only_where_there_are_any():
    found = example()
    assert "“1.8 x noise” is a size, not a verdict" in comparison_report(found, {})
    assert "hatched, not told apart at 5 % per cell" in comparison_report(found, {})
    bare = [DistanceTable(table.about, table.matrix) for table in found.distances.values()]
    page = comparison_report(dataclasses.replace(found, distances=Results(bare)), {})
    assert "noise" not in page
    assert "hatched" not in page


def test_a_layer_without_any_noise_has_moved_by_none_or_by_infinitely_many_times_it():
    page = comparison_report(example(runs=1, epochs=6, noise=0.0), {})
    assert "<td class=text>0 x noise</td>" in page
    assert "<td class=text>inf x noise</td>" in page
    assert "nan" not in page
