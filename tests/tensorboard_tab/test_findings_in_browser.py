"""The panel of findings as a person uses it, in real Chromium: what it says, and where each sentence leads."""

import pytest
from browser_findings import finding, findings_of, redundant, settled, suspects
from browser_reports import open_report, report_with
from browser_runs import HOSTILE, LAYERS, STEPS
from browser_tools import slide
from hostile_names import HOSTILE as HOSTILE_NAMES

MARKUP = HOSTILE_NAMES["markup"]


@pytest.fixture(scope="module")
def page(browser, report, tmp_path_factory):
    """One report for all tests: six findings at the last step, one and none and nothing asked at the first ones."""

    def change(i, payload):
        if i > 0:
            payload["findings"] = [[], [settled(LAYERS, 63)], findings_of(payload), findings_of(payload)][i - 1]

    path = report_with(report, tmp_path_factory.mktemp("findings") / "report.html", change)
    opened = open_report(browser, path, reduced_motion="reduce")
    opened.wait_until_ready(f"{HOSTILE}@{STEPS[-1]}")
    yield opened
    opened.close()


@pytest.fixture
def panel(page):
    """The panel at the last step, with nothing open and nothing scrolled away."""
    slide(page, HOSTILE, STEPS, len(STEPS) - 1)
    if (open_one := page.page.locator(".finding-head[aria-expanded=true]")).count() == 1:
        open_one.click()
    page.page.evaluate("scrollTo(0, 0)")
    yield page.page.locator(".panel-findings")
    errors, page.errors = page.errors, []
    assert errors == []


def entry(panel, words):
    return panel.get_by_role("button", name=words)


def is_framed(page, name):
    """Whether a panel, and no other, is marked as the one that shows the evidence, and is to be seen."""
    framed = page.page.locator(".panel.evidence")
    box = framed.bounding_box()
    seen = box["y"] < page.page.viewport_size["height"] and box["y"] + box["height"] > 0
    return framed.get_by_role("heading", level=2).all_inner_texts() == [name] and seen


def test_alerts_come_first_and_say_so_in_words(panel, page, shots):
    heads = panel.locator(".finding-head").all_inner_texts()
    assert len(heads) == 6
    assert heads[0].split("\n") == [
        "Alert",
        "Are there NaN or infinite activations?",
        "net.head holds NaN in 3 of 512 samples.",
        "counted",
    ]
    assert heads[1].startswith("Which layers have settled?\nnet.stem and net.blocks.0 have settled since step 189")
    assert heads[1].endswith("\nby chance in at most 5 % of cases")
    assert panel.get_by_text("6 findings at step 315, 1 of them an alert").is_visible()
    assert panel.get_by_role("heading").count() == 7
    assert page.page.get_by_role("main").get_by_role("heading").first.inner_text() == "Findings"
    page.shoot(shots / "findings.png")


def test_the_list_is_that_of_the_step(panel, page, shots):
    entry(panel, "have settled").click()
    slide(page, HOSTILE, STEPS, 2)
    assert panel.locator(".finding-head").count() == 1
    assert entry(panel, "since step 63").get_attribute("aria-expanded") == "true"  # the same question
    slide(page, HOSTILE, STEPS, 1)
    assert panel.locator(".empty").inner_text().startswith(f"Nothing to report at step {STEPS[1]}: ")
    assert panel.get_by_role("button").count() == 1  # the one that explains the panel
    assert page.page.locator(".panel.evidence").count() == 0
    page.shoot(shots / "findings-none.png")
    slide(page, HOSTILE, STEPS, 0)
    assert panel.is_hidden()


def test_a_curve_is_shown_with_its_layers_alone_in_full(panel, page):
    entry(panel, "have settled").click()
    page.page.wait_for_function("document.querySelectorAll('.legend .faded').length === 3")
    assert is_framed(page, "Over the steps")
    first = page.page.locator(".series").first
    assert (
        first.get_by_role("combobox").locator("option:checked").inner_text().startswith("Drift since the previous step")
    )
    detail = panel.locator(".finding-detail:visible")
    assert "Said of a layer whose drift" in detail.inner_text()
    assert [row.split("\t") for row in detail.locator("tr").all_inner_texts()] == [
        ["steps without drift beyond noise", "3"],
        ["Layer", "drift over its noise", "p-value"],
        ["net.stem", "0.81", "0.41"],
        ["net.blocks.0", "0.92", "\u2013"],
    ]
    entry(panel, "have settled").click()
    page.page.wait_for_function("document.querySelectorAll('.legend .faded').length === 0")
    assert page.page.locator(".panel.evidence").count() == 0


