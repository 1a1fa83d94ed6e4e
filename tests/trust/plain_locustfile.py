"""Locust as its documentation begins: users that ask one after the other, each once a second."""

from __future__ import annotations

from locust import FastHttpUser, constant_throughput, task


class Visitor(FastHttpUser):
    wait_time = constant_throughput(1)
    connection_timeout = network_timeout = 0.5

    @task
    def look(self) -> None:
        self.client.get("/api/v1/ponder/events?limit=5", name="events")
