"""Guard, lock, injection and watchdog: nothing is left behind."""
