"""Pictures of a report for the documentation: light and dark, narrow, a class, print.

    python examples/benchmarks/screenshots.py report.html

Needs Playwright (``pip install playwright``) and a Chromium of the system; ``ganaug report`` writes the page.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from common import OUT, ROOT

FOLDER = ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    address = parser.parse_args(arguments).page.resolve().as_uri()
    from playwright.sync_api import sync_playwright

    OUT.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        path = next(filter(None, map(shutil.which, BROWSERS)))
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])

        def opened(**options):
            page = browser.new_page(**options)
            page.set_default_timeout(240_000)
            page.goto(address)
            page.wait_for_function("document.documentElement.dataset.ready === 'yes'")
            return page

        for scheme in ("light", "dark"):
            page = opened(viewport={"width": 1100, "height": 800}, color_scheme=scheme)
            page.screenshot(path=FOLDER / f"report_{scheme}.png")
            for name in ("classes", "columns", "together", "samples", "measures", "guide"):
                page.click(f"#tab-{name}")
                if name == "classes":
                    page.locator("[data-goes]").first.click()
                page.wait_for_timeout(500)
                page.screenshot(path=OUT / f"report_{scheme}_{name}.png")
        page = opened(viewport={"width": 390, "height": 800})
        page.screenshot(path=OUT / "report_narrow.png")
        page.click("#tab-columns")
        page.wait_for_timeout(500)
        page.screenshot(path=OUT / "report_narrow_columns.png")
        page.pdf(path=OUT / "report.pdf", format="A4")
        page.set_viewport_size({"width": 794, "height": 1123})  # A4
        page.emulate_media(media="print")
        page.wait_for_function("[...document.querySelectorAll('.chart')].every(chart => chart.dataset.drawn)")
        page.screenshot(path=OUT / "report_print.png", full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
