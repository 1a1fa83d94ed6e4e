"""The floors of the house: a module imports only from floors below its own, and some doors are one person wide."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]

# Longest prefix wins. Within a floor anybody may call anybody.
FLOORS = {
    "harness.clock": 0,
    "harness.errors": 0,
    "harness.processes": 0,
    "harness": 1,  # the package itself gives out floors 0 and 1
    "harness.card": 1,
    "harness.topology": 1,
    "harness.procedures": 1,
    "harness.faults": 1,
    "harness.objectives": 1,
    "harness.expectations": 1,
    "harness.phases": 1,
    "harness.prices": 1,
    "harness.verdicts": 1,
    "harness.events": 1,
    "harness.configuration": 1,
    "harness.timings": 1,
    "harness.files": 2,
    "harness.timeline": 2,
    "harness.requests": 2,
    "harness.ledger": 2,
    "harness.undo": 2,
    "harness.inventory": 2,
    "harness.header": 2,
    "harness.seal": 2,
    "harness.marks": 2,
    "harness.record": 2,
    "harness.following": 2,
    "harness.judges": 3,
    "harness.comparison": 3,
    "harness.matrix": 3,
    "harness.target": 4,
    "harness.cloud": 4,
    "harness.terraform": 4,
    "harness.data": 4,
    "harness.probes": 4,
    "harness.safety": 4,
    "harness.load": 4,
    "harness.generators": 4,
    "harness.outposts": 4,
    "harness.reserve": 4,
    "harness.runbooks": 4,
    "harness.reporting": 5,
    "harness.provision": 6,
    "harness.console": 6,
    "harness.view": 6,
    "harness.script": 6,
    "harness.clients": 6,
    "harness.sights": 6,
    "harness.lookout": 6,
    "harness.catalogue": 6,
    "harness.session": 6,
    "harness.experiment": 6,
    "harness.heading": 6,
    "harness.flight": 6,
    "harness.hindsight": 6,
    "harness.aftermath": 6,
    "harness.outlook": 6,
    "harness.plan": 6,
    "harness.handbook": 6,
    "harness.explanation": 6,
    "harness.gameday": 6,
    "harness.plugin": 6,
    "harness.runner": 6,
    "harness.runs": 6,
    "harness.repair": 6,
    "harness.commands": 6,
    "harness.cli": 6,
}
# The doors that may start the twin or read where it runs.
TWIN_DOORS = {
    "harness.session",
    "harness.outlook",
    "harness.runner",
    "harness.commands.twin",
    "harness.plugin",
    "harness.explanation",
}
PORTERS = {
    "boto3": "harness.cloud",
    "botocore": "harness.cloud",
    "time": "harness.clock",
    "moto": "harness.twin.api.moto_gateway",
    "allure": ("harness.reporting", "harness.gameday"),
}


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (HOME / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(HOME).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def floor(name: str) -> int | None:
    fitting = [prefix for prefix in FLOORS if name == prefix or name.startswith(f"{prefix}.")]
    longest = max(fitting, key=len, default=None)
    if longest == "harness" and name != "harness" and (HOME / (name.replace(".", "/") + ".py")).exists():
        return None  # a module of the house that nobody gave a floor
    return FLOORS[longest] if longest else None


def is_twin(name: str) -> bool:
    return name.startswith("harness.twin")


@pytest.mark.parametrize("path", modules("harness"), ids=name_of)
def test_a_module_imports_only_from_its_own_floor_or_below(path):
    name = name_of(path)
    if is_twin(name):
        allowed = ("harness.clock", "harness.errors", "harness.processes", "harness.twin")
        outside = {used for used in imports_of(path) if used.startswith("harness") and not used.startswith(allowed)}
        assert not outside, f"{name} stands alone on floor 0; it imports {outside}"
        return
    own = floor(name)
    assert own is not None, f"{name} has no floor: give it one in this test and in docs/architecture.md"
    for used in imports_of(path):
        if is_twin(used):
            assert name in TWIN_DOORS, f"{name} imports {used}; only {sorted(TWIN_DOORS)} may"
        elif used.startswith("harness."):
            assert (floor(used) or 0) <= own, f"{name} (floor {own}) imports {used} (floor {floor(used)})"


@pytest.mark.parametrize("path", modules("harness", "loadtests", "scenarios"), ids=name_of)
def test_only_the_porter_opens_the_door(path):
    name = name_of(path)
    for used in imports_of(path):
        porter = PORTERS.get(used.split(".")[0])
        if porter and not used.startswith("harness"):
            assert name.startswith(porter) or is_gateway(name, used), f"{name} imports {used}; only {porter} may"


def is_gateway(name: str, used: str) -> bool:
    return name == "harness.twin.api.moto_gateway" and used.startswith("botocore")


@pytest.mark.parametrize("path", modules("loadtests"), ids=name_of)
def test_the_load_knows_only_the_ground_and_the_record(path):
    for used in imports_of(path):
        if used.startswith("harness."):
            assert (floor(used) or 0) <= 2, f"{name_of(path)} imports {used}: boto3 would come along"


@pytest.mark.parametrize("path", modules("scenarios"), ids=name_of)
def test_a_scenario_imports_the_harness_and_nothing_else(path):
    assert {used.split(".")[0] for used in imports_of(path)} <= {"harness"}
    assert all(used.count(".") == 1 for used in imports_of(path)), "only names that `harness` itself gives out"


@pytest.mark.parametrize("path", modules("harness", "loadtests", "tests"), ids=name_of)
def test_a_function_is_under_seventy_lines_and_a_module_fits_in_the_head(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 440, f"{name_of(path)} has {len(text.splitlines())} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length < 70, f"{name_of(path)}.{node.name} has {length} lines"


@pytest.mark.parametrize("path", modules("harness", "loadtests"), ids=name_of)
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text())), name_of(path)


def test_importing_the_harness_drags_in_no_tool():
    import subprocess
    import sys

    probe = "import sys, harness; print(sorted(m for m in sys.modules if m.split('.')[0] in ('boto3','locust','moto')))"
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=HOME)
    assert told.stdout.strip() == "[]"
