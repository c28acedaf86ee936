"""The body of a request as JSON values, whatever it was encoded in.

JSON, YAML and Kubernetes' protobuf are read. What comes from the wire is bounded in size and in nesting
before anything recursive walks it, so that no body can do more than be refused.
"""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from aiohttp import web

from alcove.embedded import faults
from alcove.embedded.objects import Object
from alcove.embedded.serving import protobuf

BODY_LIMIT = 3 << 20
"""The most bytes of a body; more is 413."""
DEEPEST = 128
"""The deepest nesting of arrays and objects in a body."""
_MOST_NODES = 400_000
_YAML = ("application/yaml", "application/x-yaml", "text/yaml")
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
PATCHES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)
_KNOWN = ("application/json", "application/yaml", protobuf.MEDIA_TYPE)


async def read_body(request: web.BaseRequest) -> bytes:
    """Read the body whole.

    Raises:
        ApiError: 413 over the limit of the request's server, 400 when it cannot be decoded at all.
    """
    if not request.body_exists:
        return b""
    limit = request.client_max_size
    length = request.content_length
    if length is not None and length > limit:
        raise faults.too_large(limit)
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise faults.too_large(limit) from None
    except web.RequestPayloadError as error:
        raise faults.bad_request(f"the body could not be read: {error}") from None


def parse_object(body: bytes, content_type: str) -> Object:
    """Read an object.

    Raises:
        ApiError: 400 for what is not one, 415 for another encoding.
    """
    value = parse_value(body, content_type)
    if not isinstance(value, dict):
        raise faults.bad_request("the body is not an object")
    return value


def parse_value(body: bytes, content_type: str) -> Any:
    """Read any JSON value; as ``parse_object``."""
    kind = media_type(content_type)
    if kind in ("", "application/json"):
        return _parse_json(body)
    if kind == protobuf.MEDIA_TYPE:
        item = protobuf.decode_object(body)
        check_bounds(item)
        return item
    if kind in _YAML:
        return _parse_yaml(body)
    raise faults.unsupported_media_type(content_type[:100], _KNOWN)


def parse_patch(body: bytes, content_type: str) -> tuple[str, bytes]:
    """Give the kind of a patch and its body as JSON.

    Raises:
        ApiError: 415 for what is no patch, 400 for a malformed one.
    """
    kind = media_type(content_type)
    if kind not in PATCHES:
        raise faults.unsupported_media_type(content_type[:100], PATCHES)
    if kind != APPLY_PATCH:
        _parse_json(body)
        return kind, body
    try:
        _parse_json(body)
    except faults.ApiError:
        return kind, msgspec.json.encode(_parse_yaml(body))
    return kind, body


def media_type(content_type: str) -> str:
    """Give a content type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def _parse_json(body: bytes) -> Any:
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise faults.bad_request(f"the body could not be parsed: json parse error: {error}") from None
    if body.count(b"[") + body.count(b"{") > DEEPEST:
        check_bounds(value)
    return value


def check_bounds(value: Any) -> None:
    """Let a tree pass that is neither too deep nor, by shared parts, too large.

    Raises:
        ApiError: 400.
    """
    level = [value] if isinstance(value, (dict, list)) else []
    seen = 0
    for _ in range(DEEPEST + 1):
        below: list[Any] = []
        for node in level:
            children = node.values() if isinstance(node, dict) else node
            below.extend(child for child in children if isinstance(child, (dict, list)))
            seen += len(node)
            if seen > _MOST_NODES:
                raise faults.bad_request("the body has too many values")
        if not below:
            return
        level = below
    raise _too_deep()


def _too_deep() -> faults.ApiError:
    return faults.bad_request(f"the body could not be parsed: exceeded max depth of {DEEPEST}")


def _parse_yaml(body: bytes) -> Any:
    loader, error_type = _yaml_loader()
    try:
        _check_yaml_depth(loader, body)
        reader = loader(body)
        try:
            value = reader.get_single_data()
        finally:
            reader.dispose()
    except RecursionError:
        raise _too_deep() from None
    except (error_type, ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError) as error:
        told = " ".join(str(error).split())[:300]
        raise faults.bad_request(f"the body could not be parsed: yaml: {told}") from None
    check_bounds(value)
    try:
        return msgspec.json.decode(msgspec.json.encode(_as_json(value)))
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise faults.bad_request("the body could not be parsed: yaml: a value has no JSON form") from None


def _check_yaml_depth(loader: Any, body: bytes) -> None:
    """Refuse deep nesting by the flat events of a first reading: composing recurses on the stack of C."""
    reader = loader(body)
    depth = 0
    try:
        while reader.check_event():
            kind = type(reader.get_event()).__name__
            if kind in ("MappingStartEvent", "SequenceStartEvent"):
                depth += 1
                if depth > DEEPEST:
                    raise _too_deep()
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                depth -= 1
    finally:
        reader.dispose()


@functools.cache
def _yaml_loader() -> tuple[Any, type[Exception]]:
    import yaml

    class Loader(yaml.CSafeLoader):
        """YAML as Kubernetes reads it: timestamps stay text."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader, yaml.YAMLError


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {_as_key(key): _as_json(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_as_json(child) for child in value]
    if value is None or isinstance(value, (str, int)) or (isinstance(value, float) and value - value == 0):
        return value
    raise faults.bad_request(f"the body could not be parsed: yaml: {type(value).__name__} has no JSON form")


def _as_key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, (str, int, float)):
        return str(key)
    raise faults.bad_request("the body could not be parsed: yaml: a key is not a string")
