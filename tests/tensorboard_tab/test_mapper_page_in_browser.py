"""KeplerMapper's page of a Mapper graph in real Chromium without any network: it is drawn, and no name in it runs."""

import numpy as np
import pytest
from browser_tools import Page
from hostile_names import HOSTILE

from topocallback.records.mapper_graph import MapperGraph

CLASSES = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "a&amp;b", "plain", "run\udcff")
SHOWN = (*CLASSES[:4], r"run\udcff")
TITLE = "</title><script>alert(3)</script><img src=x onerror=alert(4)> {{ 7 * 7 }} & $x$"


def graph(labelled=True):
    members = tuple(np.arange(2 * i, 2 * i + 4) for i in range(5))
    return MapperGraph(
        members=members,
        filter_means=np.arange(5.0),
        intervals=np.arange(5),
        edges=np.array([(i, i + 1) for i in range(4)]),
        shared=np.full(4, 2),
        sample_ids=np.arange(100, 112),
        labels=np.arange(12) % len(CLASSES) if labelled else None,
        classes=CLASSES if labelled else (),
    )


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a page without a network; gives it, and what it asks for beside itself."""
    pages = []

    def show(html):
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        page = Page(browser, "about:blank", accept_downloads=True)
        pages.append(page)
        page.context.set_offline(True)
        asked = []
        page.page.on("request", lambda request: asked.append(request.url))
        page.page.goto(path.as_uri())
        return page, [url for url in asked if url != path.as_uri() and not url.startswith("data:")]

    yield show
    for page in pages:
        page.close()


def places(page):
    return page.frame.evaluate("[...document.querySelectorAll('path.circle')].map((c) => c.getAttribute('transform'))")


def at_rest(page):
    """Wait until the nodes have come to rest, and give where they are."""
    page.frame.wait_for_function(
        """() => {
            const now = document.querySelector("path.circle")?.getAttribute("transform");
            const rests = now && now === window.before;
            window.before = now;
            return rests;
        }""",
        polling=200,
        timeout=60_000,
    )
    return np.array([[float(v) for v in place[10:-1].split(",")] for place in places(page)])


@pytest.mark.parametrize("labelled", [True, False])
def test_the_graph_is_drawn_without_a_network(opened, shots, labelled):
    page, asked = opened(graph(labelled).to_html("Layer stem"))
    found = at_rest(page)
    page.shoot(shots / f"kepler-mapper-{labelled}.png")
    assert (page.frame.locator("path.circle").count(), page.frame.locator("line.link").count()) == (5, 4)
    assert np.isfinite(found).all()
    apart = np.linalg.norm(found[:, None] - found, axis=-1)
    assert apart[~np.eye(5, dtype=bool)].min() > 10
    # Neighbours in the chain are nearer than its ends are, in the middle of the picture.
    assert np.diagonal(apart, 1).max() < apart[0, 4]
    fills = page.frame.evaluate("[...document.querySelectorAll('path.circle')].map((c) => c.style.fill)")
    assert all(fill.startswith("rgb(") for fill in fills)
    assert len(set(fills)) > 1
    assert (asked, page.errors) == ([], [])


def test_no_name_runs_and_each_is_shown_as_it_is(opened, shots):
    page, asked = opened(graph().to_html(TITLE))
    at_rest(page)
    assert page.page.title() == f"{TITLE} | KeplerMapper"
    assert page.frame.locator("h1").inner_text().strip() == TITLE
    page.frame.locator("#tooltip_control").click()
    page.frame.locator("path.circle").first.hover()
    members = page.frame.locator(".list-of-members")
    assert members.locator("span").all_inner_texts() == [f"sample {100 + i}: {SHOWN[i]}" for i in range(4)]
    page.shoot(shots / "kepler-mapper-hostile.png")
    assert members.locator("img, script").count() == 0
    assert (asked, page.errors) == ([], [])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_title_and_a_class_of_any_name_cost_no_page(name):
    titled = MapperGraph(
        members=(np.array([0, 1]),),
        filter_means=np.zeros(1),
        intervals=np.zeros(1, dtype=int),
        edges=np.empty((0, 2), dtype=int),
        shared=np.empty(0, dtype=int),
        sample_ids=np.arange(2),
        labels=np.array([0, 1]),
        classes=(HOSTILE[name], "other"),
    ).to_html(HOSTILE[name])
    assert titled.encode()
    assert titled.count("<script") == 3
    assert "http" not in titled.replace("http-equiv", "").replace("http://www.w3.org", "").partition("const d3")[0]


def test_the_pages_own_functions_work_without_a_network(opened):
    page, _ = opened(graph().to_html())
    before = at_rest(page)
    node = page.frame.locator("path.circle").first
    box = node.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(*middle)
    page.page.mouse.down()
    page.page.mouse.move(middle[0] + 80, middle[1] + 40, steps=4)
    page.page.mouse.up()
    page.page.mouse.move(5, 300)
    assert np.linalg.norm(at_rest(page) - before, axis=1)[0] > 20
    page.page.mouse.wheel(0, -300)
    page.frame.wait_for_function("document.querySelector('#svg > g').getAttribute('transform')?.includes('scale(1.')")
    page.frame.locator("#meta_control").click()
    assert page.frame.locator("#meta_content .bin").count() == 10
    page.page.keyboard.press("p")
    assert page.frame.locator("body").get_attribute("id") == "print"
    page.frame.locator("#help_control").click()
    with page.page.expect_download() as download:
        page.frame.locator("#download-config").click()
    assert download.value.suggested_filename == "kmapper-config.json"
    assert page.errors == []
