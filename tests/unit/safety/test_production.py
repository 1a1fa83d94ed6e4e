"""Which names speak of production."""

from __future__ import annotations

import pytest

from harness.safety.production import spoken_of


@pytest.mark.parametrize(
    "name",
    [
        "production", "agentauri-production-alb", "PRODUCTION", "preproduction", "non-production", "reproduction-db",
        "prod", "agentauri-prod", "prod_db", "db.PROD.internal", "prod2", "eu1-prod", "AgentAuriProd", "prdDatabase",
        "arn:aws:rds:us-east-1:123456789012:db:prd-7",
    ],
)  # fmt: skip
def test_any_doubt_is_production(name):
    assert spoken_of(["agentauri", name, "twin"]) == name


@pytest.mark.parametrize(
    "name",
    ["staging", "product", "products-api", "producer", "reproduce", "live-events", "deliver", "Produce", "twin", ""],
)
def test_an_everyday_word_is_not(name):
    assert spoken_of([name]) is None


def test_nothing_said_is_nothing_found():
    assert spoken_of([]) is None
