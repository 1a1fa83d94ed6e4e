"""The databases of a plan: which takes the writes, how it fails over, and what could be promoted elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from harness.configuration import Database, DatabaseKind
from harness.terraform.plan import NOT_KNOWN, Resource
from harness.terraform.reading import Reading

_ENGINES = ("postgres", "mysql", "mariadb")
_FAILS_OVER = "how it fails over"
Services = Mapping[str, tuple[Resource, Mapping[str, str]]]


def databases(reading: Reading, services: Services) -> tuple[Database, ...]:
    """The database that takes writes first, then the read replicas; empty where the plan has none."""
    instances = reading.plan.of("aws_db_instance")
    replicas = [one for one in instances if _is_replica(one)]
    clusters = reading.plan.of("aws_rds_cluster")
    writers = [one for one in instances if one not in replicas]
    copies = tuple(
        Database(
            _name(reading, one),
            "replica",
            reading.region(one),
            identifiers=(_name(reading, one),),
            instance_class=reading.text(one, "instance_class"),
            where=one.address,
        )
        for one in replicas
    )
    if clusters:
        return (_cluster(reading, clusters, copies, services), *copies)
    if not writers:
        return copies
    if len(writers) > 1:
        reading.doubt(writers[1], "replicate_source_db", "which of several instances takes the API's writes")
    writer, home = writers[0], reading.region(writers[0])
    kind: DatabaseKind = "multi_az_instance" if reading.flag(writer, "multi_az", matters=_FAILS_OVER) else "single"
    elsewhere = tuple(dict.fromkeys(one.writer_region for one in copies if one.writer_region != home))
    names = (_name(reading, writer), *(one.identifier for one in copies))
    everywhere = not elsewhere or _everywhere(services, home)
    made = reading.text(writer, "instance_class")
    return (Database(names[0], kind, home, elsewhere, everywhere, names, made, writer.address), *copies)


def _is_replica(instance: Resource) -> bool:
    source = instance.get("replicate_source_db")
    return (
        source is NOT_KNOWN
        or (isinstance(source, str) and bool(source))
        or bool(instance.references("replicate_source_db"))
    )


def _name(reading: Reading, resource: Resource) -> str:
    known = reading.text(resource, "identifier") or reading.text(resource, "cluster_identifier")
    return known or resource.address


def _cluster(reading: Reading, clusters: list[Resource], copies: tuple[Database, ...], services: Services) -> Database:
    """The Aurora or Multi-AZ DB cluster that takes writes, with the secondaries of its global database."""
    member = {one.address: _is_global(reading, one) for one in clusters}
    together = [one for one in clusters if member[one.address]]
    primary = _primary(reading, together or clusters)
    home = reading.region(primary)
    engine = reading.text(primary, "engine", matters=_FAILS_OVER)
    kind: DatabaseKind = "aurora_global" if together and len(together) > 1 else "aurora"
    if engine in _ENGINES:
        kind = "multi_az_cluster"
    inside = [one for one in reading.plan.of("aws_rds_cluster_instance") if _belongs(reading, one, primary)]
    elsewhere = [reading.region(one) for one in together if one is not primary]
    elsewhere += [one.writer_region for one in copies if one.writer_region != home]
    classes = [reading.text(one, "instance_class") for one in inside]
    made = next((one for one in classes if one), reading.text(primary, "db_cluster_instance_class"))
    names = [_name(reading, one) for one in (*clusters, *reading.plan.of("aws_rds_cluster_instance"))]
    others = tuple(dict.fromkeys(one for one in elsewhere if one))
    if kind == "aurora" and len(inside) < 2:
        kind = "single"  # without a reader nothing stands by: Aurora must first make an instance
    everywhere = not others or _everywhere(services, home)
    return Database(
        _name(reading, primary),
        kind,
        home,
        others,
        everywhere,
        (*names, *(one.identifier for one in copies)),
        made,
        primary.address,
    )


def _is_global(reading: Reading, cluster: Resource) -> bool:
    told = cluster.get("global_cluster_identifier")
    joined = reading.plan.linked(cluster, "global_cluster_identifier", "aws_rds_global_cluster")
    return bool(joined) or (isinstance(told, str) and bool(told))


def _primary(reading: Reading, clusters: list[Resource]) -> Resource:
    """A global database's primary is the cluster that is given a master user; its secondaries inherit theirs."""
    given = [one for one in clusters if one.get("master_username")]
    if len(given) == 1:
        return given[0]
    if len(clusters) > 1:
        reading.doubt(clusters[0], "master_username", "which cluster takes the writes")
    return clusters[0]


def _belongs(reading: Reading, instance: Resource, cluster: Resource) -> bool:
    return cluster in reading.target(
        instance, ("cluster_identifier",), ("aws_rds_cluster",), ("cluster_identifier", "id")
    )


def _everywhere(services: Services, home: str) -> bool:
    """Whether all regions' services name one database as the one to write to: the same host, or the writer's."""
    hosts = {region: environment.get("DATABASE_HOST") for region, (_, environment) in services.items()}
    away = {host for region, host in hosts.items() if region != home}
    # Not known is not better than a region that names a copy of its own, which takes no writes.
    return bool(away) and None not in away and away == {hosts.get(home, next(iter(away)))}
