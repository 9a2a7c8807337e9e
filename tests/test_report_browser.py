"""The page in a real browser: the system's Chromium, driven by Playwright. Left out where either is missing."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from ganaug import quality_report
from ganaug.report import build

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# a greenlet that Playwright has not ended yet, and the socket of its event loop
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
# What this machine may take; seconds of the browser's own work, for on a busy machine the clock says little.
SECONDS = 2.0


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    rng = np.random.default_rng(0)

    def table(n):
        y = np.arange(n) % 3
        X = pd.DataFrame(rng.normal(size=(n, 4)) + y[:, None], columns=["age", "amount", EVIL, "balance"])
        X["kind"] = pd.Categorical(rng.choice(["a", EVIL, "c"], n))
        X["home"] = pd.Categorical(np.where(X["kind"] == "a", "own", rng.choice(["rent", "own"], n)))
        return X, pd.Series(np.array(["no", "yes", EVIL], dtype=object)[y])

    out = tmp_path_factory.mktemp("report") / "report.html"
    report = quality_report(table(150), *table(180), title=f"Trial {EVIL}", verbose=False)
    report.to_html(out)
    return out


@pytest.fixture
def visit(browser):
    """Open a page; every error in its console, and every request but for itself, fails the test."""
    pages, faults = [], []

    def open_(path, **options):
        page = browser.new_page(viewport={"width": 1280, "height": 900}, **options)
        pages.append(page)
        page.set_default_timeout(120_000)  # other work may have the machine
        page.on(
            "console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:")) else faults.append(request.url),
        )
        page.goto(path.as_uri())
        page.wait_for_function("document.documentElement.dataset.ready === 'yes'")
        return page

    yield open_
    for page in pages:
        page.close()
    assert not faults


def shown(page, selector):
    return page.locator(f"{selector}:visible").count()


def test_every_tab_draws_its_charts(visit, path):
    page = visit(path)
    names = page.eval_on_selector_all(".tabs a", "tabs => tabs.map(tab => tab.dataset.panel)")
    assert names == ["overview", "classes", "columns", "together", "samples", "measures", "guide"]
    for name in names:
        page.click(f"#tab-{name}")
        assert shown(page, ".panel") == 1 and page.is_visible(f"#{name}")
        for holder in page.query_selector_all(f"#{name} .chart:visible"):
            holder.scroll_into_view_if_needed()
        page.wait_for_function(
            "name => [...document.querySelectorAll(`#${name} .chart`)].every("
            "chart => !chart.checkVisibility() || chart.querySelector('svg[aria-label]'))",
            arg=name,
        )
    wrong = page.evaluate(
        "[...document.querySelectorAll('svg *')].filter(node => "
        "[...node.attributes].some(a => /NaN|undefined|Infinity/.test(a.value))).length"
    )
    assert wrong == 0


def test_tabs_go_by_the_keyboard(visit, path):
    page = visit(path)
    page.focus("#tab-overview")
    keys = ["ArrowRight", "ArrowRight", "End", "ArrowRight", "ArrowLeft", "Home"]
    for key, name in zip(keys, ["classes", "columns", "guide", "overview", "guide", "overview"], strict=True):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.id") == f"tab-{name}"
        assert page.get_attribute(f"#tab-{name}", "aria-selected") == "true"
        assert page.eval_on_selector_all(".tabs a", "tabs => tabs.filter(tab => tab.tabIndex === 0).length") == 1
        assert page.is_visible(f"#{name}") and shown(page, ".panel") == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "overview", "from the tab into its panel"


def test_the_filter_the_class_and_the_order(visit, path):
    page = visit(path)
    page.click("#tab-columns")
    assert shown(page, "#column-list > li") == 6
    page.fill("#column-filter", "A")
    assert shown(page, "#column-list > li") == 4, "age, amount, balance, and that of the script"
    page.fill("#column-filter", "amount")
    assert page.inner_text("#column-count") == "1 of 6 columns"
    before = page.inner_html('#column-list [data-column="1"] .chart svg')
    page.select_option("#column-class", label="yes")
    changed = "before => document.querySelector('#column-list [data-column=\"1\"] .chart svg')?.innerHTML !== before"
    page.wait_for_function(changed, arg=before)
    page.fill("#column-filter", "")
    page.select_option("#column-order", "given")
    assert page.eval_on_selector_all("#column-list > li", "cards => cards.map(card => card.dataset.column)") == list(
        "012345"
    )


def test_the_map_hides_a_side(visit, path):
    page = visit(path)
    page.click("#tab-together")
    page.locator('[data-chart="map:1"]').scroll_into_view_if_needed()
    page.wait_for_selector('[data-chart="map:1"] circle')
    page.uncheck("#map-real")
    assert page.locator('[data-chart="map:1"] circle').count() == 0
    page.select_option("#map-class", "0")
    assert page.locator('[data-chart="map:1"] path.faded').count() == 1


def test_a_class_opens_from_its_line(visit, path):
    page = visit(path)
    page.click("#tab-classes")
    page.click('[data-goes="class-1"]')
    assert page.get_attribute("#class-1", "open") is not None
    page.wait_for_selector("#class-1 .chart svg")


def test_a_hostile_name_is_text(visit, path):
    page = visit(path)
    page.click("#tab-columns")
    assert EVIL in page.inner_text("#columns")
    assert page.locator("script").count() == 2 and page.locator("img").count() == 0


def test_light_and_dark(visit, path):
    def colours(scheme):
        page = visit(path, color_scheme=scheme)
        return page.evaluate(
            "[document.body, document.querySelector('.card')].map(node => "
            "[getComputedStyle(node).backgroundColor, getComputedStyle(node).color])"
        )

    def brightness(colour):
        return sum(map(int, colour[4:-1].split(",")))

    for back, ink in colours("light"):
        assert brightness(back) > brightness(ink) + 300
    for back, ink in colours("dark"):
        assert brightness(back) + 300 < brightness(ink)


def test_print_shows_every_tab_and_chart(visit, path, tmp_path):
    page = visit(path)
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").stat().st_size > 20_000
    page.emulate_media(media="print")
    assert shown(page, ".panel") == page.locator(".panel").count()
    assert shown(page, ".tabs") == 0
    page.wait_for_function("[...document.querySelectorAll('.chart')].every(chart => chart.dataset.drawn)")


def test_without_scripts_all_words_and_figures_are_there(browser, path):
    page = browser.new_page(java_script_enabled=False)
    page.goto(path.as_uri())
    text = page.inner_text("body")
    page.close()
    assert "drawn by a script" in text and "Measures over all samples" in text and "How to read this" in text


def test_nothing_is_wider_than_a_telephone(visit, path):
    page = visit(path)
    page.set_viewport_size({"width": 390, "height": 800})
    for name in page.eval_on_selector_all(".tabs a", "tabs => tabs.map(tab => tab.dataset.panel)"):
        page.click(f"#tab-{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


def test_200_columns_of_20_classes_open_in_two_seconds(visit, tmp_path, monkeypatch):
    from test_report import wide_report

    monkeypatch.setattr(build, "RESAMPLES", 0)
    wide_report().to_html(tmp_path / "wide.html")
    page = visit(tmp_path / "wide.html")
    meter = page.context.new_cdp_session(page)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})
    spent = []
    for _ in range(2):
        before = {m["name"]: m["value"] for m in meter.send("Performance.getMetrics")["metrics"]}
        page.reload()
        page.wait_for_function("document.documentElement.dataset.ready === 'yes'")
        after = {m["name"]: m["value"] for m in meter.send("Performance.getMetrics")["metrics"]}
        # a reload may begin the count again
        spent.append(
            after["TaskDuration"] - min(before["TaskDuration"], after["TaskDuration"]) or after["TaskDuration"]
        )
    assert min(spent) < SECONDS
    page.click("#tab-columns")
    page.fill("#column-filter", "column 19")
    assert page.inner_text("#column-count") == "11 of 201 columns"
