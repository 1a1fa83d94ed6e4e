"""PostgreSQL, Redis, HAProxy and the application as real processes."""
