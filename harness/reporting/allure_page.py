"""Allure's page made ours: nothing in it calls home, a verdict has our word and colour, the chart stands on top."""

from __future__ import annotations

import json
import re

from harness.reporting import palette
from harness.verdicts import Ruling

STATUSES = {Ruling.KEPT: "passed", Ruling.UNKNOWN: "broken", Ruling.BROKEN: "failed"}
"""What Allure calls a ruling. Its *broken* is our *cannot tell*, so its own words would say the contrary of ours."""

_ANALYTICS = re.compile(
    r"<script[^>]*\bsrc=\"https?://[^>]*></script>|<script[^>]*>(?:(?!</script>)[\s\S])*?\bgtag\([\s\S]*?</script>"
)
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'self\' file: data: blob: '
    "'unsafe-inline' 'unsafe-eval'; connect-src 'self' data: blob:; form-action 'none'\">"
)
_LINKS = """
document.addEventListener("load", event => {
  const inside = event.target.tagName === "IFRAME" && event.target.contentDocument;
  if (inside) inside.addEventListener("click", click => {
    const link = click.target.closest && click.target.closest("a[href]");
    if (link) { click.preventDefault(); window.open(link.href); }
  });
}, true);
"""
"""Allure shows a description in a frame that may not run scripts; what is linked there needs a window of its own."""
_WORDING = """
const ours = %s;
const said = new RegExp("^(\\\\d+ )?(" + Object.keys(ours).join("|") + ")( \\\\(.*\\\\))?$", "i");
const say = node => {
  const found = said.exec(node.data.trim());
  if (found) node.data = (found[1] || "") + ours[found[2].toLowerCase()] + (found[3] || "");
};
const sayAll = root => {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) say(texts.currentNode);
};
new MutationObserver(changes => changes.forEach(change => {
  if (change.type === "characterData") say(change.target);
  change.addedNodes.forEach(node => node.nodeType === 3 ? say(node) : sayAll(node));
})).observe(document, { subtree: true, childList: true, characterData: true });
"""
"""Whatever Allure writes as a status, alone or with its count, is written in our words."""
_ON_TOP = """
div:has(> div > div > div > iframe) { display: flex; flex-direction: column; }
div:has(> div > div > iframe) { order: -1; }
"""
"""The description, which begins with the chart, before labels and links."""


def at_home(page: str) -> str:
    """The page without scripts that call home, under a policy that lets none; links open, and a verdict is ours."""
    clean = _ANALYTICS.sub("", page)
    words = {status: ruling.wording for ruling, status in STATUSES.items()}
    scripts = f"<script>{_LINKS}{_WORDING % json.dumps(words)}</script>"
    return clean.replace("<head>", f"<head>\n{_POLICY}\n{scripts}\n<style>{_colours()}{_ON_TOP}</style>", 1)


def _colours() -> str:
    """Allure's own variables for a status, set to the ruling's colour on light and dark pages alike."""
    told = []
    for ruling, status in STATUSES.items():
        name = f"--color-status-{status}"
        told += [f"{name}{part}: {ruling.colour} !important;" for part in ("-bg", "-border", "-chart", "-chart-fill")]
        told.append(f"{name}-on-bg: {palette.on(ruling.colour)} !important;")
    return f"\nhtml, :root, [data-theme] {{ {' '.join(told)} }}\n"
