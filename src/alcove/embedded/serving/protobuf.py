r"""Kubernetes' protobuf bodies as the JSON objects that they stand for.

Clients with compiled types (client-go) prefer protobuf for what they send. A body is the magic ``k8s\0`` and
an envelope that names ``apiVersion`` and ``kind``; the object's fields have numbers, and the vendored table
says which JSON field, of which type, each number is. Fields that are not in the table are skipped, as any
protobuf reader does.

Go writes every field that is not a pointer, zero or not. As in Go's JSON, a zero is kept only where the
field is a pointer or is never omitted: ``replicas: 0`` was meant, ``hostNetwork: false`` was not said.
"""

from __future__ import annotations

import base64
import functools
import gzip
import importlib.resources
import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from alcove.embedded import faults
from alcove.embedded.objects import Object
from alcove.embedded.serving.wire import BYTES, WireError, read_fields, read_varint, signed

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_DEEPEST = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = (-62135596800, 253402300799)
"""The first and last second of the years that can be written, 1 to 9999."""


class _Field(NamedTuple):
    name: str
    type: str | int
    """A scalar or special type, or the number of a message."""
    mode: str
    """``always`` and ``value`` (single; a zero is kept or not), ``list``, ``map``, ``inline``."""


class _Table(NamedTuple):
    kinds: dict[str, int]
    messages: list[dict[int, _Field]]
    schemas: int
    """The message of JSON schemas, which three special types may hold."""


@functools.cache
def _table() -> _Table:
    packed = importlib.resources.files("alcove.embedded.serving.vendored").joinpath("protobuf.json.gz")
    content = json.loads(gzip.decompress(packed.read_bytes()))
    messages = [
        {int(number): _Field(*field) for number, field in message.items()} for message in content["messages"]
    ]
    return _Table(content["kinds"], messages, content["schemas"])


def decode_object(body: bytes) -> Object:
    """Give the object of a protobuf body.

    Raises:
        ApiError: 400 when it is malformed or of a kind without protobuf form, such as custom resources.
    """
    if not body.startswith(_MAGIC):
        raise faults.bad_request("the body is not Kubernetes protobuf: it does not begin with its magic")
    try:
        return _decode_envelope(body[len(_MAGIC) :])
    except WireError as error:
        raise faults.bad_request(f"the body could not be parsed: protobuf: {error}") from None


def _decode_envelope(content: bytes) -> Object:
    parts = {number: value for number, _, value in read_fields(content) if isinstance(value, bytes)}
    names = {number: _text(value) for number, _, value in read_fields(parts.get(1, b""))}
    api_version, kind = names.get(1, ""), names.get(2, "")
    table = _table()
    number = table.kinds.get(f"{api_version}/{kind}")
    if number is None and kind.endswith("Options"):
        number = table.kinds.get(f"meta.k8s.io/v1/{kind}")
    if number is None:
        raise WireError(f"no kind {kind[:100]!r} of {api_version[:100]!r} is known")
    return {"apiVersion": api_version, "kind": kind} | _decode_message(number, parts.get(2, b""), 0)


def _decode_message(number: int, content: bytes, depth: int) -> Object:
    if depth > _DEEPEST:
        raise WireError("it is nested too deep")
    fields = _table().messages[number]
    decoded: Object = {}
    for field_number, wire_type, value in read_fields(content):
        field = fields.get(field_number)
        if field is not None:
            _add(decoded, field, wire_type, value, depth + 1)
    return decoded


def _add(decoded: Object, field: _Field, wire_type: int, value: int | bytes, depth: int) -> None:
    if field.mode == "list":
        found = _packed(field, wire_type, value)
        decoded.setdefault(field.name, []).extend(_decode(field.type, one, depth) for one in found)
    elif field.mode == "map":
        entry = {number: part for number, _, part in read_fields(_bytes(value))}
        empty = b"" if field.type not in ("int", "bool", "float") else 0
        decoded.setdefault(field.name, {})[_text(entry.get(1, b""))] = _decode(
            field.type, entry.get(2, empty), depth
        )
    elif field.mode == "inline":
        decoded.update(_decode(field.type, value, depth))
    else:
        single = _decode(field.type, value, depth)
        if single is not None and (single or field.mode == "always" or isinstance(single, dict)):
            decoded[field.name] = single


