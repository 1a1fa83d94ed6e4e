"""What tests start in their own process must be gone with it: PostgreSQL leaves segments when it is killed."""

from __future__ import annotations

import os

from harness.twin.network import kernel

if os.geteuid() == 0:
    # System V segments outlive their processes, but not their namespace, which ends with this process and its children.
    kernel.unshare(kernel.NEW_IPC)
