"""What is not yet as somebody waits for it to be, in words; ``None`` when it is so. Pure: of what was seen last."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from harness.probes.observers import Sight


def led_elsewhere(sight: Sight, wanted: Collection[str]) -> str | None:
    """A location that DNS leads to none of these regions."""
    for place, region in sight.serving.items():
        if region not in wanted:
            return f"{place} is led to {region or 'nowhere'}"
    return None


def led_to(sight: Sight, region: str) -> str | None:
    """The locations that DNS still leads to a region."""
    led = [place for place, given in sight.serving.items() if given == region]
    return f"{', '.join(led)} still led to {region}" if led else None


def away(sight: Sight, nearest: Mapping[str, tuple[str, ...]]) -> str | None:
    """A location that DNS does not lead to its nearest region."""
    for place, regions in nearest.items():
        given = sight.serving.get(place)
        if given != regions[0]:
            return f"{place} is led to {given or 'nowhere'}, not {regions[0]}"
    return None


def served_away(
    sight: Sight, answered: Mapping[str, Collection[str]], nearest: Mapping[str, tuple[str, ...]]
) -> str | None:
    """A location that another region than its nearest still answers, wherever DNS leads it by now.

    An address that belongs to no region is nobody's: load balancers get new ones in the course of time.
    """
    for place, addresses in answered.items():
        for region, known in sight.addresses.items():
            if region != nearest[place][0] and set(known) & set(addresses):
                return f"{place} is still served by {region}, not {nearest[place][0]}"
    return None


def written_elsewhere(sight: Sight, region: str) -> str | None:
    """The writer, when it is not in a region."""
    writer = sight.writer
    return None if writer and writer.region == region else f"the writer is {writer and writer.identifier}"


def alarm_is_not(sight: Sight, word: str, state: str, region: str = "") -> str | None:
    """The states of the alarms whose name contains a word, when none is in ``state`` and has said so to its queue.

    Of one region's alarms only, where one is named.
    """
    meant = {key: seen.state for key, seen in sight.alarms.items() if word in key[1] and region in ("", key[0])}
    silent = [f"{name} in {region}" for (region, name), seen in meant.items() if seen == state]
    if any(seen == state and (region, name, state) in sight.notified for (region, name), seen in meant.items()):
        return None
    if silent:
        return f"{', '.join(silent)} is {state}, its notification has not arrived"
    return ", ".join(f"{name} in {region} is {seen}" for (region, name), seen in meant.items()) or "no such alarm"


def ringing(sight: Sight) -> str | None:
    """The alarms that ring."""
    found = [f"{name} in {region}" for (region, name), seen in sight.alarms.items() if seen.state == "ALARM"]
    return f"alarm {', '.join(found)} rings" if found else None
