"""The entry of a twin that is sabotaged: ``tests.trust.sabotaged_twin:NAME`` serves the design with that mutation.

It runs in the twin's root process, as ``harness.twin.world:main`` does for the catalogue's designs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from unittest import mock

from harness.twin import world
from harness.twin.designs import catalogue
from harness.twin.engines import apps
from harness.twin.handover import Handover
from tests.trust.designs import MUTATIONS, Mutation

_BEGIN = "main()\n"


def __getattr__(name: str) -> Callable[[Handover], None]:
    """The entry for a mutation by its name."""
    if name not in MUTATIONS:
        raise AttributeError(f"there is no mutation {name}")
    return partial(serve, MUTATIONS[name])


def serve(mutation: Mutation, handover: Handover) -> None:
    """The world of the mutated design; where the application is sabotaged, so is the process that tasks come from."""
    design = mutation.change(catalogue.design(handover.design, handover.version))
    with mock.patch.object(apps, "_LAUNCH", launch(mutation.app) if mutation.app else apps._LAUNCH):
        world.serve(handover, design)


def launch(function: str) -> str:
    """The zygote's program with a function of ``tests.trust.sabotaged_app`` called before it begins."""
    head, begin, rest = apps._LAUNCH.rpartition(_BEGIN)
    if not begin or rest:
        raise ValueError("the zygote's program does not end with its main")
    return f"{head}from tests.trust import sabotaged_app\nsabotaged_app.{function}()\n{begin}"
