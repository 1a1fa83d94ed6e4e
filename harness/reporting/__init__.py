"""Telling: verdicts as charts, pages, tables and files."""
