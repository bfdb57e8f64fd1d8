"""The Topology tab as a person uses it: real Chromium, real TensorBoard.

Screenshots go to pytest's temporary folder, or to ``TOPOCALLBACK_SCREENSHOTS``. How quick the tab is,
``browser_speed.py`` beside this file measures.
"""

import json
import re

import pytest
from browser_runs import HOSTILE, LAYERS, SAMPLES, STEPS
from browser_tools import Page, pixel, slide, tensorboard, wait_for_steps
from synthetic_runs import Logger, synthetic_snapshots

from topocallback.views.logging import write_for_tab
from topocallback.views.payload import encode


@pytest.fixture(scope="module")
def server(runs):
    with tensorboard(runs) as address:
        for run, count in (
            ("version_0", len(STEPS)),
            ("version_1", len(STEPS)),
            ("alike", 1),
            (HOSTILE, 2),
            ("broken", 5),
        ):
            wait_for_steps(address, run, count)
        yield address


@pytest.fixture(scope="module")
def opened(browser, server):
    page = Page(browser, f"{server}/#topology")
    page.wait_until_ready(f"version_1@{STEPS[-1]}")  # the last run by name, at its last step
    yield page
    page.close()


@pytest.fixture
def tab(opened):
    """One page for all tests, as opening TensorBoard takes seconds: ``version_1`` at its last step, nothing pressed."""
    compare = opened.frame.get_by_role("button", name="Compare")
    if compare.get_attribute("aria-pressed") == "true":
        compare.click()
    choose_run(opened, "version_1")
    slide(opened, "version_1", STEPS, len(STEPS) - 1)
    close = opened.frame.get_by_role("button", name="Close")
    if close.is_visible():
        close.click()
    for choice in ("H1 loops", "Diagram"):
        opened.frame.get_by_role("button", name=choice).click()
    yield opened
    errors, opened.errors = opened.errors, []
    assert errors == []


def choose_run(tab, run, step=None):
    tab.frame.get_by_label("Run", exact=True).select_option(run)
    tab.frame.wait_for_function("run => document.body.dataset.ready.startsWith(`${run}@`)", arg=run)
    if step is not None:
        tab.wait_until_ready(f"{run}@{step}")


def test_slider_shows_other_steps(tab):
    slider = tab.frame.get_by_label("Step", exact=True)
    slider.fill("1")
    tab.wait_until_ready(f"version_1@{STEPS[1]}")
    assert tab.frame.locator(".step-status").first.inner_text() == f"Step {STEPS[1]} · epoch 1"
    slider.press("ArrowRight")
    tab.wait_until_ready(f"version_1@{STEPS[2]}")
    tab.frame.get_by_role("button", name="Previous step").click()
    tab.wait_until_ready(f"version_1@{STEPS[1]}")


def test_heatmap_changes_with_the_step(tab):
    before = pixel(tab, ".heatmap", 200, 30)
    tab.frame.get_by_label("Step", exact=True).fill("0")
    tab.wait_until_ready(f"version_1@{STEPS[0]}")
    assert pixel(tab, ".heatmap", 200, 30) != before


def test_play_runs_to_the_last_step_and_stops(tab):
    tab.frame.get_by_label("Step", exact=True).fill("2")
    tab.wait_until_ready(f"version_1@{STEPS[2]}")
    tab.frame.get_by_role("button", name="Play").click()
    assert tab.frame.get_by_role("button", name="Pause").is_visible()
    tab.wait_until_ready(f"version_1@{STEPS[-1]}")
    tab.frame.get_by_role("button", name="Play").wait_for()


def test_run_selector_and_comparison(tab, shots):
    choose_run(tab, "version_0", STEPS[-1])
    tab.frame.get_by_role("button", name="Compare").click()
    tab.wait_until_ready(f"version_1@{STEPS[-1]}", side="readySecond")
    tab.frame.get_by_label("Step", exact=True).fill("0")
    tab.wait_until_ready(f"version_0@{STEPS[0]}")
    tab.wait_until_ready(f"version_1@{STEPS[0]}", side="readySecond")
    tab.frame.get_by_label("same step").uncheck()
    tab.frame.get_by_label("Step of the second side").fill("4")
    tab.wait_until_ready(f"version_1@{STEPS[4]}", side="readySecond")
    assert tab.ready() == f"version_0@{STEPS[0]}"
    assert tab.frame.locator("canvas.heatmap").count() == 2
    tab.shoot(shots / "comparison.png")


