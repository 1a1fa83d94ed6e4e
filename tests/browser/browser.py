"""Headless Chromium, alone with the pages: what it asks for, what fails in it, how long it takes, what is seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from harness import provision

CHROMIUM = provision.CHROMIUM.find
WIDTH, HEIGHT = 1280, 900
_QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage")  # fmt: skip
_AT_HOME = ("file:", "data:", "blob:", "about:")


@dataclass
class Sight:
    """An open page, with what it asked for and what failed in it since it was opened."""

    page: Page
    asked: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def strange(self) -> list[str]:
        """Whatever it asked of anybody but this folder."""
        return [address for address in self.asked if not address.startswith(_AT_HOME)]

    def wide(self) -> bool:
        """Whether it is wider than the window, so that one must scroll sideways."""
        found: bool = self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
        return found

    def cut_off(self) -> list[str]:
        """Of a picture, the texts that reach beyond its edge."""
        found: list[str] = self.page.evaluate(_CUT_OFF)
        return found

    def overlaps(self) -> list[str]:
        """Pairs of texts that lie on one another, as the words that do."""
        found: list[str] = self.page.evaluate(_OVERLAPS)
        return found


_OVERLAPS = """() => {
  const boxes = [];
  const texts = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (!node.data.trim() || !node.parentElement.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) if (box.width > 2) boxes.push([box, node.data.trim().slice(0, 40)]);
  }
  boxes.sort((one, other) => one[0].top - other[0].top);
  const found = [];
  for (let i = 0; i < boxes.length; i++)
    for (let j = i + 1; j < boxes.length && boxes[j][0].top < boxes[i][0].bottom - 3; j++) {
      const [one, other] = [boxes[i][0], boxes[j][0]];
      const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (across > 3 && down > 4) found.push(boxes[i][1] + " / " + boxes[j][1]);
    }
  return found;
}"""


_CUT_OFF = """() => {
  const edge = document.documentElement.getBoundingClientRect();
  return Array.from(document.querySelectorAll("text"))
    .filter(one => { const box = one.getBoundingClientRect();
                     return box.left < edge.left - 1 || box.right > edge.right + 1 ||
                            box.top < edge.top - 1 || box.bottom > edge.bottom + 1; })
    .map(one => one.textContent.trim());
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own, which ends with the block."""
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM(), args=list(_QUIET))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, file: Path, *, dark: bool = False, grey: bool = False) -> Iterator[Sight]:
    """A page from disk, loaded; light or dark, and as somebody sees it who sees no colours."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark" if dark else "light")
    sight = Sight(page)
    page.on("request", lambda request: sight.asked.append(request.url))
    page.on("pageerror", lambda error: sight.failed.append(str(error)))
    page.on("console", lambda said: sight.failed.append(said.text) if said.type == "error" else None)
    if grey:
        tools = page.context.new_cdp_session(page)
        tools.send("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia"})
    page.goto(file.resolve().as_uri())
    try:
        yield sight
    finally:
        page.close()
