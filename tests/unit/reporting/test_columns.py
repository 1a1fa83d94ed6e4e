from __future__ import annotations

from harness.reporting import columns

ROWS = [{"scenario": "a", "why": ""}, {"scenario": "longer", "why": "because"}]


def test_columns_are_aligned_below_their_heads():
    assert columns.plain(ROWS) == "scenario  why\na\nlonger    because\n"
    assert columns.plain([]) == ""


def test_a_program_reads_plain_columns(capsys):
    columns.show(ROWS, {"because": "#ff0000"})
    assert capsys.readouterr().out == columns.plain(ROWS)


def test_somebody_who_looks_sees_a_drawn_table(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    columns.show(ROWS)
    drawn = capsys.readouterr().out
    assert "longer" in drawn
    assert drawn != columns.plain(ROWS)