def test_cell_click_chooses_the_pair(tab, shots):
    heatmap = tab.frame.locator(".heatmap")
    centre = cell_centre(tab, 1, 3)
    heatmap.hover(position=centre)
    tooltip = tab.frame.get_by_role("tooltip").inner_text()
    assert tooltip.startswith("net.blocks.0 ↔ net.blocks.2")
    heatmap.click(position=centre)
    headline = tab.frame.locator(".pair-headline").inner_text()
    assert "blocks.0" in headline
    assert "blocks.2" in headline
    for words in (r"distance [\d.]+", r"[\d.]+ . noise", r"relative [\d.]+", r"p [=<] [\d.]+", r"(not )?told apart"):
        assert re.search(words, headline)[0] in tooltip
    assert tab.frame.get_by_label("Layer", exact=True).input_value() == "net.blocks.2"
    for name in ("Barcode", "Betti curve", "Diagram"):
        tab.frame.get_by_role("button", name=name).click()
        assert tab.frame.locator(".panel-pair svg.chart path").count() >= 2
        tab.frame.locator(".panel-pair").screenshot(path=str(shots / f"pair-{name.split()[0].lower()}.png"))


def test_the_diagonal_shows_the_layers_own_noise(tab):
    heatmap = tab.frame.locator(".heatmap")
    centre = cell_centre(tab, 2, 2)
    heatmap.hover(position=centre)
    tooltip = tab.frame.get_by_role("tooltip").inner_text()
    assert re.fullmatch(r"net\.blocks\.1\n.*\nthe layer.s own noise [\d.]+", tooltip)
    heatmap.click(position=centre)
    assert tooltip.splitlines()[-1] in tab.frame.locator(".pair-headline").inner_text()


def test_only_cells_that_are_not_told_apart_are_hatched(tab, shots):
    choose_run(tab, "alike", STEPS[0])
    clear, hatched = (colours_around(tab, cell_centre(tab, row, 3)) for row in (0, 1))
    assert (len(clear), len(hatched)) == (1, 2)
    tab.frame.locator(".panel-heatmap").screenshot(path=str(shots / "hatched.png"))


def colours_around(tab, centre):
    """All colours of a cell in a strip above its number."""
    script = """({ x, y }) => {
        const canvas = document.querySelector('.heatmap');
        const ratio = canvas.width / canvas.clientWidth;
        const { data } = canvas.getContext('2d').getImageData(...[x - 12, y - 16, 24, 6].map((at) => at * ratio));
        return [...new Set(Array.from({ length: data.length / 4 }, (_, i) => String(data.slice(4 * i, 4 * i + 3))))];
    }"""
    return tab.frame.evaluate(script, centre)


def test_drift_beyond_noise_is_marked(tab, shots):
    tab.frame.locator(".heatmap").click(position=cell_centre(tab, 0, 4))
    chart = tab.frame.locator(".series").first
    chart.get_by_role("combobox").select_option(label="Drift since the previous step (0.9 quantiles)")
    label = chart.locator(".chart").get_attribute("aria-label")
    assert "filled: beyond noise (p ≤ 0.05)" in label
    assert "dashed: own noise of head" in label
    assert chart.locator(".mark-filled").count() > 0
    chart.scroll_into_view_if_needed()
    box = chart.locator(".mark-filled").last.bounding_box()  # of the last layer's points, up to the last step
    tab.page.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] - 3)
    assert re.search(r"p [=<] [\d.]+ · (beyond noise|not told apart)$", tab.frame.get_by_role("tooltip").inner_text())
    tab.frame.locator(".panel-series").screenshot(path=str(shots / "series.png"))
    chart.get_by_role("combobox").select_option(label="The layer\u2019s own noise (0.9 quantiles)")
    assert chart.locator(".mark").count() == 0
    chart.get_by_role("combobox").select_option(label="Drift from the reference (0.9 quantiles)")


def test_statistics_have_their_standard_error(tab):
    tab.frame.locator(".heatmap").click(position=cell_centre(tab, 0, 4))
    tab.page.mouse.move(5, 5)
    chart = tab.frame.locator(".series").last
    assert "band: ± standard error" in chart.locator(".chart").get_attribute("aria-label")
    assert chart.locator(".band").count() == 2  # of the chosen pair alone
    assert re.search(r"Total persistence.*\t[\d.]+ ± [\d.]+\t", tab.frame.locator(".numbers").inner_text())


