"""A place shaped like AWS on one machine; it knows nothing of the harness but the clock and the errors."""
