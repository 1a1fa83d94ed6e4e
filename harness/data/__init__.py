"""SQL and Redis, to published endpoints: read-back and pause."""
