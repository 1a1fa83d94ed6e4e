"""Nobody decides: the alarm that the platform's automation acts on keeps its state, and its actions are switched off.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DisableAlarmActions.html
"""

from __future__ import annotations

from harness.clock import Duration, Instant, seconds
from harness.cloud import observation
from harness.cloud.carriers.carrier import Arm, Carrier, Proof
from harness.cloud.estate import Estate
from harness.errors import Refused
from harness.faults import Silence
from harness.undo import Act

ALARM = "writer-unreachable"


class SilenceCarrier(Carrier):
    """Carries out ``Silence(Automation())``."""

    patience: Duration = seconds(60)

    def __init__(self, estate: Estate, fault: Silence) -> None:
        self._estate = estate
        self._regions = self._with_actions()
        if not self._regions:
            raise Refused(f"no alarm {ALARM} would tell {fault.target} anything.", "There is nobody to silence.")

    def change(self, arm: Arm) -> None:
        """Switch off the actions of the alarm in each region."""
        for region in self._regions:
            arm(Act("cloudwatch", region, "EnableAlarmActions", {"AlarmNames": [ALARM]}))
            self._estate.cloud.call("cloudwatch", region, "disable_alarm_actions", AlarmNames=[ALARM])

    def bites(self, since: Instant) -> Proof | None:
        """No region's alarm has actions."""
        return None if self._with_actions() else Proof(self._estate.clock.now(), self.sight())

    def healed(self, since: Instant) -> Proof | None:
        """They are on again where they were."""
        back = self._with_actions() == self._regions
        return Proof(self._estate.clock.now(), self.sight()) if back else None

    def sight(self) -> str:
        """Where the alarm has actions."""
        return f"{ALARM} acts in {', '.join(self._with_actions()) or 'no region'}"

    def _with_actions(self) -> list[str]:
        return [
            region.name
            for region in self._estate.platform.regions
            if any(alarm.name == ALARM and alarm.acts for alarm in observation.alarms(self._estate.cloud, region.name))
        ]
