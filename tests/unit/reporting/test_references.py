"""Where a reader goes on: every component, every exit code."""

from __future__ import annotations

import re

import pytest

from harness.reporting import references, telling
from harness.verdicts import Exit


@pytest.mark.parametrize("code", list(Exit))
def test_every_exit_code_has_its_place_in_the_runbook(code: Exit) -> None:
    name, _, anchor = references.runbook(code).partition("#")
    assert name == references.RUNBOOK_FILE
    assert f'id="{anchor}"' in references.runbook_page()


def test_every_component_has_what_aws_says_of_it() -> None:
    for component in set(telling._COMPONENTS.values()) - {"whole platform"}:
        assert references.of_component(component), component
    assert not references.of_component("platform")


def test_the_page_of_figures_leads_nowhere_that_the_site_has_not() -> None:
    page = references.measuring_page()
    assert "<h2>Recovery time (RTO)</h2>" in page
    assert ".md" not in "".join(re.findall(r'href="([^"]*)"', page))
    assert "code's docstrings" in page.replace("’", "'")
