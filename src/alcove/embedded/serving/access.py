"""Who asks, on whose behalf, and whether they may.

A client certificate comes first, then a bearer token; whoever shows nothing is ``system:anonymous``, and
whoever shows a bad token is refused rather than taken for that. Impersonation is asked of the authorizer part
by part: user, groups, uid, extra.
"""

from __future__ import annotations

import asyncio
import ssl
import urllib.parse
import weakref
from collections.abc import Iterator
from typing import Any

from aiohttp import web
from multidict import CIMultiDictProxy

from alcove.embedded import faults
from alcove.embedded.identity import users
from alcove.embedded.ports import Attributes, Authenticator, Authorizer, UserInfo
from alcove.embedded.serving.paths import RequestInfo

_EXTRA_PREFIX = "impersonate-extra-"
_ACCOUNT_PREFIX = "system:serviceaccount:"


class Access:
    """Authentication, impersonation and authorization of requests."""

    def __init__(self, authenticator: Authenticator, authorizer: Authorizer) -> None:
        """Ask these two about every request."""
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._certificates: weakref.WeakKeyDictionary[object, tuple[str, tuple[str, ...]] | None] = (
            weakref.WeakKeyDictionary()
        )

    def identify(self, request: web.BaseRequest) -> UserInfo:
        """Give the user of a request, after impersonation.

        Raises:
            ApiError: 401 for a bad token, 403 when impersonating is not allowed.
        """
        headers = request.headers
        user = self._authenticate(request)
        if "Impersonate-User" in headers:
            return self._impersonate(user, headers)
        if "Impersonate-Group" in headers or "Impersonate-Uid" in headers:
            raise faults.bad_request("impersonating a group or uid needs an impersonated user")
        return user

    def check(self, user: UserInfo, asked: RequestInfo, *, selected: str = "") -> None:
        """Let the request pass.

        ``selected`` is the one name that a list or watch selects, which roles may allow by ``resourceNames``.

        Raises:
            ApiError: 403, in Kubernetes' words.
        """
        if asked.resource:
            attributes = Attributes(
                user,
                asked.verb,
                asked.group,
                asked.version,
                asked.resource,
                asked.subresource,
                asked.namespace,
                asked.name or selected,
            )
        else:
            attributes = Attributes(user, asked.verb, path=asked.path)
        self._require(attributes)

    def _require(self, attributes: Attributes) -> None:
        verdict = self._authorizer.authorize(attributes)
        if not verdict.allowed:
            raise _forbidden(attributes, verdict.reason)

    def _authenticate(self, request: web.BaseRequest) -> UserInfo:
        subject = self._certificate(request)
        if subject is not None:
            return self._authenticator.authenticate_certificate(*subject)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return self._authenticator.authenticate_token(token.strip())[0]
        return users.ANONYMOUS

    def _certificate(self, request: web.BaseRequest) -> tuple[str, tuple[str, ...]] | None:
        connection = request.protocol
        try:
            return self._certificates[connection]
        except KeyError:
            subject = _read_subject(request.transport)
            self._certificates[connection] = subject
            return subject

    def _impersonate(self, user: UserInfo, headers: CIMultiDictProxy[str]) -> UserInfo:
        if not all(
            value.isprintable() for key, value in headers.items() if key.lower().startswith("impersonate-")
        ):
            raise faults.bad_request("an impersonation header is not printable")
        name = headers["Impersonate-User"]
        groups = tuple(headers.getall("Impersonate-Group", ()))
        uid = headers.get("Impersonate-Uid", "")
        extra = _impersonated_extra(headers)
        for attributes in _impersonations(user, users.impersonated_user(name, groups, uid, extra), groups):
            self._require(attributes)
        return users.impersonated_user(name, groups, uid, extra)


def _read_subject(transport: asyncio.Transport | None) -> tuple[str, tuple[str, ...]] | None:
    described = transport.get_extra_info("ssl_object") if transport is not None else None
    certificate = described.getpeercert() if isinstance(described, ssl.SSLObject) else None
    if not certificate:
        return None
    subject: Any = certificate.get("subject", ())
    pairs = [pair for names in subject for pair in names]
    organizations = tuple(value for key, value in pairs if key == "organizationName")
    common = [value for key, value in pairs if key == "commonName"]
    return (common[0], organizations) if common else None


def _impersonated_extra(headers: CIMultiDictProxy[str]) -> dict[str, tuple[str, ...]]:
    extra: dict[str, tuple[str, ...]] = {}
    for header, value in headers.items():
        if header.lower().startswith(_EXTRA_PREFIX):
            key = urllib.parse.unquote(header.lower().removeprefix(_EXTRA_PREFIX))
            extra[key] = (*extra.get(key, ()), value)
    return extra


def _impersonations(user: UserInfo, target: UserInfo, groups: tuple[str, ...]) -> Iterator[Attributes]:
    namespace, _, name = target.name.removeprefix(_ACCOUNT_PREFIX).partition(":")
    if target.name.startswith(_ACCOUNT_PREFIX) and name and ":" not in name:
        yield Attributes(user, "impersonate", "", "v1", "serviceaccounts", "", namespace, name)
    else:
        yield Attributes(user, "impersonate", "", "v1", "users", name=target.name)
    for group in groups:
        yield Attributes(user, "impersonate", "", "v1", "groups", name=group)
    if target.uid:
        yield Attributes(user, "impersonate", "authentication.k8s.io", "v1", "uids", name=target.uid)
    for key, values in target.extra.items():
        for value in values:
            yield Attributes(
                user, "impersonate", "authentication.k8s.io", "v1", "userextras", key, name=value
            )


def _forbidden(asked: Attributes, reason: str) -> faults.ApiError:
    because = f": {reason}" if reason else ""
    if asked.path:
        message = f'forbidden: User "{asked.user.name}" cannot {asked.verb} path "{asked.path}"{because}'
        return faults.ApiError(403, "Forbidden", message)
    resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    qualified = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    return faults.forbidden(
        qualified,
        asked.name,
        f'User "{asked.user.name}" cannot {asked.verb} resource "{resource}" in API group "{asked.group}"'
        f" {where}{because}",
    )
