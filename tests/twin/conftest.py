"""A whole twin for each module that asks for one: left running it would take the time of the tests after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness import target
from harness.cloud.estate import Estate
from harness.session import reach_twin
from tests.contract.whole import REPOSITORY, running


@pytest.fixture(scope="module")
def passive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """The hardened 7.2, ten times as fast as AWS: not so fast that a busy machine looks like a writer out of reach."""
    wanted = target.load(REPOSITORY / "targets" / "twin.toml")
    with running(tmp_path_factory.mktemp("home"), design="active_passive", speed=10) as twin:
        yield reach_twin(wanted, twin.state)
