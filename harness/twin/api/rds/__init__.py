"""RDS and Aurora over real PostgreSQL: AWS's states, refusals and events, with the work done underneath."""
