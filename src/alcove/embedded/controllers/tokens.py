"""Secrets of type ``kubernetes.io/service-account-token``: filled with a lasting token of their account."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from alcove.embedded.controllers.actions import NOTHING, Plan, delete_of, patch_of
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.objects import GroupResource, Object, ObjectKey, WatchEvent, annotations_of, metadata
from alcove.embedded.ports import ClusterReader, TokenIssuer

SECRETS = GroupResource("secrets")
ACCOUNTS = GroupResource("serviceaccounts")

_ACCOUNT_NAME = "kubernetes.io/service-account.name"
_ACCOUNT_UID = "kubernetes.io/service-account.uid"
_TEN_YEARS = 10 * 365 * 24 * 3600


def tokens(api: ClusterReader, issuer: TokenIssuer, *, ca_certificate: str) -> Controller:
    """Give the controller of service-account token Secrets."""

    def keys(event: WatchEvent) -> Iterable[ObjectKey]:
        meta = metadata(event.object)
        if event.resource == SECRETS:
            return (ObjectKey(SECRETS, meta["namespace"], meta["name"]),) if _is_token(event.object) else ()
        return [
            ObjectKey(SECRETS, meta["namespace"], metadata(one)["name"])
            for one in api.list(SECRETS, meta["namespace"])
            if _is_token(one) and annotations_of(one).get(_ACCOUNT_NAME) == meta["name"]
        ]

    def plan(key: ObjectKey, now: float) -> Plan:
        if (secret := api.get(*key)) is None:
            return NOTHING
        account = api.get(ACCOUNTS, key.namespace, annotations_of(secret).get(_ACCOUNT_NAME, ""))
        return plan_token(secret, account, issuer, ca_certificate=ca_certificate)

    return Controller("serviceaccount-token-controller", (SECRETS, ACCOUNTS), keys, plan)


def _is_token(secret: Object) -> bool:
    return secret.get("type") == "kubernetes.io/service-account-token"


def plan_token(secret: Object, account: Object | None, issuer: TokenIssuer, *, ca_certificate: str) -> Plan:
    """Fill the Secret, or remove it when its account is gone or was made anew."""
    meta = metadata(secret)
    known = annotations_of(secret).get(_ACCOUNT_UID)
    if account is None or known not in (None, metadata(account)["uid"]):
        return Plan([delete_of(SECRETS, secret)])
    if "deletionTimestamp" in meta or (known and (secret.get("data") or {}).get("token")):
        return NOTHING
    name, bound = metadata(account)["name"], {"kind": "Secret", "apiVersion": "v1", "name": meta["name"]}
    token, _ = issuer.issue(meta["namespace"], name, seconds=_TEN_YEARS, bound={**bound, "uid": meta["uid"]})
    content = {"token": token, "ca.crt": ca_certificate, "namespace": meta["namespace"]}
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in content.items()}
    annotations = {_ACCOUNT_UID: metadata(account)["uid"]}
    return Plan([patch_of(SECRETS, secret, {"metadata": {"annotations": annotations}, "data": encoded})])
