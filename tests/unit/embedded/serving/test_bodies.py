from __future__ import annotations

import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.faults import ApiError
from alcove.embedded.serving import bodies, protobuf

YAML = "application/yaml"
TYPES = ("application/json", YAML, protobuf.MEDIA_TYPE, *bodies.PATCHES, "text/plain", "")
YAML_PIECES = [
    "- ",
    ": ",
    "\n",
    "  ",
    "a",
    "&a ",
    "*a",
    "<<: *a",
    "{",
    "}",
    "[",
    "]",
    "!!binary ",
    "!!set",
    "? ",
    "|",
    "'",
    '"',
    "\\ud800",
    "!!float .nan",
    "0x",
    "1e400",
    "---",
    "!!timestamp",
    "2020-01-01",
]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"a":{"b":[1,true,null,"2020-01-01"]}}', ""),
        (b'{"a":{"b":[1,true,null,"2020-01-01"]}}', "application/json; charset=utf-8"),
        (b"a:\n  b:\n  - 1\n  - yes\n  - null\n  - 2020-01-01\n", YAML),
        (b'{"a":{"b":[1,true,null,"2020-01-01"]}}', "text/yaml"),
    ],
)
def test_json_and_yaml_say_the_same(body: bytes, content_type: str) -> None:
    assert bodies.parse_object(body, content_type) == {"a": {"b": [1, True, None, "2020-01-01"]}}


def test_keys_of_yaml_become_text() -> None:
    assert bodies.parse_object(b"2: a\ntrue: b\n", YAML) == {"2": "a", "true": "b"}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", ""),
        (b"[]", ""),
        (b"{", ""),
        (b'{"a":"\xff"}', ""),
        (b'{"a":"\\ud800"}', ""),
        (b'{"a":1e999}', ""),
        (b'{"a":' * 100_000, ""),
        (b'{"a":' * 200 + b"1" + b"}" * 200, ""),
        (b"- " * 5000, YAML),
        (b"{" * 5000, YAML),
        (b"a: .nan", YAML),
        (b"a: !!binary aGk=", YAML),
        (b"[1]: 2", YAML),
        (b'a: "\\ud800"', YAML),
        (b"a: &a [*a]", YAML),
        (b"\xff\xfe", YAML),
        (b"{}", protobuf.MEDIA_TYPE),
    ],
)
def test_what_is_no_object_is_400(body: bytes, content_type: str) -> None:
    with pytest.raises(ApiError) as refused:
        bodies.parse_object(body, content_type)
    assert refused.value.code == 400


def test_a_small_yaml_cannot_grow_large() -> None:
    layers = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10))
    with pytest.raises(ApiError, match="too many values"):
        bodies.parse_object(f"l0: &l0 [x]\n{layers}".encode(), YAML)


def test_many_brackets_side_by_side_are_fine() -> None:
    body = json.dumps({"a": [{} for _ in range(1000)]}).encode()
    assert len(bodies.parse_object(body, "")["a"]) == 1000


def test_other_encodings_are_415() -> None:
    for content_type in ("text/plain", bodies.MERGE_PATCH, "application/cbor"):
        with pytest.raises(ApiError) as refused:
            bodies.parse_object(b"{}", content_type)
        assert refused.value.code == 415


def test_patches_are_told_apart_and_apply_may_be_yaml() -> None:
    assert bodies.parse_patch(b'{"a":1}', f"{bodies.MERGE_PATCH}; charset=utf-8") == (
        bodies.MERGE_PATCH,
        b'{"a":1}',
    )
    assert bodies.parse_patch(b"a: 1", bodies.APPLY_PATCH) == (bodies.APPLY_PATCH, b'{"a":1}')
    with pytest.raises(ApiError) as refused:
        bodies.parse_patch(b"{}", "application/json")
    assert refused.value.code == 415


@given(st.binary(), st.sampled_from(TYPES))
def test_random_bytes_are_refused_or_can_be_written_again(body: bytes, content_type: str) -> None:
    with contextlib.suppress(ApiError):
        msgspec.json.encode(bodies.parse_value(body, content_type))
    with contextlib.suppress(ApiError):
        bodies.parse_patch(body, content_type)


@given(st.lists(st.sampled_from(YAML_PIECES), max_size=30))
def test_random_yaml_is_refused_or_can_be_written_again(pieces: list[str]) -> None:
    with contextlib.suppress(ApiError):
        msgspec.json.encode(bodies.parse_value("".join(pieces).encode(), YAML))


@pytest.mark.parametrize("body", [b"[" * 100_000, b"{a: " * 100_000, b"- " * 100_000, b"? " * 100_000])
def test_deeply_nested_yaml_is_refused_before_it_is_composed(body: bytes) -> None:
    with pytest.raises(ApiError) as raised:
        bodies.parse_object(body, YAML)
    assert raised.value.code == 400