def test_a_pair_and_a_graph_are_chosen_where_they_are_shown(panel, page, shots):
    entry(panel, "arrange the samples alike").click()
    page.page.locator(".panel-heatmap.evidence").wait_for()
    assert is_framed(page, "Layer distances")
    assert page.page.locator(".pair-headline").inner_text().startswith("blocks.0\n↔\nblocks.1")
    entry(panel, "Classes separate").click()
    page.page.locator(".panel-mapper.evidence").wait_for()
    assert is_framed(page, "Mapper graph")
    assert page.page.get_by_label("Layer", exact=True).input_value() == "net.blocks.2"
    assert panel.locator(".finding-head[aria-expanded=true]").count() == 1
    panel.get_by_role("button", name="Shown in “Mapper graph”").press("Enter")
    assert page.page.evaluate("document.activeElement.textContent") == "Mapper graph"
    page.shoot(shots / "findings-graph.png")


def test_suspects_show_their_pictures_and_their_neighbours(panel, page, shots):
    entry(panel, "their labels may be wrong").click()
    panel.locator(".suspect").first.wait_for()
    assert panel.get_by_role("heading", name="20 of 1,304 samples in net.head").is_visible()
    assert panel.locator(".suspect").count() == 6
    panel.get_by_role("button", name="Show all 20").click()
    panel.locator(".suspect").nth(19).wait_for()
    first, last = panel.locator(".suspect").first, panel.locator(".suspect").last
    assert "blob:" in first.locator(".picture").evaluate("node => getComputedStyle(node).backgroundImage")
    assert last.inner_text() == "Sample 999999, label 3\nit was measured before"
    assert last.locator(".picture").count() == 0
    last.click()
    neighbours = panel.locator(".neighbours:visible li")
    assert neighbours.first.inner_text().split() == ["999998"]  # nothing else is known of it
    assert len(neighbours.last.inner_text().split()) == 2  # its index and its class
    first.focus()
    first.press("Enter")
    assert panel.locator(".neighbours").first.locator(".picture").count() == 10
    page.shoot(shots / "findings-samples.png")
    first.press("Escape")
    assert panel.locator(".neighbours").first.is_hidden()
    first.press("Escape")
    assert panel.locator(".suspect").count() == 0
    assert entry(panel, "their labels may be wrong").evaluate("node => node === document.activeElement")


def test_the_keyboard_goes_through_the_list_opens_and_closes(panel, page, shots):
    heads = panel.locator(".finding-head")
    panel.get_by_role("button", name='What does "Findings" show?').focus()
    page.page.keyboard.press("Tab")
    focused = "document.activeElement.querySelector('.statement')?.textContent"
    if page.page.evaluate(focused) is None:  # a list that scrolls is reached first
        page.page.keyboard.press("Tab")
    statements = panel.locator(".statement").all_inner_texts()
    for key, at in (("ArrowUp", 0), ("ArrowDown", 1), ("End", 5), ("ArrowDown", 5), ("Home", 0), ("Tab", 1)):
        page.page.keyboard.press(key)
        assert page.page.evaluate(focused) == statements[at]
    assert heads.nth(1).evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    for key in ("Enter", "Space"):
        page.page.keyboard.press(key)
        assert heads.nth(1).get_attribute("aria-expanded") == ("true" if key == "Enter" else "false")
    page.page.keyboard.press("Space")
    page.shoot(shots / "findings-keyboard.png")
    page.page.keyboard.press("Escape")
    assert heads.nth(1).get_attribute("aria-expanded") == "false"
    page.page.keyboard.press("ArrowLeft")  # to the step before: whoever is at a finding stays at it
    page.wait_until_ready(f"{HOSTILE}@{STEPS[-2]}")
    assert page.page.evaluate(focused) == statements[1]


