"""Can this configuration keep its promise at all? A model checker for failover, from configuration alone."""

from harness.judges.feasibility.arithmetic import alarm_rings, detection
from harness.judges.feasibility.checker import CounterExample, Feasibility, Owed, counter_examples, feasibility
from harness.judges.feasibility.cures import Cure, Cures, cures
from harness.judges.feasibility.finding import Evidence, Finding
from harness.judges.feasibility.foreseen import failure_of
from harness.judges.feasibility.rows import Budget, Path, Row, range_json
from harness.judges.feasibility.survey import Survey, survey

__all__ = [
    "Budget",
    "CounterExample",
    "Cure",
    "Cures",
    "Evidence",
    "Feasibility",
    "Finding",
    "Owed",
    "Path",
    "Row",
    "Survey",
    "alarm_rings",
    "counter_examples",
    "cures",
    "detection",
    "failure_of",
    "feasibility",
    "range_json",
    "survey",
]
