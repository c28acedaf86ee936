"""Who asks, and whether they may (room: identity)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from alcove.embedded.objects import Object


@dataclass(frozen=True, slots=True)
class UserInfo:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked, as an authorizer sees it."""

    user: UserInfo
    verb: str
    """``get``, ``list``, ``watch``, ``create``, ``update``, ``patch``, ``delete``, ``deletecollection``..."""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    """Set instead of ``resource`` for requests outside of resources, such as ``/version``."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is allowed, and the reason in words."""

    allowed: bool
    reason: str = ""


class Authenticator(Protocol):
    """Tells who asks (room: identity)."""

    def authenticate_certificate(self, subject_common_name: str, organizations: Sequence[str]) -> UserInfo:
        """Give the user of a client certificate that our authority has signed."""

    def authenticate_token(
        self, token: str, audiences: Sequence[str] = ()
    ) -> tuple[UserInfo, tuple[str, ...]]:
        """Give the user of a bearer token and the audiences it is good for.

        Raises:
            ApiError: 401 when it is unknown, expired, for other audiences, or its object is gone.
        """


class Authorizer(Protocol):
    """Tells whether they may (room: identity)."""

    def authorize(self, attributes: Attributes) -> Verdict:
        """Decide from the RBAC objects of this moment."""


class TokenIssuer(Protocol):
    """Makes service-account tokens (room: identity)."""

    def issue(
        self,
        namespace: str,
        service_account: str,
        *,
        audiences: Sequence[str] = (),
        seconds: int = 3600,
        bound: Object | None = None,
    ) -> tuple[str, str]:
        """Give the token and its expiry (RFC 3339); ``bound`` is a boundObjectRef (Pod, Secret) with uid.

        Raises:
            ApiError: 404 when the account or the bound object does not exist.
        """
