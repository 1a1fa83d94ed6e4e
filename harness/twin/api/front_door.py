"""The twin's AWS endpoint: every call is decoded and checked against botocore's model, answered, and audited."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from harness.clock import Clock, Instant, monotonic_nanoseconds
from harness.errors import GamedayError
from harness.twin.api.audit import Audit, Entry
from harness.twin.api.moto_gateway import MOTO_SERVICES, Gateway, Operation
from harness.twin.api.refusal import Dialect, refusal, unbuilt
from harness.twin.api.wire import Reply, Request, serve
from harness.twin.calls import AwsError, Call, Handler, Service

OwnRoute = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_LOG = logging.getLogger("twin.api")
_OWN = "/_twin/"
_SIGNING_NAMES = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi", "elasticloadbalancing": "elbv2"}
_GLOBAL = {"route53": "us-east-1", "iam": "us-east-1"}
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
_AGENT = re.compile(r"\bgameday/\S+")


class FrontDoor:
    """Serves AWS's API for ``services`` and, through moto, for sts, iam, sns, sqs and dynamodb.

    What is not built answers ``NotImplementedByTwin`` (501). ``own_routes`` are the twin's own: ``/_twin/<name>``.
    Thread-safe; each service guards its own state. ``gateway`` may be shared, so that it can be prepared early.
    """

    def __init__(
        self,
        clock: Clock,
        services: Sequence[Service],
        audit_path: Path,
        own_routes: Mapping[str, OwnRoute],
        gateway: Gateway | None = None,
    ) -> None:
        self._clock = clock
        self._gateway = gateway or Gateway(clock)
        self._handlers: dict[str, Mapping[str, Handler]] = {service.name: service.handlers() for service in services}
        self._own_routes = dict(own_routes)
        self._audit = Audit(audit_path)
        self._dark: set[str] = set()
        self._listening: socket.socket | None = None

    def serve(self, listening: socket.socket) -> None:
        """Answer on ``listening`` from a background thread until ``close``; returns at once."""
        self._listening = listening
        threading.Thread(target=serve, args=(listening, self.answer), name="twin-front-door", daemon=True).start()

    def close(self) -> None:
        """Accept nothing more and close the trail; connections that are open end with their clients."""
        if self._listening is not None:
            # Closing alone would leave the accepting thread asleep in the kernel.
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
        self._audit.close()

    def darken(self, region: str) -> None:
        """Make a region's endpoint unreachable: connections close without an answer. Darkening twice is harmless."""
        self._dark = self._dark | {region}

    def lighten(self, region: str) -> None:
        """Undo ``darken``; harmless when it was not dark."""
        self._dark = self._dark - {region}

    def call(
        self, service: str, operation: str, region: str, parameters: Mapping[str, Any], caller: str
    ) -> Mapping[str, Any]:
        """The same as a client's call, in-process: validated, audited; raises ``AwsError``.

        A dark region raises ``EndpointUnreachable``, as a connection that closes would for a client.
        """
        began, at = monotonic_nanoseconds(), self._clock.now()
        error: AwsError | None = None
        try:
            if self._is_dark(service, region):
                raise AwsError("EndpointUnreachable", f"No answer from {service} in {region}.", 503)
            wanted = self._gateway.operation(service, operation)
            self._gateway.check(wanted, parameters)
            if service in MOTO_SERVICES:
                return self._gateway.invoke(service, operation, region, parameters)
            return self._handle(Call(service, operation, region, caller, parameters, at), self._built(wanted))
        except AwsError as refused:
            error = refused
            raise
        finally:
            self._tell(at, began, (service, operation, region, caller), parameters, error)

    def answer(self, request: Request) -> Reply | None:
        """The answer to one HTTP request; ``None`` when the region it is for is dark."""
        if request.target.startswith(_OWN):
            return self._own(request)
        request_id = str(uuid.uuid4())
        scope = _scope(request)
        if scope is None:
            return refusal(Dialect("", "query"), _UNSIGNED, request_id)
        caller, region, service = scope
        if self._is_dark(service, region):
            return None
        return self._aws(request, request_id, caller, region, service)

    def _aws(self, request: Request, request_id: str, caller: str, region: str, service: str) -> Reply:
        began, at = monotonic_nanoseconds(), self._clock.now()
        error: AwsError | None = None
        name, parameters = "Unknown", dict[str, Any]()
        dialect = self._gateway.dialect(service, request)
        try:
            operation, parameters = self._gateway.decode(dialect, request)
            name = operation.name
            self._gateway.check(operation, parameters)
            if service in MOTO_SERVICES:
                reply = self._gateway.forward(operation, parameters, request)
                error = self._gateway.complaint(operation, reply)
                return reply
            handler = self._built(operation)
            output = self._handle(Call(service, name, region, caller, parameters, at), handler)
            return self._gateway.encode(operation, output, request_id)
        except AwsError as refused:
            error = self._gateway.status(service, refused) if name != "Unknown" else refused
            return refusal(dialect, error, request_id)
        except Exception:  # noqa: BLE001 - a bug of the twin must answer as AWS's own bugs do, and be logged
            _LOG.exception("%s.%s failed", service, name)
            error = _INTERNAL
            return refusal(dialect, error, request_id)
        finally:
            self._tell(at, began, (service, name, region, caller), parameters, error)

    def _built(self, operation: Operation) -> Handler:
        handler = self._handlers.get(operation.service, {}).get(operation.name)
        if handler is None:
            raise unbuilt(operation.service, operation.name)
        return handler

    def _handle(self, call: Call, handler: Handler) -> Mapping[str, Any]:
        if call.service == "ec2" and call.get("DryRun"):
            raise AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        try:
            return handler(call)
        except AwsError:
            raise
        except Exception as error:
            _LOG.exception("%s.%s failed", call.service, call.operation)
            raise _INTERNAL from error

    def _is_dark(self, service: str, region: str) -> bool:
        return bool(self._dark) and _GLOBAL.get(service, region) in self._dark

    def _own(self, request: Request) -> Reply:
        began, at = monotonic_nanoseconds(), self._clock.now()
        name = request.path.removeprefix(_OWN)
        route = self._own_routes.get(name)
        if route is None:
            return _json(404, {"error": "NoSuchRoute", "message": f"The twin has no route {name!r}."})
        parameters: Mapping[str, Any] = {}
        error: AwsError | None = None
        try:
            parameters = _parameters(request)
            return _json(200, route(parameters))
        except AwsError as refused:
            error = refused
        except GamedayError as refused:
            error = AwsError(type(refused).__name__, str(refused), 409)
        except Exception:  # noqa: BLE001 - the client gets no traceback; the log does
            _LOG.exception("/_twin/%s failed", name)
            error = _INTERNAL
        finally:
            if name == "strike":
                act, region = str(parameters.get("act", "unknown")), str(parameters.get("region", ""))
                self._tell(at, began, ("twin", act, region, "nature"), parameters, error)
        return _json(error.status, {"error": error.code, "message": error.message})

    def _tell(
        self,
        at: Instant,
        began: int,
        what: tuple[str, str, str, str],
        parameters: Mapping[str, Any],
        error: AwsError | None,
    ) -> None:
        service, name, region, caller = what
        took = (monotonic_nanoseconds() - began) / 1e6
        code, message = (error.code, error.message) if error else (None, None)
        source = f"{service}.amazonaws.com" if service != "twin" else "twin"
        self._audit.append(Entry(at, source, name, region, caller, parameters, took, code, message))


_UNSIGNED = AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
_INTERNAL = AwsError("InternalFailure", "The request processing has failed because of an internal error.", 500)


def _scope(request: Request) -> tuple[str, str, str] | None:
    """Caller, region and service, from the signature's credential scope (header, or query of a presigned call)."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        authorization = "Credential=" + dict(parse_qsl(request.query)).get("X-Amz-Credential", "")
    match = _CREDENTIAL.search(authorization)
    if match is None:
        return None
    key, region, signing_name = match.groups()
    agent = _AGENT.search(request.headers.get("user-agent", ""))
    caller = f"{key} {agent.group()}" if agent else key
    return caller, region, _SIGNING_NAMES.get(signing_name, signing_name)


def _parameters(request: Request) -> Mapping[str, Any]:
    if not request.body:
        return dict(parse_qsl(request.query))
    try:
        parameters = json.loads(request.body)
    except ValueError as error:
        raise AwsError("Malformed", f"The body is not JSON: {error}") from None
    if not isinstance(parameters, dict):
        raise AwsError("Malformed", "The body is not a JSON object.")
    return parameters


def _json(status: int, content: Mapping[str, Any]) -> Reply:
    return Reply(status, json.dumps(content, default=str).encode(), {"Content-Type": "application/json"})
