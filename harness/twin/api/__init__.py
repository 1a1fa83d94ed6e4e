"""AWS's API over the twin's real processes."""
