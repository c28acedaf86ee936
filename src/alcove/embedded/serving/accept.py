"""Which form of an answer a client accepts: the object, a table of it, or its metadata only.

All answers are JSON. Clients that prefer protobuf name JSON as well, and one that names only what is not
spoken here is told so with 406.
"""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple

from alcove.embedded.faults import ApiError

JSON = "application/json"
Shape = Literal["object", "table", "metadata"]
_SHAPES: dict[str, Shape] = {
    "": "object",
    "Table": "table",
    "PartialObjectMetadata": "metadata",
    "PartialObjectMetadataList": "metadata",
}


class _Range(NamedTuple):
    media_type: str
    parameters: dict[str, str]
    quality: float


def not_acceptable() -> ApiError:
    """406: none of what the client accepts is spoken here."""
    return ApiError(
        406, "NotAcceptable", f"only the following media types are accepted: {JSON}, {JSON};stream=watch"
    )


@functools.lru_cache(maxsize=64)
def choose_shape(header: str) -> Shape:
    """Choose the form of objects from an ``Accept`` header; without one it is JSON.

    Raises:
        ApiError: 406.
    """
    for accepted in _parse(header):
        shape = _SHAPES.get(accepted.parameters.get("as", ""))
        named = (accepted.parameters.get("g"), accepted.parameters.get("v")) == ("meta.k8s.io", "v1")
        if _is_json(accepted) and shape and (shape == "object" or named):
            return shape
    raise not_acceptable()


@functools.lru_cache(maxsize=64)
def wants_aggregated(header: str) -> bool:
    """Tell whether a client prefers aggregated discovery (``v2``) to the older lists.

    Raises:
        ApiError: 406.
    """
    for accepted in _parse(header):
        kind = accepted.parameters.get("as", "")
        named = (accepted.parameters.get("g"), accepted.parameters.get("v")) == ("apidiscovery.k8s.io", "v2")
        if _is_json(accepted) and (not kind or (kind == "APIGroupDiscoveryList" and named)):
            return bool(kind)
    raise not_acceptable()


def _is_json(accepted: _Range) -> bool:
    return accepted.media_type in (JSON, "application/*", "*/*")


def _parse(header: str) -> list[_Range]:
    ranges = [_parse_range(text) for text in header.split(",") if text.strip()]
    wanted = [accepted for accepted in ranges if accepted.quality > 0]
    wanted.sort(key=lambda accepted: -accepted.quality)
    return wanted or ([] if ranges else [_Range(JSON, {}, 1)])


def _parse_range(text: str) -> _Range:
    media_type, *rest = (part.strip() for part in text.split(";"))
    pairs = (part.partition("=") for part in rest)
    parameters = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        quality = 0.0
    return _Range(media_type.lower(), parameters, quality)
