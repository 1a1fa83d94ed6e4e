"""Where alarms go: each region's SNS topics, and behind each a queue from which a game day reads what was delivered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.twin.api.moto_gateway import Gateway
from harness.twin.designs.model import Design
from harness.twin.names import arn


def queue_name(topic: str) -> str:
    """The queue subscribed to ``topic``."""
    return f"{topic}-gameday"


class Topics:
    """Seeds the topics that a design's alarms name, each with its queue (raw delivery off), tagged as the design says.

    The seeds are sown when moto is loaded, before any call reaches it.
    """

    def __init__(self, gateway: Gateway, design: Design) -> None:
        self._gateway = gateway
        self._tags = dict(design.tags)
        self._seeds = tuple(sorted({(alarm.region, alarm.topic) for alarm in design.alarms}))
        gateway.when_ready(self._sow)

    def notify(self, region: str, topic_arn: str, subject: str, message: str) -> None:
        """Publish; raises ``AwsError`` when there is no such topic. The topic may be in another region."""
        parts = topic_arn.split(":")
        home = parts[3] if len(parts) > 5 and parts[3] else region
        self._gateway.invoke("sns", "Publish", home, {"TopicArn": topic_arn, "Subject": subject, "Message": message})

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """ARN and tags of what moto keeps in a region: the seeds, and every topic, queue and table made since."""
        return self._gateway.tagged(region)

    def _sow(self) -> None:
        tags = [{"Key": key, "Value": value} for key, value in self._tags.items()]
        for region, topic in self._seeds:
            self._invoke("sns", "CreateTopic", region, {"Name": topic, "Tags": tags})
            self._invoke("sqs", "CreateQueue", region, {"QueueName": queue_name(topic), "tags": self._tags})
            self._invoke(
                "sns",
                "Subscribe",
                region,
                {
                    "TopicArn": arn("sns", region, topic),
                    "Protocol": "sqs",
                    "Endpoint": arn("sqs", region, queue_name(topic)),
                    "Attributes": {"RawMessageDelivery": "false"},
                },
            )

    def _invoke(self, service: str, operation: str, region: str, parameters: Mapping[str, Any]) -> None:
        self._gateway.invoke(service, operation, region, parameters)
