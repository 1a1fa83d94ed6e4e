from __future__ import annotations

from harness import outlook
from harness.judges.feasibility import survey
from harness.reporting import outlook_page
from tests.unit.terraform.test_strategy import TABLE, read, strategy, surveyed


def test_the_text_says_the_verdict_the_way_back_the_evidence_and_the_change():
    told, _ = surveyed("active_passive")
    text = outlook_page.text(told, "active_passive")
    for words in (
        "held against the objectives of active_passive: promise broken",
        "reads, replica reads, writes from america, europe, asia",
        "never: no SECONDARY record: Route 53 has nothing else to answer with",
        "aws_route53_health_check.us: request_interval = 30",
        "the smallest change that comes closest (cannot tell)",
        "  - a record for each region that serves: the SECONDARY, without a check",
        "worse, and no cure: health checks, one for each record, that ask the writer",
    ):
        assert words in text, words


def test_the_markdown_has_a_table_that_holds_and_the_source_of_each_finding():
    told, _ = surveyed("active_active")
    lines = outlook_page.markdown(told, "active_active").splitlines()
    assert lines[0] == "## Failover feasibility: promise broken"
    table = [line for line in lines if line.startswith("|")]
    assert len(table) > 2
    assert {line.count("|") - line.count("\\|") for line in table} == {8}
    assert sum("[AWS](https://docs.aws.amazon.com/" in line for line in lines) == len(told.singles.details)


def test_what_is_not_known_is_said_as_such():
    plan = strategy.hardened()
    told = survey(read(plan, complete=False), outlook.owed(TABLE, "active_passive"))
    assert "not known: plan.json: complete is not known yet" in outlook_page.text(told, "active_passive")
    assert "**not known yet**: plan.json: complete" in outlook_page.markdown(told, "active_passive")
