"""Which region served an arrival: by the peer's address, as the load balancers' own names told it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.events import AddressesSeen
from harness.record import Record, Traffic
from harness.requests import address_number
from harness.timeline import of

NOWHERE = -1
"""The arrival never had a peer: no name, no connection, never sent."""
STRANGER = -2
"""The peer's address belongs to no region that the record knows."""


def regions_of(record: Record, rows: Traffic) -> npt.NDArray[np.int64]:
    """For each arrival the index of its region in the header, :data:`NOWHERE` or :data:`STRANGER`."""
    known: dict[int, int] = {}
    for event in of(record.events, AddressesSeen):
        if event.region in record.header.regions:
            code = record.header.regions.index(event.region)
            known |= {address_number(text): code for text in event.addresses}
    found = np.full(len(rows), STRANGER)
    for number, code in known.items():
        found[rows["address"] == number] = code
    found[rows["address"] == 0] = NOWHERE
    return found
