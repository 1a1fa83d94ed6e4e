"""Observers: read-only, they write what they see to the timeline."""
