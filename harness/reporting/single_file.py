"""The whole report in one file, to send to people: our pages one below the other, pictures and all.

Left out are Allure's reports and the interactive pages with their raw events, which have scripts of their own.
"""

from __future__ import annotations

from harness.reporting import changes_page, dossier, evidence, markup, matrix_page, pages, telling, trends_page
from harness.reporting.site import Site


def html(site: Site) -> str:
    """One page that needs nothing beside it."""
    runs = site.told["runs"]
    parts = {"trends": ("from night to night", trends_page.content(site.known, site.found))}
    if site.matrix is not None:
        addresses = {run["run"]: f"#{run['run']}" for run in runs}
        parts["matrix"] = ("decision matrix", matrix_page.content(site.matrix, addresses))
    if site.changes:
        parts["changes"] = ("what to change", changes_page.content(site.changes))
    others = {f"#{name}": words for name, (words, _) in parts.items()}
    body = pages.content(site.told, site.phases, others, beside=False)
    for one, run in zip(site.finished, runs, strict=True):
        own = evidence.content(run, dossier.of(one.folder), pages.about([run]), telling.picture(one.folder))
        body += [f'<hr id="{markup.escape(run["run"])}">', *own, '<p class="faint"><a href="#">to the top</a></p>']
    for name, (_, part) in parts.items():
        body += [f'<hr id="{name}">', *part]
    return markup.page("Game day", "\n".join(body))