def cell_centre(tab, row, column):
    """Where a cell is on the heatmap: the keyboard's cursor asks the view itself."""
    heatmap = tab.frame.locator(".heatmap")
    box = heatmap.bounding_box()
    script = """async ([layers, width]) => {
        const { heatmapLayout } = await import(new URL('static/heatmap_drawing.js', document.baseURI).href);
        return heatmapLayout(layers, width);
    }"""
    width = tab.frame.evaluate("document.querySelector('.panel-heatmap .side').clientWidth")
    layout = tab.frame.evaluate(script, [list(LAYERS), width])
    assert box["width"] == pytest.approx(layout["width"], abs=2)
    return {"x": layout["left"] + (column + 0.5) * layout["cell"], "y": layout["top"] + (row + 0.5) * layout["cell"]}


def test_node_click_shows_its_inputs(tab, shots):
    node = tab.frame.locator(".graph .node").last
    node.hover()
    assert "input" in tab.frame.get_by_role("tooltip").inner_text()
    node.click()
    thumbnails = tab.frame.locator(".thumbnails li")
    thumbnails.first.wait_for()
    count = int(tab.frame.locator(".panel-mapper .detail h3").inner_text().split()[0])
    assert thumbnails.count() == min(count, 48)
    picture = thumbnails.first.locator(".picture")
    assert "inputs?" in picture.evaluate("node => getComputedStyle(node).backgroundImage")
    assert re.fullmatch(r"\d+", thumbnails.first.inner_text().strip())
    tab.frame.locator(".panel-mapper").screenshot(path=str(shots / "node.png"))


def test_nodes_are_dragged_and_the_graph_is_zoomed(tab):
    graph = tab.frame.locator(".graph")
    graph.scroll_into_view_if_needed()
    node = tab.frame.locator(".graph .node").last
    before = node.get_attribute("transform")
    box = node.bounding_box()
    mouse = tab.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(box["x"] + 60, box["y"] + 40, steps=4)
    mouse.up()
    dragged = node.get_attribute("transform")
    assert dragged != before
    assert tab.frame.locator(".detail-content").is_hidden()  # a drag is no click
    tab.frame.get_by_role("button", name="Zoom in").click()
    assert node.get_attribute("transform") != dragged
    tab.frame.get_by_role("button", name="Show the whole graph").click()
    assert node.get_attribute("transform") == before


def test_hovering_a_line_points_at_its_layer(tab):
    before = pixel(tab, ".heatmap", 260, 160)
    tab.frame.locator(".legend button").first.hover()
    tab.frame.wait_for_function("document.querySelectorAll('.legend .faded').length === 4")
    assert pixel(tab, ".heatmap", 260, 160) != before


def test_follows_tensorboards_dark_mode(tab, shots):
    theme = "document.documentElement.dataset.theme"
    assert tab.frame.evaluate(theme) == "light"
    tab.shoot(shots / "tab-light.png")
    tab.page.evaluate("document.body.classList.add('dark-mode')")
    tab.frame.wait_for_function(f"{theme} === 'dark'")
    tab.shoot(shots / "tab-dark.png")
    tab.frame.get_by_role("button", name="Light or dark").click()
    assert tab.frame.evaluate(theme) == "light"


@pytest.mark.parametrize("width", [1024, 1680])
def test_fits_the_window(browser, server, shots, width):
    tab = Page(browser, f"{server}/#topology", width=width)
    tab.wait_until_ready(f"version_1@{STEPS[-1]}")
    assert tab.frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.shoot(shots / f"tab-{width}.png")
    assert tab.errors == []
    tab.close()