def _packed(field: _Field, wire_type: int, value: int | bytes) -> list[int | bytes]:
    if wire_type != BYTES or field.type not in ("int", "bool") or not isinstance(value, bytes):
        return [value]
    found: list[int | bytes] = []
    place = 0
    while place < len(value):
        one, place = read_varint(value, place)
        found.append(one)
    return found


def _decode(kind: str | int, value: int | bytes, depth: int) -> Any:
    if isinstance(kind, int):
        return _decode_message(kind, _bytes(value), depth)
    scalar = _SCALARS.get(kind)
    return scalar(value) if scalar else _decode_schemas(kind, _bytes(value), depth)


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise WireError("a number stands where bytes belong")
    return value


def _text(value: int | bytes) -> str:
    try:
        return _bytes(value).decode()
    except UnicodeDecodeError:
        raise WireError("a text is not UTF-8") from None


def _integer(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise WireError("bytes stand where a number belongs")
    return signed(value)


def _float(value: int | bytes) -> float:
    number = struct.unpack("<d", _integer(value).to_bytes(8, "little", signed=True))[0]
    if number - number != 0:
        raise WireError("a number is not finite")
    return float(number)


def _first(value: int | bytes) -> dict[int, int | bytes]:
    return {number: part for number, _, part in read_fields(_bytes(value))}


def _quantity(value: int | bytes) -> str:
    return _text(_first(value).get(1, b""))


def _int_or_string(value: int | bytes) -> int | str:
    parts = _first(value)
    return _text(parts.get(3, b"")) if parts.get(1) else _integer(parts.get(2, 0))


def _moment(value: int | bytes, timespec: str) -> str | None:
    parts = _first(value)
    if not parts:
        return None
    seconds, nanos = _integer(parts.get(1, 0)), _integer(parts.get(2, 0))
    if not _YEARS[0] <= seconds <= _YEARS[1] or not 0 <= nanos < 10**9:
        raise WireError("a time is out of range")
    moment = _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    return moment.replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


def _raw(value: int | bytes) -> Any:
    content = _bytes(_first(value).get(1, b""))
    if not content:
        return None
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WireError("an embedded value is not JSON") from None


def _strings(value: int | bytes) -> list[str]:
    return [_text(part) for number, _, part in read_fields(_bytes(value)) if number == 1]


def _decode_schemas(kind: str, content: bytes, depth: int) -> Any:
    fields = list(read_fields(content))
    schemas = _table().schemas
    if kind == "schema-or-bool":
        parts = {number: part for number, _, part in fields}
        return _decode_message(schemas, _bytes(parts[2]), depth) if 2 in parts else bool(parts.get(1))
    single = [part for number, _, part in fields if number == 1]
    if single:
        return _decode_message(schemas, _bytes(single[-1]), depth)
    several = [_bytes(part) for number, _, part in fields if number == 2]
    if kind == "schema-or-strings":
        return [_text(part) for part in several]
    return [_decode_message(schemas, part, depth) for part in several]


_SCALARS: dict[str, Callable[[int | bytes], Any]] = {
    "string": _text,
    "int": _integer,
    "bool": lambda value: bool(_integer(value)),
    "float": _float,
    "bytes": lambda value: base64.b64encode(_bytes(value)).decode(),
    "quantity": _quantity,
    "int-or-string": _int_or_string,
    "time": lambda value: _moment(value, "seconds"),
    "micro-time": lambda value: _moment(value, "microseconds"),
    "raw": _raw,
    "strings": _strings,
}
