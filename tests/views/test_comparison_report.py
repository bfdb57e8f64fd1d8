"""The report of a comparison: one page that needs nothing else and lets nothing in."""

from synthetic_comparison import example

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
