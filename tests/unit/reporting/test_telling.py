from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from harness.reporting import summary, telling
from tests.unit.reporting.conftest import NAMES

HOME = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def schema() -> dict:
    found = json.loads((HOME / "docs" / "verdict.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(found)
    return found


@pytest.mark.parametrize("kind", NAMES)
def test_verdict_json_is_what_its_schema_says(runs, schema, kind):
    told = json.loads((runs[kind].folder / "verdict.json").read_text())
    jsonschema.validate(told, schema)
    assert told["ruling"] == runs[kind].finished.ruling.name


def test_the_session_too(runs, schema, tmp_path):
    told = summary.write(tmp_path, [run.finished for run in runs.values()])
    jsonschema.validate(json.loads((tmp_path / "verdict.json").read_text()), schema)
    assert len(told["runs"]) == len(runs)


def test_the_schema_has_teeth(runs, schema):
    told = json.loads((runs["dark"].folder / "verdict.json").read_text())
    for change in ({"ruling": "GREEN"}, {"format": 2}, {"speed": 0}, {"surprise": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(told | change, schema)


def test_a_description_is_a_chart_and_short_tables_without_scripts(runs):
    run = runs["lost"]
    shown = telling.description(run.folder, run.record, run.verdicts)
    assert shown.startswith('<img alt="the experiment"')
    assert "data:image/svg+xml;base64," in shown
    assert "<script" not in shown
    assert f"../runs/{run.folder.parent.name}/{run.folder.name}/experiment.html" in shown
    tables = [part.count("<tr>") for part in shown.split("<table>")[1:]]
    assert max(tables) <= telling.SHORT + 1


@pytest.mark.parametrize("path", sorted((HOME / "scenarios").glob("*/*.py")), ids=lambda path: path.stem)
def test_every_scenario_names_a_component(path):
    assert telling.component(path.stem) != "platform"
