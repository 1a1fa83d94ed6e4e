"""The only door to moto and botocore: their service models, parsers and serialisers, and moto's own backends.

Importing them costs about a second, so this module imports nothing of theirs until it must; ``prepare`` does it in a
background thread while the twin's processes start. moto 5.2.5 has no locks and is one per process: every call to a
backend runs under one lock, and a long poll waits outside it.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from harness.clock import Clock, Duration, seconds
from harness.twin.api import reading
from harness.twin.api.audit import reads
from harness.twin.api.refusal import Dialect, invalid, malformed_arn, stumbled, unbuilt
from harness.twin.api.strictness import exact_json, strict
from harness.twin.api.wire import Reply, Request
from harness.twin.api.xml_answer import PROTOCOLS, xml_answer
from harness.twin.calls import AwsError
from harness.twin.names import ACCOUNT

MOTO_SERVICES = ("sts", "iam", "sns", "sqs", "dynamodb")
_LOG = logging.getLogger("twin.api")
_LOADING = threading.RLock()
_MOTO = threading.RLock()
_POLL_AT_LEAST = seconds(1)


@dataclass(frozen=True)
class Operation:
    """An operation of botocore's model of a service. ``model`` is opaque outside this module."""

    service: str
    name: str
    protocol: str
    model: Any


