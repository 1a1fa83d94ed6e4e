"""HTTP/1.1 on a loopback socket: one thread a connection, keep-alive, no more of the protocol than AWS clients use.

A lean server instead of ``http.server``: parsing headers with ``email`` costs as much as a whole AWS call.
"""

from __future__ import annotations

import logging
import socket
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BufferedReader, BytesIO
from typing import Any, BinaryIO
from urllib.parse import unquote

_LOG = logging.getLogger("twin.api")
_LONGEST_LINE = 65_536
_LARGEST_BODY = 16 * 1024 * 1024
_MOST_HEADERS = 100
_GZIP = 16 + zlib.MAX_WBITS
_PATIENCE = 20.0
"""Real seconds that a client may take to send one request."""
_SPENT = ("content-length", "content-type", "content-encoding", "transfer-encoding")


class Malformed(Exception):
    """The bytes are not an HTTP request that this server understands; the connection ends with that ``status``."""

    def __init__(self, problem: str, status: int = 400) -> None:
        super().__init__(problem)
        self.status = status


@dataclass(frozen=True)
class Request:
    """A request as it came; header names in lower case, the body decompressed.

    ``flaw`` tells why the body, which is empty then, could not be read; nothing can be read after it.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    flaw: Malformed | None = None

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> str:
        """The query string, as it came."""
        return self.target.partition("?")[2]

    def environ(self) -> dict[str, Any]:
        """The request as a WSGI environment, without the headers that no longer hold once the body is read."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": self.path.encode("utf-8", "replace").decode("latin-1"),  # as WSGI has it: bytes in a string
            "RAW_URI": self.target,
            "QUERY_STRING": self.query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(self.body)),
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(self.body),
        }
        for name, value in self.headers.items():
            if name not in _SPENT:
                environ["HTTP_" + name.upper().replace("-", "_")] = value
        return environ


@dataclass(frozen=True)
class Reply:
    """What goes back to the client."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def request_id(reply: Reply) -> str | None:
    """The id under which a reply was given."""
    return next((value for name, value in reply.headers.items() if name.lower() == "x-amzn-requestid"), None)


Responder = Callable[[Request], Reply | None]
"""Answers a request; ``None`` closes the connection without an answer."""


def serve(listening: socket.socket, responder: Responder) -> None:
    """Accept connections until ``listening`` is closed; returns then. Never raises for a client's fault."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_talk, args=(connection, responder), name="twin-api", daemon=True).start()


def _talk(connection: socket.socket, responder: Responder) -> None:
    try:
        with connection, connection.makefile("rb") as stream:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while _exchange(connection, stream, responder):
                pass
    except OSError as error:
        _LOG.debug("a client went away: %r", error)


def _exchange(connection: socket.socket, stream: BufferedReader, responder: Responder) -> bool:
    try:
        request = _read(connection, stream)
    except Malformed as error:
        told = Reply(error.status, f"{error}\n".encode(), {"Content-Type": "text/plain"})
        connection.sendall(_bytes(told, keep=False))
        return False
    if request is None:
        return False
    reply = responder(request)
    if reply is None:
        return False
    keep = request.headers.get("connection", "").lower() != "close" and request.flaw is None
    connection.sendall(_bytes(reply, keep=keep, with_body=request.method != "HEAD"))
    return keep


def _read(connection: socket.socket, stream: BufferedReader) -> Request | None:
    connection.settimeout(None)
    if not stream.peek(1):
        return None
    # A connection may idle as long as it likes; a request that has begun must end.
    connection.settimeout(_PATIENCE)
    words = _line(stream).split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Malformed("bad request line")
    method, target, _ = words
    headers = _headers(stream)
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    size = _size(headers.get("content-length", "0"), 10)
    try:
        return Request(method, target, headers, _decompressed(_body(stream, headers, size), headers))
    except Malformed as error:
        return Request(method, target, headers, b"", error)


def _line(stream: BinaryIO) -> str:
    raw = stream.readline(_LONGEST_LINE + 1)
    if len(raw) > _LONGEST_LINE:
        raise Malformed("a line is too long", 431)
    return raw.rstrip(b"\r\n").decode("latin-1")


def _headers(stream: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = _line(stream)
        if not line:
            return headers
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed("a header has no colon")
        headers[name.strip().lower()] = value.strip()
    raise Malformed("too many headers", 431)


def _body(stream: BinaryIO, headers: Mapping[str, str], size: int) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _chunks(stream)
    return _exactly(stream, size)


def _chunks(stream: BinaryIO) -> bytes:
    parts: list[bytes] = []
    while size := _size(_line(stream).partition(";")[0], 16):
        parts.append(_exactly(stream, size))
        _line(stream)
        if sum(map(len, parts)) > _LARGEST_BODY:
            raise Malformed("the body is too large", 413)
    while _line(stream):
        pass
    return b"".join(parts)


def _size(text: str, base: int) -> int:
    try:
        size = int(text, base)
    except ValueError:
        raise Malformed("the length of the body is not a number") from None
    if size < 0:
        raise Malformed("the length of the body is negative")
    return size


def _exactly(stream: BinaryIO, size: int) -> bytes:
    if size > _LARGEST_BODY:
        raise Malformed("the body is too large", 413)
    content = stream.read(size)
    if len(content) < size:
        raise Malformed("the body is shorter than its length says")
    return content


def _decompressed(body: bytes, headers: Mapping[str, str]) -> bytes:
    if headers.get("content-encoding", "").lower() != "gzip":
        return body
    try:
        unpacking = zlib.decompressobj(_GZIP)
        content = unpacking.decompress(body, _LARGEST_BODY + 1)
    except zlib.error:
        raise Malformed("the body is not gzip") from None
    if len(content) > _LARGEST_BODY:
        raise Malformed("the body is too large", 413)
    if not unpacking.eof:
        raise Malformed("the body is not gzip")
    return content


def _bytes(reply: Reply, *, keep: bool, with_body: bool = True) -> bytes:
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {reply.status} {phrase}", f"Content-Length: {len(reply.body)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items() if name.lower() != "content-length"]
    if not keep:
        lines.append("Connection: close")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head + reply.body if with_body else head
