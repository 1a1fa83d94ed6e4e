"""The whole site of fabricated runs, looked at in headless Chromium; and that the look can find what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from harness.reporting import phase_report, single_file
from harness.reporting.site import Site
from tests.browser import fabricated_site
from tests.browser.browser import CHROMIUM, chromium, opened
from tests.browser.inspection import inspect

pytestmark = [
    pytest.mark.skipif(CHROMIUM() is None, reason="Chromium is not installed"),
    pytest.mark.skipif(not phase_report.ALLURE.exists(), reason="Allure is not installed: `make setup`"),
    pytest.mark.timeout(120),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return fabricated_site.make(tmp_path_factory.mktemp("site"))


def test_nothing_leaves_a_page_and_nothing_is_empty_or_overlaps(browser: Browser, site: Site) -> None:
    seen = inspect(browser, site.index.parent, site.told)
    assert not seen.problems
    names = {picture.stem for picture in seen.pictures}
    assert {"index", "trends", "changes", "runbook", "phase-active_passive", "test-active_passive", "run-unknown",
            "interactive-unknown", "run-kept", "run-dark", "run-grey"} <= names  # fmt: skip
    assert all(picture.stat().st_size > 5_000 for picture in seen.pictures)


def test_the_single_file_needs_nothing_beside_it(browser: Browser, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "alone.html"
    file.write_text(single_file.html(site))
    with opened(browser, file) as sight:
        assert not sight.strange
        assert not sight.failed
        assert sight.page.evaluate("Array.from(document.images).every(one => one.naturalWidth > 0)")
        for link in sight.page.locator("a[href^='#']").all():
            target = link.get_attribute("href") or ""
            assert target == "#" or sight.page.locator(f"[id='{target[1:]}']").count() == 1, target


def test_a_page_that_calls_home_or_is_empty_is_found(browser: Browser, tmp_path: Path) -> None:
    bad = tmp_path / "index.html"
    bad.write_text(
        "<body style='background:#fff'><img src='http://127.0.0.1:9/pixel.png'><p style='color:#eee'>faint</p>"
        "<table><tr><th>head</th></tr></table><p>one</p><p style='margin-top:-30px'>other</p>"
        "<div style='width:3000px'>wide</div></body>"
    )
    problems = " ".join(inspect(browser, tmp_path, {"runs": []}).problems)
    for word in ("asks http://127.0.0.1:9", "not shown", "contrast", "tables are empty", "overlap", "wider"):
        assert word in problems
