"""The report as a person uses it, in real Chromium without any network: what the tab shows too, from a file."""

import json
import re
from pathlib import Path

from browser_reports import encoded, open_report, report_of, report_with
from browser_runs import HOSTILE, LAYERS, STEPS
from browser_tools import slide
from hostile_names import HOSTILE as HOSTILE_NAMES


def test_report_opens_without_network(browser, report, shots):
    opened = open_report(browser, report, color_scheme="dark")
    opened.wait_until_ready(f"version_1@{STEPS[-1]}")
    assert opened.page.evaluate("document.documentElement.dataset.theme") == "dark"
    opened.shoot(shots / "report-dark.png")
    opened.page.locator(".graph .node").last.click()
    picture = opened.page.locator(".thumbnails .picture").first
    picture.wait_for()
    assert "blob:" in picture.evaluate("node => getComputedStyle(node).backgroundImage")
    slide(opened, "version_1", STEPS, 1)
    opened.page.emulate_media(color_scheme="light")
    opened.page.wait_for_function("() => document.documentElement.dataset.theme === 'light'")
    opened.shoot(shots / "report.png")
    assert opened.errors == []
    opened.close()


def test_states_without_anything_to_draw(browser, report, tmp_path, shots):
    def change(i, payload):
        payload["labels"], payload["classes"] = None, []
        if i == 0:  # the last layer was not measured at the first step
            payload["layers"][-1] = "another"
        if i == 1:
            payload["mappers"][-1] |= {"x": [], "y": [], "sizes": [], "members": [], "edges": [], "filter_means": []}
        if i == 2:
            payload["mappers"][-1] = None
        payload["problems"] = {HOSTILE: f"{HOSTILE} was not called."}

    opened = open_report(browser, report_with(report, tmp_path / "report.html", change))
    opened.wait_until_ready(f"{HOSTILE}@{STEPS[-1]}")
    assert opened.page.locator(".panel-mapper .class-legend").is_hidden()
    opened.page.locator(".graph .node").last.click()
    assert opened.page.locator(".panel-heatmap .note").inner_text() == f"{HOSTILE}: {HOSTILE} was not called."
    for place, words in ((0, "net.head was not measured"), (1, "graph is empty"), (2, "No Mapper graph")):
        opened.page.get_by_label("Step", exact=True).fill(str(place))
        opened.wait_until_ready(f"{HOSTILE}@{STEPS[place]}")
        assert words in opened.page.locator(".panel-mapper .empty").inner_text()
    assert "net.head was not measured" not in opened.page.locator(".panel-pair .pair-headline").inner_text()
    assert opened.page.locator("img").count() == 0
    opened.shoot(shots / "empty-mapper.png")
    assert opened.errors == []
    opened.close()


def test_a_bar_leads_to_the_inputs_that_make_and_end_it(browser, report, shots):
    for scheme in ("light", "dark"):
        opened = open_report(browser, report, color_scheme=scheme)
        opened.wait_until_ready(f"version_1@{STEPS[-1]}")
        panel = opened.page.locator(".panel-pair")
        chart, detail = panel.locator(".chart"), panel.locator(".bar-detail")
        panel.get_by_role("button", name="H1").click()
        assert detail.inner_text().startswith("Click a mark")
        chart.focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowUp", "Enter"):
            chart.press(key)
        detail.locator(".picture").nth(4).wait_for()
        assert detail.locator(".sentence").count() == 3
        assert "blob:" in detail.locator(".picture").first.evaluate("node => getComputedStyle(node).backgroundImage")
        told = opened.page.get_by_role("tooltip").inner_text()
        life = detail.locator("h3").inner_text()
        assert re.search(r"lasts \S+", told)[0] == re.search(r"lasts \S+", life)[0]
        opened.shoot(shots / f"bar-{scheme}.png")
        panel.get_by_role("button", name="Barcode").click()
        ring = panel.locator(".ring.chosen").bounding_box()
        assert detail.locator("h3").inner_text() == life
        chart.press("Escape")
        assert detail.inner_text().startswith("Click a mark")
        opened.page.mouse.click(ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2)
        assert detail.locator("h3").inner_text() == life
        panel.get_by_role("button", name="Betti curve").click()
        assert detail.is_hidden()
        slide(opened, "version_1", STEPS, 1)  # at another step it is another diagram
        panel.get_by_role("button", name="Diagram").click()
        assert detail.inner_text().startswith("Click a mark")
        slide(opened, "version_1", STEPS, len(STEPS) - 1)
        assert detail.locator("h3").inner_text() == life
        panel.get_by_role("button", name="H0").click()
        chart.focus()
        for key in ("ArrowRight", "ArrowRight", " "):
            chart.press(key)
        assert "two clusters become one" in detail.inner_text()
        detail.get_by_role("button", name="Hide the inputs").click()
        assert detail.inner_text().startswith("Click a mark")
        assert opened.errors == []
        opened.close()


def test_bars_without_simplices_lead_nowhere(browser, report, tmp_path):
    def change(i, payload):
        del payload["simplices"]

    opened = open_report(browser, report_with(report, tmp_path / "report.html", change))
    opened.wait_until_ready(f"{HOSTILE}@{STEPS[-1]}")
    chart = opened.page.locator(".panel-pair .chart")
    assert (chart.get_attribute("role"), chart.get_attribute("tabindex")) == ("img", None)
    assert opened.page.locator(".bar-detail").is_hidden()
    chart.click(position={"x": 200, "y": 200})
    assert opened.page.locator(".bar-detail").is_hidden()
    assert opened.page.locator(".panel-heatmap .note").inner_text() == ""
    assert opened.errors == []
    opened.close()


