"""Route 53 of the twin: the hosted zone, its health checks and checkers, and the answers that follow from them."""
