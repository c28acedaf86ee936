"""Tokens of service accounts: issued for an account and perhaps an object, good while both exist.

A token's signature is verified once and remembered; that its account, its bound object and its time still
hold is asked each time, from memory. So a deleted pod's token fails with the next request.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alcove.embedded import faults
from alcove.embedded.identity import users
from alcove.embedded.identity.signing import SigningKey, TokenFormatError
from alcove.embedded.objects import GroupResource, Object, metadata
from alcove.embedded.ports import ClusterReader, UserInfo

ISSUER = "https://kubernetes.default.svc.cluster.local"
"""Also the audience of tokens that are meant for the API server."""

_ACCOUNTS = GroupResource("serviceaccounts")
_BINDABLE = {
    "Pod": (GroupResource("pods"), "pod"),
    "Secret": (GroupResource("secrets"), "secret"),
    "Node": (GroupResource("nodes"), "node"),
}
_LEEWAY = 60
"""Seconds by which a token may begin in the future, for clocks that were set back."""
_REMEMBERED = 1024
_CREDENTIAL = "authentication.kubernetes.io/"


class AccountTokens:
    """Issues tokens and tells whose they are (``ports.TokenIssuer`` and ``ports.Authenticator``)."""

    def __init__(
        self, key: SigningKey, reader: ClusterReader, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Sign with ``key`` for the accounts that ``reader`` has; ``clock`` gives Unix seconds."""
        self._key = key
        self._reader = reader
        self._clock = clock
        self._verified: dict[str, dict[str, Any]] = {}

    def issue(
        self,
        namespace: str,
        service_account: str,
        *,
        audiences: Sequence[str] = (),
        seconds: int = 3600,
        bound: Object | None = None,
    ) -> tuple[str, str]:
        """Give the token and its expiry (RFC 3339); ``bound`` is a boundObjectRef (Pod, Secret, Node).

        Raises:
            ApiError: 404 when the account or the bound object does not exist, 409 when the object is
                another of the same name, 400 when it cannot be bound.
        """
        now = int(self._clock())
        claims = self._claims(namespace, service_account, bound)
        claims |= {"aud": list(audiences) or [ISSUER], "exp": now + seconds}
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + seconds))
        return self._key.sign(claims), expiry

    def issue_for_secret(self, secret: Object) -> str:
        """Give the token of a Secret of type ``kubernetes.io/service-account-token``: good while it exists.

        Raises:
            ApiError: 404 when the account that its annotation names does not exist.
        """
        meta = metadata(secret)
        account = (meta.get("annotations") or {}).get("kubernetes.io/service-account.name", "")
        bound = {"kind": "Secret", "apiVersion": "v1", "name": meta.get("name"), "uid": meta.get("uid")}
        claims = self._claims(meta.get("namespace", ""), account, bound)
        return self._key.sign(claims | {"aud": [ISSUER]})

    def authenticate_certificate(self, subject_common_name: str, organizations: Sequence[str]) -> UserInfo:
        """Give the user of a client certificate that our authority has signed."""
        return users.certificate_user(subject_common_name, organizations)

    def authenticate_token(
        self, token: str, audiences: Sequence[str] = ()
    ) -> tuple[UserInfo, tuple[str, ...]]:
        """Give the user of a token and which of ``audiences`` (the API server's when empty) it is good for.

        Raises:
            ApiError: 401 when it is unknown, expired, for other audiences, or its object is gone.
        """
        claims = self._read(token)
        good_for = tuple(name for name in (audiences or (ISSUER,)) if name in claims["aud"])
        if not good_for or not self._holds(claims):
            raise faults.unauthorized()
        return _user(claims), good_for

    def _claims(self, namespace: str, name: str, bound: Object | None) -> dict[str, Any]:
        account = self._reader.get(_ACCOUNTS, namespace, name)
        if account is None:
            raise faults.not_found(_ACCOUNTS, name)
        told: dict[str, Any] = {
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": metadata(account).get("uid", "")},
        }
        if bound:
            told |= self._bound_claims(namespace, name, bound)
        now = int(self._clock())
        return {
            "iss": ISSUER,
            "sub": users.account_user_name(namespace, name),
            "iat": now,
            "nbf": now,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": told,
        }

    def _bound_claims(self, namespace: str, account: str, bound: Object) -> dict[str, Any]:
        kind, name = bound.get("kind", ""), bound.get("name", "")
        if kind not in _BINDABLE:
            raise faults.bad_request(f"cannot bind token for serviceaccount to object of kind {kind!r}")
        resource, claim = _BINDABLE[kind]
        found = self._reader.get(resource, "" if kind == "Node" else namespace, name)
        if found is None:
            raise faults.not_found(resource, name)
        uid, wanted = metadata(found).get("uid", ""), bound.get("uid")
        if wanted and wanted != uid:
            why = (
                f"the UID in the bound object reference ({wanted}) does not match the UID in record. "
                "The object might have been deleted and then recreated"
            )
            raise faults.conflict(resource, name, why)
        claims = {claim: {"name": name, "uid": uid}}
        if kind == "Pod":
            spec = found.get("spec") or {}
            if spec.get("serviceAccountName") != account:
                raise faults.bad_request(
                    f'cannot bind token for serviceaccount "{account}" to pod running with different '
                    "serviceaccount name."
                )
            claims |= self._node_claims(spec.get("nodeName") or "")
        return claims

    def _node_claims(self, name: str) -> dict[str, Any]:
        node = self._reader.get(GroupResource("nodes"), "", name) if name else None
        return {"node": {"name": name, "uid": metadata(node).get("uid", "")}} if node else {}

    def _read(self, token: str) -> dict[str, Any]:
        known = self._verified.get(token)
        if known is not None:
            return known
        try:
            claims = self._key.read(token)
        except TokenFormatError as error:
            raise faults.unauthorized() from error
        if claims.get("iss") != ISSUER:
            raise faults.unauthorized()
        if len(self._verified) >= _REMEMBERED:
            self._verified.pop(next(iter(self._verified)))
        self._verified[token] = claims
        return claims

    def _holds(self, claims: Mapping[str, Any]) -> bool:
        now, told = self._clock(), claims["kubernetes.io"]
        if claims["nbf"] > now + _LEEWAY or claims.get("exp", now + 1) <= now:
            return False
        namespace = told["namespace"]
        if not self._exists(_ACCOUNTS, namespace, told["serviceaccount"]):
            return False
        return all(
            self._exists(resource, "" if kind == "Node" else namespace, told[claim])
            for kind, (resource, claim) in _BINDABLE.items()
            if claim in told and not (kind == "Node" and "pod" in told)
        )

    def _exists(self, resource: GroupResource, namespace: str, reference: Mapping[str, str]) -> bool:
        found = self._reader.get(resource, namespace, reference["name"])
        return found is not None and metadata(found).get("uid", "") == reference["uid"]


def _user(claims: Mapping[str, Any]) -> UserInfo:
    told = claims["kubernetes.io"]
    extra = {f"{_CREDENTIAL}credential-id": (f"JTI={claims['jti']}",)}
    for claim in ("pod", "node"):
        if claim in told:
            extra[f"{_CREDENTIAL}{claim}-name"] = (told[claim]["name"],)
            extra[f"{_CREDENTIAL}{claim}-uid"] = (told[claim]["uid"],)
    groups = users.account_groups(told["namespace"])
    return UserInfo(claims["sub"], groups, told["serviceaccount"]["uid"], extra)
