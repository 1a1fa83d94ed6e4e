"""RDS for PostgreSQL's parameters as far as the twin knows them: who takes them when, and what is refused.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Parameters.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.twin.calls import AwsError


@dataclass(frozen=True)
class Parameter:
    """A row of RDS's table. ``forwarded``: PostgreSQL is told; ``scaled``: it is milliseconds."""

    name: str
    apply_type: Literal["static", "dynamic"]
    data_type: Literal["integer", "boolean", "string"]
    allowed: str
    default: str | None = None
    description: str = ""
    forwarded: bool = True
    scaled: bool = False
    replicas_only: bool = False


_TIMES = "0-2147483647"
TABLE = {
    row.name: row
    for row in (
        Parameter(
            "recovery_min_apply_delay",
            "dynamic",
            "integer",
            "0-86400000",
            "0",
            "(ms) Sets the minimum delay for applying changes during recovery.",
            scaled=True,
            replicas_only=True,
        ),
        Parameter("max_standby_streaming_delay", "dynamic", "integer", "-1-2147483647", "30000", scaled=True),
        Parameter("max_standby_archive_delay", "dynamic", "integer", "-1-2147483647", "30000", scaled=True),
        Parameter("hot_standby_feedback", "dynamic", "boolean", "0,1", "0"),
        Parameter("statement_timeout", "dynamic", "integer", _TIMES, "0", scaled=True),
        Parameter("lock_timeout", "dynamic", "integer", _TIMES, "0", scaled=True),
        Parameter("idle_in_transaction_session_timeout", "dynamic", "integer", _TIMES, "86400000", scaled=True),
        Parameter("deadlock_timeout", "dynamic", "integer", "1-2147483647", "1000", scaled=True),
        Parameter("synchronous_commit", "dynamic", "string", "local,on,remote_write,remote_apply,off", "on"),
        Parameter("wal_writer_delay", "dynamic", "integer", "1-10000", "200", scaled=True),
        Parameter("log_min_duration_statement", "dynamic", "integer", "-1-2147483647", "-1", scaled=True),
        Parameter("log_statement", "dynamic", "string", "none,ddl,mod,all", "none"),
        Parameter("log_connections", "dynamic", "boolean", "0,1", "0"),
        Parameter("log_disconnections", "dynamic", "boolean", "0,1", "0"),
        Parameter("work_mem", "dynamic", "integer", "64-2147483647", "4096"),
        Parameter("random_page_cost", "dynamic", "integer", _TIMES, "4"),
        Parameter("tcp_keepalives_idle", "dynamic", "integer", _TIMES, "300"),
        Parameter("tcp_keepalives_interval", "dynamic", "integer", _TIMES, "30"),
        Parameter("tcp_keepalives_count", "dynamic", "integer", _TIMES, "2"),
        Parameter("autovacuum", "dynamic", "boolean", "0,1", "1"),
        Parameter("rds.force_ssl", "dynamic", "boolean", "0,1", "0", forwarded=False),
        Parameter("rds.logical_replication", "static", "boolean", "0,1", "0", forwarded=False),
        Parameter("max_connections", "static", "integer", "6-262143", None),
        Parameter("max_wal_senders", "static", "integer", "5-100", "20", forwarded=False),
        Parameter("shared_buffers", "static", "integer", "16-1073741823", None, forwarded=False),
        Parameter(
            "shared_preload_libraries", "static", "string", "auto_explain,pg_stat_statements", None, forwarded=False
        ),
    )
}


def check(change: Mapping[str, Any]) -> None:
    """Raises what RDS raises for an unknown parameter, a value out of range or a static one set at once."""
    missing = [key for key in ("ParameterName", "ParameterValue", "ApplyMethod") if change.get(key) is None]
    if missing:
        raise AwsError("InvalidParameterValue", f"The parameter {missing[0]} must be provided and must not be blank.")
    name, value = str(change["ParameterName"]), str(change["ParameterValue"])
    row = TABLE.get(name)
    if row is None:
        raise AwsError("InvalidParameterValue", f"Could not find parameter with name: {name}")
    if row.apply_type == "static" and change["ApplyMethod"] == "immediate":
        raise AwsError("InvalidParameterCombination", f"cannot use immediate apply method for static parameter {name}")
    if not _fits(row, value):
        raise AwsError(
            "InvalidParameterValue", f"Invalid parameter value: {value} for: {name} allowed values are: {row.allowed}"
        )


def _fits(row: Parameter, value: str) -> bool:
    if row.data_type != "integer":
        return set(value.split(",")) <= set(row.allowed.split(","))
    if not value.removeprefix("-").isdigit():
        return False
    low, _, high = row.allowed.rpartition("-")
    return int(low) <= int(value) <= int(high)


def shape(row: Parameter, value: str | None) -> dict[str, Any]:
    """A Parameter as DescribeDBParameters shows it; ``value``: what a user has set."""
    shown = value if value is not None else row.default
    return {
        "ParameterName": row.name,
        **({"ParameterValue": shown} if shown is not None else {}),
        "Description": row.description or row.name,
        "Source": "user" if value is not None else "engine-default",
        "ApplyType": row.apply_type,
        "DataType": row.data_type,
        "AllowedValues": row.allowed,
        "IsModifiable": True,
        "ApplyMethod": "immediate" if row.apply_type == "dynamic" else "pending-reboot",
    }