@pytest.mark.parametrize(("width", "scheme"), [(1024, "light"), (1440, "dark")])
def test_thirty_findings_leave_room_for_all_else(browser, report, tmp_path, shots, width, scheme):
    def change(i, payload):
        payload["findings"] = [one for _ in range(5) for one in findings_of(payload)]

    path = report_with(report, tmp_path / "report.html", change)
    opened = open_report(browser, path, width=width, height=900, color_scheme=scheme)
    opened.wait_until_ready()
    assert opened.page.locator(".finding").count() == 30
    assert opened.page.locator(".panel-heatmap").bounding_box()["y"] < 900 / 2
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    last = opened.page.locator(".finding-head").last
    last.scroll_into_view_if_needed()
    last.click()
    assert last.get_attribute("aria-expanded") == "true"
    opened.shoot(shots / f"findings-30-{width}.png")
    assert opened.errors == []
    opened.close()


def test_findings_of_any_content_are_text_and_break_nothing(browser, report, tmp_path, shots):
    """Names that are markup, layers and tables that are not there, lists that are cut, a record that is damaged."""

    def change(i, payload):
        if i == 0:  # what else could be there: nothing that the page can read
            payload["findings"] = [
                None,
                {"statement": 3},
                {"statement": MARKUP, "evidence": {"view": {"kind": "curve"}}},
            ]
            return
        layers = [f"{MARKUP}{k}" for k in range(5)]
        gone = {"kind": "curve", "measure": "gone", "homology_dim": None, "quantity": "value", "layers": [MARKUP]}
        named = finding("gone", MARKUP, f"{MARKUP} is gone.", gone, rule=MARKUP, numbers={MARKUP: MARKUP})
        named_samples = suspects(payload, MARKUP)
        named_samples["evidence"]["view"]["samples"][0] |= {"label": MARKUP, "note": MARKUP}
        payload["findings"] = [settled(layers, 189), redundant(layers), named, named_samples]

    opened = open_report(browser, report_with(report, tmp_path / "report.html", change))
    opened.wait_until_ready(f"{HOSTILE}@{STEPS[-1]}")
    notes = []
    for head in opened.page.locator(".finding-head").all():
        head.click()
        notes += opened.page.locator(".finding-detail > .note").all_inner_texts()
    assert notes == [
        f"{MARKUP}0 was not measured at this step.",
        f"{MARKUP}1 was not measured at this step.",
        "This step does not have the numbers that this was said from.",
    ]
    opened.page.locator(".suspect").first.click()
    assert opened.page.locator(".suspect").first.inner_text().count(MARKUP) == 2
    opened.shoot(shots / "findings-hostile.png")
    slide(opened, HOSTILE, STEPS, 0)
    assert opened.page.locator(".finding-head").all_inner_texts() == [f"{MARKUP}\nhow sure is not known"]
    assert "damaged there: 2 of 3 findings." in opened.page.locator(".panel-heatmap .note").inner_text()
    assert opened.page.locator("img").count() == 0
    assert opened.errors == []
    opened.close()


def test_two_sides_have_their_own_findings(browser, report, tmp_path, shots):
    def change(i, payload):
        payload["findings"] = findings_of(payload)[: i + 1]

    opened = open_report(browser, report_with(report, tmp_path / "report.html", change))
    opened.wait_until_ready(f"{HOSTILE}@{STEPS[-1]}")
    opened.page.get_by_role("button", name="Compare", exact=True).click()
    opened.wait_until_ready(f"{HOSTILE}@{STEPS[0]}", side="readySecond")
    lists = opened.page.locator(".findings")
    assert [one.locator(".finding").count() for one in lists.all()] == [5, 1]
    lists.last.locator(".finding-head").click()
    opened.page.locator(".panel-series.evidence").wait_for()
    assert lists.first.locator("[aria-expanded=true]").count() == 0
    opened.shoot(shots / "findings-two-sides.png")
    opened.page.get_by_role("button", name="Compare", exact=True).click()
    opened.page.wait_for_function("document.querySelector('.panel.evidence') === null")
    assert opened.errors == []
    opened.close()