def test_layers_and_classes_of_any_name_are_text(browser, report, tmp_path, shots):
    markup = [HOSTILE_NAMES[name] for name in ("markup", "end of script", "formula", "controls", "lone surrogate")]

    def change(i, payload):
        payload["layers"] = [f"{markup[k % 5]}{k}" for k in range(len(payload["layers"]))]
        payload["classes"] = [f"{markup[k % 5]}{k}" for k in range(len(payload["classes"]))]
        payload["problems"] = {markup[0]: markup[1]}

    opened = open_report(browser, report_with(report, tmp_path / "report.html", change))
    opened.wait_until_ready(f"{HOSTILE}@{STEPS[-1]}")
    opened.page.locator(".graph .node").last.click()
    opened.page.locator(".graph .node").first.hover()
    opened.shoot(shots / "hostile-names.png")
    assert markup[0] in opened.page.locator("body").inner_text()
    assert opened.page.locator("img").count() == 0
    assert opened.errors == []
    opened.close()


def test_measures_of_a_users_own_appear_under_their_labels_and_units(browser, report, tmp_path, shots):
    def change(i, payload):
        count = len(payload["layers"])
        matrix = [[abs(row - column) for column in range(count)] for row in range(count)]
        own = {"homology_dim": None, "more": "", "paired": True, "direction": "distance", "range": [0, None]}
        shift = own | {"kind": "distance", "measure": "my_shift(p=2)", "label": "Displacement", "unit": "mm"}
        payload["distances"] += [shift | {"matrix": matrix, "noise": None, "drift": None, "drift_from_first": None}]
        payload["distances"] += [shift | {"label": "Cut off", "matrix": matrix[:1]}, {"kind": "of tomorrow"}]
        rank = own | {"kind": "statistic", "measure": "my_rank", "label": "Effective rank", "unit": "directions"}
        payload["statistics"].append(rank | {"values": [-i, *range(1, count)]})
        payload["n_points"][1] = 0

    opened = open_report(browser, report_with(report, tmp_path / "report.html", change))
    opened.wait_until_ready(f"{HOSTILE}@{STEPS[-1]}")
    heatmap, headline = opened.page.locator(".heatmap"), opened.page.locator(".pair-headline")
    assert opened.page.locator(".panel-heatmap .note").inner_text().endswith("damaged there: Cut off.")
    opened.page.get_by_label("Measure").select_option(label="Displacement")
    assert heatmap.get_attribute("aria-label").startswith("Matrix of Displacement (mm) between 5 layers.")
    assert opened.page.locator(".panel-heatmap .segments").first.is_hidden()  # it has no homology dimensions
    assert headline.inner_text().endswith("distance 4\nnot tested\nDisplacement (mm)")
    assert opened.page.locator(".panel-pair").get_by_role("button", name="H1").get_attribute("aria-pressed") == "true"
    first, second = opened.page.locator(".series").all()
    assert first.locator(".quiet").inner_text() == "Displacement"
    assert first.locator(".line[d*=L]").count() == 0
    assert "not known" in first.locator(".chart").get_attribute("aria-label")
    second.get_by_role("combobox").select_option(label="Effective rank (directions)")
    assert second.locator(".line[d*=L]").count() == len(LAYERS)
    rows = opened.page.locator(".numbers tbody tr").all_inner_texts()
    assert rows[-1].split("\t") == ["Effective rank (directions)", "-4", "4"]
    assert any(row.startswith("Total persistence (0.9 quantiles)") for row in rows)
    heatmap.focus()
    for key in ("ArrowDown", "Enter"):
        heatmap.press(key)
    assert opened.page.get_by_role("tooltip").inner_text().endswith("net.blocks.0 had no point at this step.")
    assert "net.blocks.0 had no point at this step." in headline.inner_text()
    opened.shoot(shots / "own-measures.png")
    assert opened.errors == []
    opened.close()


def test_records_of_version_1_are_shown(browser, report, tmp_path, shots):
    records = json.loads((Path(__file__).parent / "node" / "version_1.json").read_text("utf-8"))
    steps = [{"step": record["step"], "wall_time": 0.0, "payload": encoded(record)} for record in records]
    opened = open_report(
        browser, report_of(report, tmp_path / "report.html", {"old": {"steps": steps, "inputs": None}})
    )
    opened.wait_until_ready("old@189")
    label = opened.page.locator(".heatmap").get_attribute("aria-label")
    assert label.startswith("Matrix of Sliced Wasserstein distance, H1 (0.9 quantiles) between 3 layers.")
    opened.page.get_by_role("button", name="H0 clusters").click()
    assert "distance 1.27\nnot tested\n" in opened.page.locator(".pair-headline").inner_text()
    note = opened.page.locator(".panel-heatmap .note").inner_text()
    assert note.startswith("Recorded before noise was calibrated")
    assert opened.page.locator(".mark").count() == 0
    assert opened.page.locator(".numbers tbody tr").first.inner_text().split("\t") == ["Number of bars", "23", "23"]
    choices = opened.page.get_by_label("Quantity of plot 2").locator("option").all_inner_texts()
    assert {"Drift from the reference (0.9 quantiles)", "Persistent entropy (bits)", "Mapper purity"} <= {*choices}
    opened.page.get_by_label("Layer", exact=True).select_option("net.block")
    assert opened.page.locator(".panel-mapper .empty").inner_text() == "net.block had no point at this step."
    opened.shoot(shots / "version-1.png")
    assert opened.errors == []
    opened.close()


def test_no_run_yet(browser, report, tmp_path, shots):
    page = report_of(report, tmp_path / "report.html", {})
    opened = open_report(browser, page)
    opened.page.get_by_text("No topology yet").wait_for()
    assert opened.page.locator("main").is_hidden()
    opened.shoot(shots / "no-run.png")
    assert opened.errors == []
    opened.close()
