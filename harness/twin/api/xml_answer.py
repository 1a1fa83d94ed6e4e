"""Answers of the query and EC2 protocols as XML, written straight from botocore's shapes.

Answers are most of what a describe costs. This walks the members that an answer has, where moto's serialiser walks all
that its shape could have and then builds a tree of dicts to walk again: a third of the time.
https://smithy.io/2.0/aws/protocols/aws-query-protocol.html, https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html
"""

from __future__ import annotations

import base64
import datetime
import functools
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

PROTOCOLS = ("query", "ec2")
Writer = Callable[[list[str], Any], None]


class XmlAnswer:
    """The form of one operation's answers, learned as they come; ``model`` is botocore's operation model."""

    def __init__(self, model: Any, protocol: str) -> None:
        self._name = f"{model.name}Response"
        namespace = model.metadata.get("xmlNamespace")
        self._head = f'<{self._name} xmlns="{escape(namespace)}">' if namespace else f"<{self._name}>"
        self._flat = protocol == "ec2"
        shape = model.output_shape
        self._members = None if shape is None else _Members(shape)
        self._wrapper = "" if shape is None else shape.serialization.get("resultWrapper", f"{shape.name}Result")

    def body(self, output: Mapping[str, Any], request_id: str) -> bytes:
        """``output``, in botocore's output shape, as the answer's body."""
        out = [self._head]
        if self._flat:
            out.append(f"<requestId>{request_id}</requestId>")
            if self._members is not None:
                self._members.write(out, output)
        else:
            if self._members is not None:
                out.append(f"<{self._wrapper}>")
                self._members.write(out, output)
                out.append(f"</{self._wrapper}>")
            out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
        out.append(f"</{self._name}>")
        return "".join(out).encode()


@functools.cache
def xml_answer(model: Any, protocol: str) -> XmlAnswer:
    """The form of an operation's answers, made once."""
    return XmlAnswer(model, protocol)


class _Members:
    """Writers of a structure's members, made when a member first comes: shapes may hold themselves."""

    def __init__(self, shape: Any) -> None:
        self._shape = shape
        self._writers: dict[str, Writer | None] = {}

    def write(self, out: list[str], value: Mapping[str, Any]) -> None:
        for name, held in value.items():
            if held is None:
                continue
            if name not in self._writers:
                member = self._shape.members.get(name)
                # What the model does not know never leaves the house.
                self._writers[name] = member and _writer(member, member.serialization.get("name", name))
            writer = self._writers[name]
            if writer is not None:
                writer(out, held)


def _writer(shape: Any, tag: str) -> Writer:
    if shape.type_name == "structure":
        return _structure(shape, tag)
    if shape.type_name == "list":
        return _list(shape, tag)
    if shape.type_name == "map":
        return _map(shape, tag)
    text = _TEXTS.get(shape.type_name, str)
    begin, end = f"<{tag}>", f"</{tag}>"

    def scalar(out: list[str], value: Any) -> None:
        out.append(f"{begin}{escape(text(value))}{end}")

    return scalar


def _structure(shape: Any, tag: str) -> Writer:
    members, begin, end = _Members(shape), f"<{tag}>", f"</{tag}>"

    def structure(out: list[str], value: Any) -> None:
        out.append(begin)
        members.write(out, value)
        out.append(end)

    return structure


def _list(shape: Any, tag: str) -> Writer:
    flattened = shape.serialization.get("flattened", False)
    named = shape.member.serialization.get("name")
    write = _writer(shape.member, (named or tag) if flattened else (named or "member"))
    begin, end = ("", "") if flattened else (f"<{tag}>", f"</{tag}>")

    def several(out: list[str], value: Any) -> None:
        out.append(begin)
        for item in value:
            write(out, item)
        out.append(end)

    return several


def _map(shape: Any, tag: str) -> Writer:
    flattened = shape.serialization.get("flattened", False)
    key = _writer(shape.key, shape.key.serialization.get("name", "key"))
    held = _writer(shape.value, shape.value.serialization.get("name", "value"))
    begin, end = ("", "") if flattened else (f"<{tag}>", f"</{tag}>")
    entry = tag if flattened else "entry"

    def pairs(out: list[str], value: Any) -> None:
        out.append(begin)
        for name, item in value.items():
            out.append(f"<{entry}>")
            key(out, name)
            held(out, item)
            out.append(f"</{entry}>")
        out.append(end)

    return pairs


def _boolean(value: Any) -> str:
    return "true" if value else "false"


def _blob(value: Any) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else str(value).encode()).decode()


def _timestamp(value: Any) -> str:
    moment: datetime.datetime = value.astimezone(datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_TEXTS: Mapping[str, Callable[[Any], str]] = {"boolean": _boolean, "blob": _blob, "timestamp": _timestamp}
