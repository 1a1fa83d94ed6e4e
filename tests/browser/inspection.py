"""What must be so of every page of a site: seen in a browser, told as problems in words, kept as pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from harness.clock import monotonic_nanoseconds
from harness.reporting.telling import CHART_FILE, PAGE_FILE
from harness.verdicts import Ruling
from tests.browser.browser import HEIGHT, Sight, opened

SHOTS = "screenshots"
"""Below the site, the pictures of it."""
_SCROLLS = "Array.from(document.querySelectorAll('.wide')).some(one => one.scrollWidth > one.clientWidth + 1)"
_CHART = "img[alt='the experiment']"


@dataclass
class Seen:
    """What came of looking at a site. ``opening_seconds``: of each phase's report, until its tests can be read."""

    pages: int = 0
    problems: list[str] = field(default_factory=list)
    opening_seconds: dict[str, float] = field(default_factory=dict)
    pictures: list[Path] = field(default_factory=list)


def inspect(browser: Browser, site: Path, told: Mapping[str, Any]) -> Seen:
    """Look at the whole site of a session; ``told`` is its ``verdict.json``. Pictures go to ``site/screenshots``."""
    seen = Seen()
    (site / SHOTS).mkdir(exist_ok=True)
    for page in sorted(site.glob("*.html")):
        _look(browser, seen, site, page, page.stem, fits=True)
        _look(browser, seen, site, page, f"{page.stem}-dark", dark=True)
    phases = sorted({run["phase"] for run in told["runs"]})
    for phase in phases:
        if (site / phase / "index.html").exists():
            _phase(browser, seen, site, phase)
    for run in told["runs"]:
        _chart(browser, seen, site / "runs" / run["run"] / CHART_FILE, run["run"].rpartition("/")[2])
    shown = list(_told_apart(told["runs"]))
    for run in shown:
        folder = site / "runs" / run["run"]
        _look(browser, seen, site, folder / "index.html", f"run-{run['ruling'].lower()}", whole=True)
        _interactive(browser, seen, site, folder / PAGE_FILE, f"interactive-{run['ruling'].lower()}")
    for run in shown[:1]:
        page = site / "runs" / run["run"] / "index.html"
        _look(browser, seen, site, page, "run-dark", dark=True)
        _look(browser, seen, site, page, "run-grey", grey=True)
    return seen


