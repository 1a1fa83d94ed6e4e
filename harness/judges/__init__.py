"""Judges: pure functions of a run's record. :func:`harness.judges.bench.judge` calls them by promise.

None of them reads a clock, a file or the network: the same record always gets the same verdict.
"""
