"""Answers: JSON bytes with the headers they need, made with as little work as can be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import Object, ResourceType

_encode = msgspec.json.Encoder(decimal_format="number").encode
_JSON_HEADERS = CIMultiDict({"Content-Type": "application/json", "Cache-Control": "no-cache, private"})
_LONGEST_WARNING = 256


def encode(value: Any) -> bytes:
    """Give a value as JSON."""
    return _encode(value)


def give_bytes(body: bytes, *, status: int = 200, warnings: Sequence[str] = ()) -> web.Response:
    """Answer with JSON that is encoded already."""
    response = web.Response(body=body, status=status, headers=_JSON_HEADERS)
    for warning in warnings:
        response.headers.add("Warning", render_warning(warning))
    return response


def give_object(value: Object, *, status: int = 200, warnings: Sequence[str] = ()) -> web.Response:
    """Answer with an object."""
    return give_bytes(_encode(value), status=status, warnings=warnings)


def give_text(text: str, *, status: int = 200) -> web.Response:
    """Answer with plain text."""
    return web.Response(text=text, status=status, headers={"X-Content-Type-Options": "nosniff"})


def give_failure(error: ApiError) -> web.Response:
    """Answer with the ``Status`` of an error."""
    status = error.status()
    try:
        body = _encode(status)
    except UnicodeEncodeError:  # it quotes what came from the wire and is no text
        body = json.dumps(status).encode()
    response = give_bytes(body, status=error.code)
    seconds = error.details.get("retryAfterSeconds")
    if isinstance(seconds, int) and error.code in (429, 503, 500, 504):
        response.headers["Retry-After"] = str(seconds)
    if error.code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="kubernetes"'
    return response


def make_pretty(response: web.StreamResponse) -> None:
    """Indent the JSON of an answer, for people who read it."""
    if response.content_type != "application/json" or not isinstance(response, web.Response):
        return
    if isinstance(response.body, bytes) and response.body:
        response.body = msgspec.json.format(response.body, indent=2)


def render_warning(text: str) -> str:
    """Give a ``Warning`` header's value (RFC 7234), on one line and of bounded length."""
    line = "".join(character if character.isprintable() else " " for character in text)[:_LONGEST_WARNING]
    quoted = line.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{quoted}"'


def render_list(resource_type: ResourceType, meta: Object, items: Iterable[bytes]) -> bytes:
    """Give a list's JSON by joining the JSON of its items."""
    kind = resource_type.list_kind or f"{resource_type.kind}List"
    head = _encode({"kind": kind, "apiVersion": resource_type.api_version, "metadata": meta})
    return b"".join((head[:-1], b',"items":[', b",".join(items), b"]}"))