def _told_apart(runs: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """One run of each ruling, the worst first; of a ruling's runs the first with a fault, that there is most to see."""
    for ruling in sorted(Ruling, reverse=True):
        own = [run for run in runs if run["ruling"] == ruling.name]
        if own:
            yield max(own, key=lambda run: (len(run["faults"]), len(run["anatomy"])))


def _look(
    browser: Browser,
    seen: Seen,
    site: Path,
    page: Path,
    name: str,
    *,
    whole: bool = False,
    fits: bool = False,
    **light: bool,
) -> None:
    with opened(browser, page, **light) as sight:
        if sight.wide():
            seen.problems.append(f"{name}: wider than the window")
        if fits and sight.page.evaluate(_SCROLLS):
            seen.problems.append(f"{name}: a table is wider than the window")
        seen.problems += [f"{name}: texts overlap: {pair}" for pair in sight.overlaps()]
        broken = sight.page.evaluate("Array.from(document.images).filter(one => !one.naturalWidth).length")
        if broken:
            seen.problems.append(f"{name}: {broken} pictures are not shown")
        empty = sight.page.evaluate(
            "Array.from(document.querySelectorAll('table:not(.short)')).filter(one => one.rows.length < 2).length"
        )
        if empty:
            seen.problems.append(f"{name}: {empty} tables are empty")
        faint = _faint(sight.page)
        if faint:
            seen.problems.append(f"{name}: text and paper have too little contrast: {faint}")
        _common(sight, seen, name)
        _shoot(sight, seen, site, name, whole=whole)


def _chart(browser: Browser, seen: Seen, picture: Path, name: str) -> None:
    """A chart is a picture to the pages that show it: its words can only be looked at in a page of its own."""
    with opened(browser, picture) as sight:
        seen.problems += [f"{name}: texts overlap in the chart: {pair}" for pair in sight.overlaps()]
        seen.problems += [f"{name}: cut off in the chart: {text}" for text in sight.cut_off()]
        _common(sight, seen, f"{name}'s chart")


def _common(sight: Sight, seen: Seen, name: str) -> None:
    seen.pages += 1
    seen.problems += [f"{name}: asks {address}" for address in sight.strange]
    seen.problems += [f"{name}: {error}" for error in sight.failed]


def _shoot(sight: Sight, seen: Seen, site: Path, name: str, *, whole: bool = False) -> None:
    path = site / SHOTS / f"{name}.png"
    sight.page.screenshot(path=str(path), full_page=whole)
    seen.pictures.append(path)


def _phase(browser: Browser, seen: Seen, site: Path, phase: str) -> None:
    """Allure's report: its tests are listed soon, each shows its chart without a click, in our words."""
    began = monotonic_nanoseconds()
    with opened(browser, site / phase / "index.html") as sight:
        groups, rows = (sight.page.locator(f"[data-testid='{kind}']") for kind in ("tree-section", "tree-leaf"))
        groups.first.wait_for(timeout=20_000)
        seen.opening_seconds[phase] = (monotonic_nanoseconds() - began) / 1e9
        _shoot(sight, seen, site, f"phase-{phase}")
        if not rows.count():
            groups.first.click()  # where all is well, Allure folds every group
        rows.first.click()
        chart = sight.page.frame_locator("iframe").locator(_CHART)
        chart.wait_for(timeout=10_000)
        box = chart.bounding_box()
        if box is None or box["y"] > HEIGHT / 3 or not chart.evaluate("one => one.naturalWidth"):
            seen.problems.append(f"{phase}: the chart is not at the top of its test: {box}")
        _shoot(sight, seen, site, f"test-{phase}")
        words = sight.page.inner_text("body").lower()
        if "\nbroken\n" in words or "\npassed\n" in words or "\nfailed\n" in words:
            seen.problems.append(f"{phase}: a verdict is told in words that are not ours")
        _common(sight, seen, phase)


def _interactive(browser: Browser, seen: Seen, site: Path, page: Path, name: str) -> None:
    """Every panel of the interactive page has points in it."""
    with opened(browser, page) as sight:
        sight.page.wait_for_timeout(300)
        panels = sight.page.evaluate(
            "Array.from(document.querySelectorAll('.js-plotly-plot')).flatMap(plot => {"
            " const axes = Object.keys(plot.layout).filter(name => name.startsWith('yaxis'));"
            " return axes.map(name => [plot.layout[name].title.text,"
            "  plot.data.filter(one => (one.yaxis || 'y') === name.replace('yaxis', 'y'))"
            "   .reduce((sum, one) => sum + one.x.length, 0)]); })"
        )
        seen.problems += [f"{name}: the panel {title} is empty" for title, points in panels if not points]
        _common(sight, seen, name)
        _shoot(sight, seen, site, name)


def _faint(page: Page) -> list[str]:
    """Texts whose contrast with what is behind them is below 4.5 (W3C's relative luminance)."""
    found: list[str] = page.evaluate(_CONTRAST)
    return found


_CONTRAST = """() => {
  const parse = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 ? colour.length === 3 : colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  for (const one of document.querySelectorAll("p, td, th, h1, h2, h3, a, b, li, summary")) {
    if (!one.checkVisibility() || !one.innerText.trim()) continue;
    const [ink, paper] = [light(parse(getComputedStyle(one).color)), light(behind(one))];
    if ((Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05) < 4.5) found.add(one.innerText.slice(0, 30));
  }
  return Array.from(found);
}"""