def test_keyboard_reaches_everything(tab):
    reached = set()
    tab.frame.get_by_label("Run", exact=True).focus()
    for _ in range(70):
        reached.add(tab.frame.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent.trim()"))
        tab.page.keyboard.press("Tab")
    for name in (
        "Run",
        "Play",
        "Step",
        "Compare",
        "Measure",
        "H1 loops",
        "Per step",
        "Barcode",
        "Zoom in",
        "Light or dark",
    ):
        assert name in reached
    assert any(name.startswith("Matrix of") for name in reached)
    assert any(name.startswith("Mapper graph with") for name in reached)

    heatmap = tab.frame.locator(".heatmap")
    heatmap.focus()
    assert heatmap.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    headline = tab.frame.locator(".pair-headline")
    heatmap.click(position=cell_centre(tab, 0, 4))
    for key in ("ArrowDown", "ArrowLeft", "Enter"):
        heatmap.press(key)
    assert headline.inner_text().startswith("blocks.0\n↔\nblocks.2")
    graph = tab.frame.locator(".graph")
    for key in ("ArrowRight", "ArrowLeft", "Enter"):
        graph.press(key)
    tab.frame.locator(".thumbnails li").first.wait_for()


def test_arrows_and_space_work_anywhere(tab):
    tab.frame.locator(".panel-heatmap h2").click()
    tab.page.keyboard.press("ArrowLeft")
    tab.wait_until_ready(f"version_1@{STEPS[-2]}")
    tab.page.keyboard.press("Space")
    tab.wait_until_ready(f"version_1@{STEPS[-1]}")


def test_names_are_shown_as_text(tab, shots):
    choose_run(tab, HOSTILE, STEPS[1])
    node = tab.frame.locator(".graph .node").last
    node.click()
    tab.frame.locator(".thumbnails li").first.wait_for()
    tab.frame.locator(".heatmap").hover(position={"x": 250, "y": 40})
    assert tab.frame.locator("img").count() == 0
    assert HOSTILE in tab.frame.locator(".pair-headline").inner_text()
    assert f"{HOSTILE}7" in tab.frame.locator(".class-legend").text_content()
    assert HOSTILE in tab.frame.locator(".thumbnails li").first.get_attribute("title")
    tab.shoot(shots / "hostile.png")


@pytest.mark.parametrize(("step", "words"), [(1, "newer version"), (2, "damaged"), (3, "damaged"), (4, "damaged")])
def test_unreadable_records_show_a_message(tab, step, words):
    tab.frame.get_by_label("Run", exact=True).select_option("broken")
    tab.wait_until_ready("broken@4")
    tab.frame.get_by_label("Step", exact=True).fill(str(step))
    tab.wait_until_ready(f"broken@{step}")
    assert words in tab.frame.locator(".panel-heatmap .empty").inner_text()
    tab.frame.get_by_label("Step", exact=True).fill("0")
    tab.wait_until_ready("broken@0")
    assert not tab.frame.locator(".panel-heatmap .empty").is_visible()


def test_saves_plots_and_data(tab):
    assert download(tab, tab.frame.locator(".panel-heatmap").get_by_label("Save as PNG"))[:4] == b"\x89PNG"
    assert download(tab, tab.frame.locator(".panel-series").get_by_label("Save as PNG"))[:4] == b"\x89PNG"
    drawing = download(tab, tab.frame.locator(".panel-mapper").get_by_label("Save as SVG")).decode()
    assert drawing.startswith("<svg")
    assert "<circle" in drawing
    saved = json.loads(download(tab, tab.frame.get_by_label("data as JSON")))
    assert saved["step"] == STEPS[-1]
    assert saved["layers"] == list(LAYERS)


def download(tab, button):
    with tab.page.expect_download() as caught:
        button.click()
    return caught.value.path().read_bytes()


def test_new_steps_come_by_themselves(browser, tmp_path, shots):
    snapshots = list(synthetic_snapshots(4, LAYERS, SAMPLES))
    logger = Logger(tmp_path / "training")

    def write(snapshot):
        write_for_tab(logger, encode(snapshot), None, snapshot.step)
        logger.experiment.flush()

    write(snapshots[0])
    write(snapshots[1])
    with tensorboard(tmp_path) as address:
        wait_for_steps(address, "training", 2)
        tab = Page(browser, f"{address}/#topology")
        tab.wait_until_ready(f"training@{STEPS[1]}")
        write(snapshots[2])
        tab.wait_until_ready(f"training@{STEPS[2]}", timeout=25_000)  # whoever is at the last step follows
        tab.frame.get_by_label("Step", exact=True).fill("0")
        tab.wait_until_ready(f"training@{STEPS[0]}")
        write(snapshots[3])
        wait_for_steps(address, "training", 4)
        tab.frame.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # coming back asks at once
        tab.frame.wait_for_function("document.querySelector('.slider input').max === '3'", timeout=15_000)
        assert tab.ready() == f"training@{STEPS[0]}"  # whoever looks at another step is left alone
        assert tab.errors == []
        tab.shoot(shots / "live.png")
    # TensorBoard has ended: the page says so, and goes on showing what it has.
    tab.frame.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    tab.frame.locator(".notice").wait_for()
    slide(tab, "training", STEPS, 1)
    tab.close()


def test_the_fast_data_server_shows_the_same(browser, runs, shots):
    with tensorboard(runs, load_fast="true") as address:
        wait_for_steps(address, "version_1", len(STEPS))
        tab = Page(browser, f"{address}/#topology")
        tab.wait_until_ready(f"version_1@{STEPS[-1]}")
        tab.frame.locator(".graph .node").last.click()
        tab.frame.locator(".thumbnails .picture").first.wait_for()
        slide(tab, "version_1", STEPS, 0)
        tab.shoot(shots / "fast.png")
        assert tab.errors == []
        tab.close()
