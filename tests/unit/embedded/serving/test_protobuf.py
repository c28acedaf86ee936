from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded import faults
from alcove.embedded.serving import protobuf

BODIES: dict[str, Any] = json.loads(Path(__file__).with_name("protobuf_bodies.json").read_text())
"""What Go's client library writes for some objects, and the JSON that it writes for the same."""


def field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    pieces = []
    while value > 0x7F:
        pieces.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*pieces, value])


def envelope(api_version: str, kind: str, content: bytes) -> bytes:
    about = field(1, api_version.encode()) + field(2, kind.encode())
    return b"k8s\x00" + field(1, about) + field(2, content)


@pytest.mark.parametrize("kind", sorted(BODIES))
def test_an_object_is_the_same_as_in_json(kind: str) -> None:
    sample = BODIES[kind]
    assert protobuf.decode_object(base64.b64decode(sample["body"])) == sample["object"]


def test_fields_of_a_newer_release_are_skipped() -> None:
    body = envelope("v1", "ConfigMap", b"\xf8\x7f\x01" + field(2, field(1, b"k") + field(2, b"v")))
    assert protobuf.decode_object(body)["data"] == {"k": "v"}


def test_numbers_may_be_packed() -> None:
    groups = field(2, field(14, field(4, b"\x01\xac\x02")))
    item = protobuf.decode_object(envelope("v1", "Pod", groups))
    assert item["spec"]["securityContext"]["supplementalGroups"] == [1, 300]


def test_options_are_known_in_every_group() -> None:
    body = envelope("example.com/v1", "DeleteOptions", field(4, b"Orphan"))
    assert protobuf.decode_object(body)["propagationPolicy"] == "Orphan"


def schema_of_definition(schema: bytes) -> Any:
    version = field(4, field(1, schema))
    item = protobuf.decode_object(
        envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", field(2, field(7, version)))
    )
    return item["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def test_the_either_ors_of_a_schema_are_their_one_value() -> None:
    text = field(5, b"string")
    assert schema_of_definition(field(24, field(1, field(5, b"string"))))["items"] == {"type": "string"}
    assert schema_of_definition(field(30, b"\x08\x01"))["additionalProperties"] is True
    assert schema_of_definition(field(30, b"\x08\x00" + field(2, text)))["additionalProperties"] == {
        "type": "string"
    }
    assert schema_of_definition(field(8, field(1, b"[1,2]")))["default"] == [1, 2]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"k8s\x00",
        envelope("v1", "Nothing", b""),
        envelope("v1", "Pod", b"\xff"),
        envelope("v1", "Pod", b"\x08\x01"),
        envelope("v1", "Pod", field(1, field(1, b"\xff"))),
        envelope("v1", "Pod", field(1, field(8, b"\x08" + b"\xff" * 8 + b"\x7f"))),
        envelope("apps/v1", "ControllerRevision", field(2, field(1, b"[" * 5000))),
        envelope("apps/v1", "ControllerRevision", field(2, field(1, b"\xff"))),
    ],
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(faults.ApiError) as refused:
        protobuf.decode_object(body)
    assert refused.value.code == 400


def test_deep_schemas_are_refused() -> None:
    schema = b""
    for _ in range(150):
        schema = field(24, field(1, schema))
    with pytest.raises(faults.ApiError, match="too deep"):
        schema_of_definition(schema)


@given(st.sampled_from(sorted(BODIES)), st.binary(max_size=300))
def test_random_content_raises_nothing_else(kind: str, content: bytes) -> None:
    with contextlib.suppress(faults.ApiError):
        api_version, _, name = kind.partition(" ")
        protobuf.decode_object(envelope(api_version, name, content))


@given(st.sampled_from(sorted(BODIES)), st.integers(0, 600), st.integers(0, 255))
def test_a_changed_byte_raises_nothing_else(kind: str, place: int, byte: int) -> None:
    body = bytearray(base64.b64decode(BODIES[kind]["body"]))
    body[place % len(body)] = byte
    with contextlib.suppress(faults.ApiError):
        json.dumps(protobuf.decode_object(bytes(body)))
