"""What is answered outside of resources: discovery, OpenAPI, health, version, the token issuer's keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from aiohttp import web

from alcove.embedded import faults
from alcove.embedded.discovery import Document
from alcove.embedded.objects import Object
from alcove.embedded.serving import accept
from alcove.embedded.serving.resources import unknown_path
from alcove.embedded.serving.responses import give_object, give_text

_HEALTH = ("healthz", "livez", "readyz")
_PATHS = (
    "/.well-known/openid-configuration",
    "/api",
    "/apis",
    "/healthz",
    "/livez",
    "/openapi/v3",
    "/openid/v1/jwks",
    "/readyz",
    "/version",
)


_OPENAPI_V2 = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_EMPTY_OPENAPI_V2 = b"\n\x032.0\x12\x12\n\nKubernetes\x12\x04v1.0"
"""An OpenAPI 2 document that describes nothing, as protobuf: ``swagger``; ``info`` with title and version."""


class Discovery(Protocol):
    """The documents that describe what is served (room: discovery)."""

    def aggregated(self, root: str) -> Document:
        """Give the ``APIGroupDiscoveryList`` of ``api`` or ``apis``."""

    def api_versions(self, address: str) -> Document:
        """Give ``/api``; ``address`` is ours."""

    def group_list(self) -> Document:
        """Give ``/apis``."""

    def group(self, name: str) -> Document | None:
        """Give ``/apis/NAME``."""

    def resource_list(self, group: str, version: str) -> Document | None:
        """Give ``/api/v1`` and ``/apis/GROUP/VERSION``."""

    def version(self) -> Document:
        """Give ``/version``."""

    def openapi_index(self) -> Document:
        """Give ``/openapi/v3``."""

    def openapi(self, path: str) -> Document | None:
        """Give ``/openapi/v3/PATH``, such as ``apis/apps/v1``."""


class Documents:
    """Answers non-resource paths."""

    def __init__(
        self,
        discovery: Discovery,
        *,
        waiting_for: Callable[[], Sequence[str]],
        issuer: Callable[[], tuple[Object, Object]],
    ) -> None:
        """Answer from ``discovery``.

        ``waiting_for`` names what is not ready yet; ``issuer`` gives the OpenID configuration and the keys.
        """
        self._discovery = discovery
        self._waiting_for = waiting_for
        self._issuer = issuer

    def answer(self, request: web.BaseRequest) -> web.Response:
        """Give the document of the request's path.

        Raises:
            ApiError: 404, 405, 406.
        """
        if request.method not in ("GET", "HEAD"):
            raise faults.method_not_allowed()
        parts = [part for part in request.path.split("/") if part]
        if parts and parts[0] in _HEALTH:
            return self._health(request, parts)
        if parts == ["openapi", "v2"] and _OPENAPI_V2 in request.headers.get("Accept", ""):
            # kubectl checks what comes as a List by it, and leaves to us what it finds nothing about.
            kind = _OPENAPI_V2.replace("@", ".")
            return web.Response(body=_EMPTY_OPENAPI_V2, headers={"Content-Type": kind})
        document = self._find(request, parts)
        return _give_document(request, document) if document else give_object(self._small(parts))

    def _find(self, request: web.BaseRequest, parts: list[str]) -> Document | None:
        match parts:
            case ["api" | "apis" as root]:
                return self._list(request, root)
            case ["api", version]:
                return _existing(self._discovery.resource_list("", version))
            case ["apis", group]:
                return _existing(self._discovery.group(group))
            case ["apis", group, version]:
                return _existing(self._discovery.resource_list(group, version))
            case ["openapi", "v3"]:
                return self._discovery.openapi_index()
            case ["openapi", "v3", *path]:
                return _existing(self._discovery.openapi("/".join(path)))
            case ["version"]:
                return self._discovery.version()
        return None

    def _list(self, request: web.BaseRequest, root: str) -> Document:
        if accept.wants_aggregated(request.headers.get("Accept", "")):
            return self._discovery.aggregated(root)
        return self._discovery.api_versions(request.host) if root == "api" else self._discovery.group_list()

    def _small(self, parts: list[str]) -> Object:
        match parts:
            case []:
                return {"paths": list(_PATHS)}
            case [".well-known", "openid-configuration"]:
                return self._issuer()[0]
            case ["openid", "v1", "jwks"]:
                return self._issuer()[1]
        raise unknown_path()

    def _health(self, request: web.BaseRequest, parts: list[str]) -> web.Response:
        waiting = self._waiting_for() if parts[0] == "readyz" else ()
        named = parts[1] if len(parts) > 1 else ""
        if len(parts) > 2 or (named and named not in ("ping", "etcd", *waiting)):
            raise unknown_path()
        failed = [name for name in waiting if not named or name == named]
        if not failed and "verbose" not in request.query:
            return give_text("ok")
        lines = ["[+]ping ok", *(f"[-]{name} failed: not ready yet" for name in failed)]
        verdict = f"{parts[0]} check {'failed' if failed else 'passed'}"
        return give_text("\n".join([*lines, verdict, ""]), status=500 if failed else 200)


def _existing(document: Document | None) -> Document:
    if document is None:
        raise unknown_path()
    return document


def _give_document(request: web.BaseRequest, document: Document) -> web.Response:
    known = request.headers.get("If-None-Match", "")
    fresh = known == "*" or document.etag in (part.strip().removeprefix("W/") for part in known.split(","))
    headers = {"ETag": document.etag, "Vary": "Accept", "Cache-Control": "public"}
    if fresh:
        return web.Response(status=304, headers=headers)
    return web.Response(body=document.content, headers=headers | {"Content-Type": document.content_type})
