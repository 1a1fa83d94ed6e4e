"""The image for places elsewhere: what can be known of it without building it."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]
ENTERED = ("loadtests.courier", "loadtests.locustfile", "loadtests.merge", "harness.data.hand", "harness.probes.reach")
"""The modules that are run in it."""
DISTRIBUTIONS = {"dns": "dnspython", "gevent": "locust", "geventhttpclient": "locust"}
"""Where a package is called otherwise than its distribution, or comes with another one."""


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile and its words, continued lines joined."""
    text = (HOME / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def words(kind: str) -> list[str]:
    return [rest for word, rest in instructions() if word == kind]


def versions(lock: str) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;]+)", (HOME / lock).read_text(), re.MULTILINE)
    return dict(found)


def modules_of(name: str, seen: set[str]) -> set[str]:
    """The third-party packages that a module of ours imports, by way of other ones too."""
    path = HOME / (name.replace(".", "/") + ".py")
    if name in seen:
        return set()
    seen.add(name)
    if not path.exists():
        path = HOME / name.replace(".", "/") / "__init__.py"
    used: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            used |= {node.module, *(one for one in inside if (HOME / (one.replace(".", "/") + ".py")).exists())}
    found: set[str] = set()
    for one in used:
        if one.split(".")[0] in ("harness", "loadtests"):
            found |= modules_of(one, seen)
        elif one.split(".")[0] not in sys.stdlib_module_names:
            found.add(one.split(".")[0])
    return found


def test_everything_that_it_copies_is_there_and_not_ignored():
    kept = {line[1:] for line in (HOME / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for copied in words("COPY"):
        *sources, _ = copied.split()
        for source in sources:
            assert (HOME / source).exists(), f"COPY {source}: there is no such file"
            assert source.strip("/") in kept, f"COPY {source}: .dockerignore leaves it out"


def test_its_base_and_all_that_is_installed_have_versions():
    (base,) = words("FROM")
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", base)
    (install,) = [one for one in words("RUN") if "pip install" in one]
    assert install.endswith("pip install --require-hashes -r requirements-place.lock")


def test_nothing_in_it_runs_as_root_or_waits_for_a_shell():
    order = [word for word, _ in instructions()]
    assert words("USER") == ["gameday"]
    assert order.index("USER") == len(order) - 2
    (command,) = words("CMD")
    assert all(isinstance(word, str) for word in json.loads(command))


def test_it_holds_the_same_versions_as_the_harness():
    here, there = versions("requirements.lock"), versions("requirements-place.lock")
    assert there
    assert {name: here.get(name) for name in there} == there
    entries = re.split(r"\n(?=[a-z])", (HOME / "requirements-place.lock").read_text().strip())
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("module", ENTERED)
def test_what_is_run_in_it_finds_everything_that_it_imports(module):
    asked = {re.split(r"[\[=<>]", line)[0] for line in (HOME / "requirements-place.in").read_text().splitlines()}
    used = modules_of(module, set())
    assert {DISTRIBUTIONS.get(name, name) for name in used} <= asked


@pytest.mark.parametrize("module", ENTERED)
def test_what_is_run_in_it_needs_nothing_that_is_left_out(module):
    seen: set[str] = set()
    modules_of(module, seen)
    assert not [one for one in seen if one.startswith("harness.twin")]
