"""Elastic Load Balancing: ALBs with one node a zone, ip targets and their health."""

from harness.twin.api.elbv2.service import ElbV2

__all__ = ["ElbV2"]