class Gateway:
    """Decodes, validates and encodes AWS calls; forwards those of ``MOTO_SERVICES`` to moto, in AWS time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._on_ready: list[Callable[[], None]] = []
        self._ready = False
        self._seeding = False
        self._arrival = threading.Condition()

    def prepare(self) -> threading.Thread:
        """Import everything in a background thread; a call that comes earlier waits for it. Join it to be sure."""
        thread = threading.Thread(target=self.load, name="twin-moto", daemon=True)
        thread.start()
        return thread

    def load(self) -> None:
        """Import everything and run what was registered with ``when_ready``; at once when that is done already."""
        if self._ready:
            return
        with _LOADING:
            if self._ready or self._seeding:
                return
            self._seeding = True
            try:
                _adopt(self._clock)
                while self._on_ready:
                    self._on_ready.pop(0)()
            finally:
                self._seeding = False
            self._ready = True

    def when_ready(self, action: Callable[[], None]) -> None:
        """Run ``action`` before the first call reaches moto: how seeds get in."""
        with _LOADING:
            if not self._ready:
                self._on_ready.append(action)
                return
        action()

    def dialect(self, service: str, request: Request) -> Dialect:
        """How this client speaks to ``service``; an unknown service is spoken to as JSON or XML, by content type."""
        content = request.headers.get("content-type", "").partition(";")[0]
        try:
            model = _service_model(service)
        except _library().unknown_service:
            return Dialect(service, "json" if "json" in content else "query")
        offered = model.metadata.get("protocols", [model.protocol])
        asked_in_query = content == "application/x-www-form-urlencoded" and "query" in offered
        protocol = "query" if asked_in_query else _wire_protocol(model)
        target = model.metadata.get("targetPrefix", "")
        return Dialect(service, protocol, "awsQueryCompatible" in model.metadata, target)

    def decode(self, dialect: Dialect, request: Request) -> tuple[Operation, dict[str, Any]]:
        """The operation and its parameters in botocore's input shape (aware datetimes, bytes for blobs).

        Raises ``AwsError``: an unknown service or operation, or a body that is not what the protocol says.
        """
        values = reading.form(request) if dialect.protocol in ("query", "ec2") else {}
        name, uri = self._route(dialect, request, values)
        operation = self.operation(dialect.service, name, dialect.protocol)
        if dialect.protocol == "json":
            reading.require_json(request.body)
        parser = _library().parsers[dialect.protocol](operation.model, timestamp_parser=_library().timestamp)
        try:
            parameters = parser.parse(
                {
                    "method": request.method,
                    "values": values or dict(parse_qsl(request.query, keep_blank_values=True)),
                    "headers": request.headers,
                    "body": request.body,
                    "url_path": request.path,
                    "url_params": uri,
                }
            )
        except (*reading.UNREADABLE, _library().parser_error) as error:
            raise reading.unreadable(dialect.protocol, error) from error
        return operation, dict(parameters)

    def operation(self, service: str, name: str, protocol: str | None = None) -> Operation:
        """An operation by its name; raises ``AwsError`` when botocore's model of the service has none."""
        try:
            model = _service_model(service)
            return Operation(service, name, protocol or _wire_protocol(model), model.operation_model(name))
        except (_library().unknown_service, _library().unknown_operation):
            code = "InvalidAction" if protocol in ("query", "ec2") else "UnknownOperationException"
            raise AwsError(code, f"{service} has no action {name}.") from None

    def check(self, operation: Operation, parameters: Mapping[str, Any]) -> None:
        """Validate against the model: required members, types, ranges, lengths, enums. Raises ``AwsError``."""
        if operation.model.input_shape is None:
            return
        report = _library().validator().validate(parameters, operation.model.input_shape)
        if report.has_errors():
            missing = all(reason == "missing required field" for reason, _, _ in report._errors)
            raise invalid(operation.service, report.generate_report(), missing=missing)
        refused = malformed_arn(operation.service, parameters)
        if refused is not None:
            raise refused

    def encode(self, operation: Operation, output: Mapping[str, Any], request_id: str) -> Reply:
        """``output``, in botocore's output shape, as the answer to a client."""
        if operation.protocol in PROTOCOLS:
            body = xml_answer(operation.model, operation.protocol).body(output, request_id)
            return Reply(200, body, {"Content-Type": "text/xml", "x-amzn-RequestId": request_id})
        library = _library()
        serializer = library.serializer(operation.service, operation.protocol)(
            operation_model=operation.model, context=library.context(request_id), value_picker=_pick
        )
        answer = serializer.serialize(output)
        headers = {name: str(value) for name, value in answer["headers"].items()} | {"x-amzn-RequestId": request_id}
        return Reply(answer["status_code"], _octets(answer["body"]), headers)

    def status(self, service: str, error: AwsError) -> AwsError:
        """``error`` with the HTTP status that the service's model gives its code, unless it names one itself."""
        modelled = _statuses(service).get(error.code, 400)
        return error if error.status != 400 or modelled == 400 else AwsError(error.code, error.message, modelled)

    def forward(self, operation: Operation, parameters: Mapping[str, Any], request: Request) -> Reply:
        """Let moto answer. A ReceiveMessage polls in AWS time; raises ``AwsError`` for what moto has not built."""
        self.load()
        if operation.name == "ReceiveMessage":
            return self._receive(operation, parameters, request)
        reply = self._dispatch(operation, request)
        if operation.service in ("sqs", "sns"):
            with self._arrival:
                self._arrival.notify_all()
        return reply

    def outcome(self, operation: Operation, reply: Reply) -> tuple[Mapping[str, Any] | None, AwsError | None]:
        """What a forwarded reply says or refuses, for the trail; a reading call's answer is not looked into."""
        if reply.status < 300 and reads(operation.name):
            return None, None
        try:
            return _parsed(operation, reply), None
        except AwsError as error:
            return None, error

    def invoke(self, service: str, name: str, region: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Call moto in-process; the answer in botocore's output shape. Raises ``AwsError``."""
        operation = self.operation(service, name)
        scope = f"Credential=AKIAIOSFODNN7EXAMPLE/20260101/{region}/{service}/aws4_request"
        headers = {"host": f"{service}.{region}.amazonaws.com", "authorization": f"AWS4-HMAC-SHA256 {scope}, a=b"}
        reply = self.forward(operation, parameters, _request(operation, parameters, headers))
        return _parsed(operation, reply)

    def tagged(self, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """ARN and tags of what moto keeps in a region: topics, queues, tables; for the tagging API."""
        self.load()
        with _MOTO:
            backends = _library().taggable(ACCOUNT, region)
            return [(kept.arn, dict(kept.tags)) for backend in backends for kept in backend.iter_tagged_resources()]

    def _route(self, dialect: Dialect, request: Request, values: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
        if dialect.protocol in ("query", "ec2"):
            if "Action" not in values:
                raise AwsError("MissingAction", "The request is missing an action.")
            return values["Action"], {}
        if dialect.protocol == "json":
            prefix, _, name = request.headers.get("x-amz-target", "").rpartition(".")
            return (name if prefix == dialect.target else ""), {}
        try:
            model, uri = _library().router(dialect.service).match(_moto_request(request))
        except (_library().not_found, NotImplementedError):
            raise AwsError(
                "UnknownOperationException", f"{dialect.service} has no {request.method} {request.path}.", 404
            ) from None
        return model.name, uri

    def _dispatch(self, operation: Operation, request: Request) -> Reply:
        moto_request = _moto_request(request)
        handler = _library().backends[operation.service]
        try:
            with _MOTO:
                status, headers, body = handler(moto_request, moto_request.raw_url, moto_request.headers)
        except NotImplementedError:
            raise unbuilt(operation.service, operation.name) from None
        except _library().http_exception as error:
            status, headers, body = error.code, dict(error.get_headers()), error.get_body()
        except Exception as error:  # whatever moto fails with, it is not AWS that fails
            _LOG.warning("moto fails at %s.%s: %r", operation.service, operation.name, error)
            raise stumbled(operation.service, operation.name, error) from error
        plain = {name: str(value) for name, value in headers.items() if name.lower() != "status"}
        return Reply(int(status), _octets(body), plain)

    def _receive(self, operation: Operation, parameters: Mapping[str, Any], request: Request) -> Reply:
        wait = parameters.get("WaitTimeSeconds")
        if wait is None:
            asked = {"QueueUrl": parameters["QueueUrl"], "AttributeNames": ["ReceiveMessageWaitTimeSeconds"]}
            answer = self.invoke("sqs", "GetQueueAttributes", _region(request), asked)
            wait = int(answer.get("Attributes", {}).get("ReceiveMessageWaitTimeSeconds", 0))
        at_once = _request(operation, {**parameters, "WaitTimeSeconds": 0}, request.headers)
        deadline = self._clock.now() + seconds(wait if 0 <= wait <= 20 else 0)
        while True:
            with self._arrival:
                reply = self._dispatch(operation, at_once)
                left = deadline - self._clock.now()
                if left <= Duration(0) or reply.status >= 300 or _parsed(operation, reply).get("Messages"):
                    return reply
                self._arrival.wait(self._clock.real_seconds(min(left, _POLL_AT_LEAST)))


@dataclass(frozen=True)
class _Library:
    """What is used of moto and botocore, in one place."""

    parsers: Mapping[str, Any]
    serializer: Callable[[str, str], Any]
    context: Callable[[str], Any]
    router: Callable[[str], Any]
    request: Any
    timestamp: Callable[[Any], Any]
    validator: Callable[[], Any]
    taggable: Callable[[str, str], Iterable[Any]]
    backends: Mapping[str, Callable[..., Any]]
    unknown_service: type[Exception]
    unknown_operation: type[Exception]
    parser_error: type[Exception]
    not_found: type[Exception]
    http_exception: type[Any]


@functools.cache
def _loaded() -> _Library:
    from botocore.exceptions import UnknownServiceError
    from botocore.model import OperationNotFoundError
    from botocore.utils import parse_timestamp
    from botocore.validate import ParamValidator
    from moto.core.parse import PROTOCOL_PARSERS, JSONParser, RequestParserError
    from moto.core.request import Request as MotoRequest
    from moto.core.resource_tagging import iter_taggable_backends
    from moto.core.routing import get_service_router
    from moto.core.serialize import SerializationContext, get_serializer_class
    from moto.dynamodb.responses import DynamoHandler
    from moto.iam.responses import IamResponse
    from moto.sns.responses import SNSResponse
    from moto.sqs.responses import SQSResponse
    from moto.sts.responses import TokenResponse
    from werkzeug.exceptions import HTTPException, NotFound

    backends = (TokenResponse, IamResponse, SNSResponse, SQSResponse, DynamoHandler)
    return _Library(
        parsers={**PROTOCOL_PARSERS, "json": exact_json(JSONParser)},
        serializer=get_serializer_class,
        context=SerializationContext,
        router=get_service_router,
        request=MotoRequest,
        timestamp=parse_timestamp,
        validator=strict(ParamValidator),
        taggable=iter_taggable_backends,
        backends={name: kind.dispatch for name, kind in zip(MOTO_SERVICES, backends, strict=True)},
        unknown_service=UnknownServiceError,
        unknown_operation=OperationNotFoundError,
        parser_error=RequestParserError,
        not_found=NotFound,
        http_exception=HTTPException,
    )


def _library() -> _Library:
    with _LOADING:
        return _loaded()


def warm_up(services: Iterable[str]) -> None:
    """Load, in a process that is to be forked, all that does not depend on a twin: libraries, models and the key."""
    _library()
    _key()
    for service in services:
        _service_model(service)


@functools.cache
def _key() -> Any:
    """The key that moto signs with: one, made beforehand and not when an alarm rings."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _adopt(clock: Clock) -> None:
    """Let moto's queues and topics tell AWS time, and sign with one key."""
    _library()
    from moto.sns import models as sns
    from moto.sqs import models as sqs

    def epoch(factor: float) -> Callable[[], float]:
        return lambda: clock.now().epoch_seconds * factor

    key = _key()
    patches: Iterable[tuple[Any, str, Any]] = (
        (sqs, "unix_time", epoch(1)),
        (sqs, "unix_time_millis", epoch(1000)),
        (sns, "iso_8601_datetime_with_milliseconds", lambda: str(clock.now())),
        (sns.Subscription, "private_key", lambda _: key),
    )
    for owner, name, value in patches:
        getattr(owner, name)
        setattr(owner, name, value)


@functools.cache
def _model(service: str) -> Any:
    from moto.core.utils import get_service_model

    return get_service_model(service)


def _service_model(service: str) -> Any:
    _library()
    with _LOADING:
        return _model(service)


def _wire_protocol(model: Any) -> str:
    offered = model.metadata.get("protocols", [model.protocol])
    return "json" if "json" in offered else str(offered[0])


@functools.cache
def _statuses(service: str) -> Mapping[str, int]:
    statuses: dict[str, int] = {}
    for shape in _service_model(service).error_shapes:
        about = shape.metadata.get("error", {})
        statuses[str(shape.name)] = statuses[str(about.get("code", shape.name))] = int(about.get("httpStatusCode", 400))
    return statuses


def _pick(context: Any) -> Any:
    holder = context.obj
    # Hundreds of members an answer: asking for dict first spares the slow way through Mapping's abstract base.
    return holder.get(context.key) if isinstance(holder, dict | Mapping) else None


def _octets(body: Any) -> bytes:
    return body if isinstance(body, bytes) else str(body or "").encode()


def _region(request: Request) -> str:
    return request.headers["authorization"].split("/")[2]


def _moto_request(request: Request) -> Any:
    environ = request.environ()
    # moto would let a client choose another account with this header; AWS would not.
    environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)
    return _library().request(environ)


def _request(operation: Operation, parameters: Mapping[str, Any], headers: Mapping[str, str]) -> Request:
    from botocore.serialize import create_serializer

    serializer = create_serializer(operation.protocol, include_validation=False)
    made: Any = serializer.serialize_to_request(dict(parameters), operation.model)
    body = made["body"]
    if isinstance(body, dict):
        body = urlencode(body).encode()
    kept = {name: value for name, value in headers.items() if not name.startswith(("content-", "x-amz"))}
    merged = kept | {name.lower(): str(value) for name, value in made["headers"].items()}
    return Request(made["method"], made["url_path"], merged, _octets(body))


def _parsed(operation: Operation, reply: Reply) -> dict[str, Any]:
    from botocore.awsrequest import HeadersDict
    from botocore.parsers import create_parser

    answer: Any = {"status_code": reply.status, "headers": HeadersDict(reply.headers), "body": reply.body}
    parsed: dict[str, Any] = create_parser(operation.protocol).parse(answer, operation.model.output_shape)
    if reply.status >= 300:
        problem = parsed.get("Error", {})
        code = str(problem.get("Code", "InternalFailure"))
        raise AwsError(code, str(problem.get("Message", "")), reply.status)
    parsed.pop("ResponseMetadata", None)
    return parsed
