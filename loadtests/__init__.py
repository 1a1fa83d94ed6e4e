"""The Locust side: open, latency-routed traffic."""
