"""ElastiCache for Redis: replication groups, their failover, and the Global Datastore."""

from harness.twin.api.elasticache.service import ElastiCache

__all__ = ["ElastiCache"]
