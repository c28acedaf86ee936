"""The bytes of a ``DeltaDiscoveryResponse``, put together from parts that are serialised once.

A protobuf message is the concatenation of its fields, so a response is the shared bytes of its resources
followed by what differs from stream to stream. With generated messages the same hundreds of kilobytes
would be parsed and serialised again for each of thousands of streams. Numbers of fields are those of
``envoy/service/discovery/v3/discovery.proto``; the tests read the result with the generated code.
"""

from __future__ import annotations

from collections.abc import Iterable

_RESPONSE_VERSION = 1
_RESPONSE_RESOURCE = 2
_RESPONSE_TYPE = 4
_RESPONSE_NONCE = 5
_RESPONSE_REMOVED = 6
_RESOURCE_VERSION = 1
_RESOURCE_BODY = 2
_RESOURCE_NAME = 3
_ANY_TYPE = 1
_ANY_VALUE = 2


def resource_head(type_url: str, name: str, version: str, size: int) -> bytes:
    """Give what precedes a body of ``size`` bytes as an entry of a response's ``resources``."""
    any_head = _text(_ANY_TYPE, type_url) + opening(_ANY_VALUE, size)
    head = _text(_RESOURCE_NAME, name) + _text(_RESOURCE_VERSION, version)
    head += opening(_RESOURCE_BODY, len(any_head) + size) + any_head
    return opening(_RESPONSE_RESOURCE, len(head) + size) + head


def response(
    type_url: str, nonce: str, version: str, *, parts: Iterable[bytes], removed: Iterable[str]
) -> bytes:
    """Give a whole response; ``parts`` are heads and bodies of its resources in turn."""
    return b"".join(
        (
            *parts,
            *(_text(_RESPONSE_REMOVED, name) for name in removed),
            _text(_RESPONSE_TYPE, type_url),
            _text(_RESPONSE_NONCE, nonce),
            _text(_RESPONSE_VERSION, version),
        )
    )


def _text(number: int, value: str) -> bytes:
    encoded = value.encode()
    return opening(number, len(encoded)) + encoded


def opening(number: int, size: int) -> bytes:
    """Give the tag and length of a length-delimited field."""
    return _varint(number << 3 | 2) + _varint(size)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
