"""Allure's page made ours; how it looks then is seen in ``tests/browser``."""

from __future__ import annotations

import re

from harness.reporting.allure_page import STATUSES, at_home
from harness.verdicts import Ruling


def test_analytics_are_cut_and_the_rest_stays():
    page = (
        "<html><head><title>x</title></head><body><script>window.allure = 1;</script>\n"
        '<script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>\n'
        "<script>\nfunction gtag(){dataLayer.push(arguments);}\ngtag('js', new Date());\n</script>"
        '<script src="data:text/javascript;base64,AAAA"></script></body></html>'
    )
    clean = at_home(page)
    assert "gtag" not in clean
    assert "window.allure = 1" in clean
    assert "base64,AAAA" in clean


def test_every_ruling_has_its_status_and_its_own_colour_and_word():
    page = at_home("<html><head></head></html>")
    assert set(STATUSES) == set(Ruling)
    for ruling, status in STATUSES.items():
        assert re.search(rf"--color-status-{status}-bg: {ruling.colour} !important", page)
        assert f'"{status}": "{ruling.wording}"' in page


def test_the_policy_comes_before_everything_else():
    page = at_home("<html><head><script>first()</script></head></html>")
    assert page.index("Content-Security-Policy") < page.index("<script>")
