"""The twin's AWS endpoint: every call is decoded and checked against botocore's model, answered, and audited."""

from __future__ import annotations

import json
import logging
import socket
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from harness.clock import Clock, Instant, monotonic_nanoseconds
from harness.errors import GamedayError
from harness.twin.api import reading
from harness.twin.api.audit import Audit, Caller, Entry
from harness.twin.api.moto_gateway import MOTO_SERVICES, Gateway, Operation
from harness.twin.api.refusal import Dialect, refusal, unbuilt
from harness.twin.api.scope import Scope, scope
from harness.twin.api.wire import Reply, Request, request_id, serve
from harness.twin.calls import AwsError, Call, Handler, Service

OwnRoute = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_LOG = logging.getLogger("twin.api")
_OWN = "/_twin/"
_GLOBAL = {"route53": "us-east-1", "iam": "us-east-1"}


@dataclass
class Trace:
    """What becomes known of a call while it is answered, for the trail. ``began`` is a reading of CLOCK_MONOTONIC."""

    at: Instant
    began: int
    service: str
    name: str
    region: str
    caller: Caller
    parameters: Mapping[str, Any] = field(default_factory=dict)
    response: Mapping[str, Any] | None = None
    error: AwsError | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


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
        trace = Trace(
            self._clock.now(), monotonic_nanoseconds(), service, operation, region, Caller(caller, inside=True)
        )
        try:
            if self._is_dark(service, region):
                raise AwsError("EndpointUnreachable", f"No answer from {service} in {region}.", 503)
            wanted = self._gateway.operation(service, operation)
            trace.parameters = parameters
            self._gateway.check(wanted, parameters)
            if service in MOTO_SERVICES:
                trace.response = self._gateway.invoke(service, operation, region, parameters)
            else:
                handler = self._built(wanted)
                trace.response = self._handle(Call(service, operation, region, caller, parameters, trace.at), handler)
            return trace.response
        except AwsError as refused:
            trace.error = refused
            raise
        except Exception:
            trace.error = _INTERNAL
            raise
        finally:
            self._tell(trace)

    def answer(self, request: Request) -> Reply | None:
        """The answer to one HTTP request; ``None`` when the region it is for is dark."""
        if request.target.startswith(_OWN):
            return self._own(request)
        whom = scope(request)
        if self._is_dark(whom.service, whom.region):
            return None
        return self._aws(request, whom)

    def _aws(self, request: Request, whom: Scope) -> Reply:
        trace = Trace(self._clock.now(), monotonic_nanoseconds(), whom.service, "Unknown", whom.region, whom.caller)
        dialect = Dialect(whom.service, "query")
        try:
            dialect = self._gateway.dialect(whom.service, request)
            refused = whom.refusal(dialect.protocol) or reading.flaw(request, dialect.protocol)
            if refused is not None:
                raise refused
            return self._served(request, dialect, trace)
        except AwsError as error:
            trace.error = self._gateway.status(whom.service, error) if trace.name != "Unknown" else error
            return refusal(dialect, trace.error, trace.request_id)
        except Exception:  # noqa: BLE001 - a bug of the twin must answer as AWS's own bugs do, and be logged
            _LOG.exception("%s.%s failed", whom.service, trace.name)
            trace.error = _INTERNAL
            return refusal(dialect, _INTERNAL, trace.request_id)
        finally:
            self._tell(trace)

    def _served(self, request: Request, dialect: Dialect, trace: Trace) -> Reply:
        operation, trace.parameters = self._gateway.decode(dialect, request)
        trace.name = operation.name
        self._gateway.check(operation, trace.parameters)
        if operation.service in MOTO_SERVICES:
            reply = self._gateway.forward(operation, trace.parameters, request)
            trace.request_id = request_id(reply) or trace.request_id
            trace.response, trace.error = self._gateway.outcome(operation, reply)
            return reply
        handler = self._built(operation)
        call = Call(operation.service, operation.name, trace.region, trace.caller.name, trace.parameters, trace.at)
        trace.response = self._handle(call, handler)
        return self._gateway.encode(operation, trace.response, trace.request_id)

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
        name = request.path.removeprefix(_OWN)
        route = self._own_routes.get(name)
        if route is None:
            return _json(404, {"error": "NoSuchRoute", "message": f"The twin has no route {name!r}."})
        trace = Trace(self._clock.now(), monotonic_nanoseconds(), "twin", "unknown", "", Caller("nature", inside=True))
        try:
            trace.parameters = _parameters(request)
            trace.name, trace.region = (
                str(trace.parameters.get("act", "unknown")),
                str(trace.parameters.get("region", "")),
            )
            trace.response = route(trace.parameters)
            return _json(200, trace.response)
        except AwsError as refused:
            trace.error = refused
        except GamedayError as refused:
            trace.error = AwsError(type(refused).__name__, str(refused), 409)
        except Exception:  # noqa: BLE001 - the client gets no traceback; the log does
            _LOG.exception("/_twin/%s failed", name)
            trace.error = _INTERNAL
        finally:
            if name == "strike":
                self._tell(trace)
        return _json(trace.error.status, {"error": trace.error.code, "message": trace.error.message})

    def _tell(self, trace: Trace) -> None:
        took = (monotonic_nanoseconds() - trace.began) / 1e6
        error = trace.error
        code, message = (error.code, error.message) if error else (None, None)
        what = (trace.service, trace.name, trace.region, trace.caller, trace.parameters, took, trace.request_id)
        self._audit.append(Entry(self._clock.now(), *what, None if error else trace.response, code, message))


_INTERNAL = AwsError("InternalFailure", "The request processing has failed because of an internal error.", 500)


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
