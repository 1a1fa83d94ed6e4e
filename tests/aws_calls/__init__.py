"""Every AWS call of the harness: found in its source, made on the twin, written down in docs/aws."""
