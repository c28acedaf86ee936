"""Who a pod is by its token, and the certificate that it gets for that.

A pod shows a token that the API server made for it alone (audience ``azds``, bound to the pod). The API
server says whose it is (TokenReview), and what it says is read here, strictly. Nothing of a request but its
token counts, so nobody can ask for another pod's certificate. The answer is a file of secrets as Envoy reads
them.

A certificate says the pod as ``spiffe://alcove/POD_UID/NAMESPACE/POD_NAME`` and nothing else, so it is good
towards those alone who read that. It ends soon: there is no list of revoked ones. Pods of spaces get one, and
Alcove's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from alcove.admission import markers, signing
from alcove.admission.certificates import Authority
from alcove.admission.markers import Object
from alcove.admission.messages import typed
from alcove.admission.upstreams import CERTIFICATE, TRUST
from alcove.pki import KeyPair

AUDIENCE = "azds"
"""What the pods' tokens are for: they are worth nothing to the API server."""
TRUST_DOMAIN = "alcove"
LIFETIME = 24 * 3600.0
"""Seconds for which a certificate holds."""
MAX_AGE = 12 * 3600.0
"""Seconds after which it is to be fetched anew."""
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NAMESPACE = re.compile(_LABEL)
_UID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?")
_ACCOUNT = "system:serviceaccount"
_EXTRA = "authentication.kubernetes.io/"


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """A pod that exists, or did a moment ago."""

    uid: str
    namespace: str
    name: str

    @property
    def node_id(self) -> str:
        """The id of the node (Envoy) that runs in it."""
        return f"{self.uid}/{self.namespace}/{self.name}"


class Refusal(Enum):
    """Why a token stands for no pod."""

    NOT_AUTHENTIC = "the token is not one that the cluster made for this audience"
    NOT_OF_A_POD = "the token is not bound to a pod"
    ELSEWHERE = "only pods of spaces, and Alcove's own, get certificates"
    UNAVAILABLE = "the token cannot be looked at now"


@dataclass(frozen=True, slots=True)
class Refused:
    """A token that stands for no pod."""

    refusal: Refusal
    detail: str = ""
    """What exactly, where the refusal leaves it open; never the token."""

    def __str__(self) -> str:
        return f"{self.refusal.value} ({self.detail})" if self.detail else self.refusal.value


@dataclass(frozen=True, slots=True)
class Document:
    """An answer to a pod: a file of secrets, and for how many seconds it is good."""

    body: Object
    max_age: int


def render_token_review(token: str) -> Object:
    """Give the question to the API server (``authentication.k8s.io/v1``)."""
    spec = {"token": token, "audiences": [AUDIENCE]}
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}


def resolve_pod(review: Mapping[str, Any]) -> PodIdentity | Refused:
    """Give the pod that an answered TokenReview says, or why it says none."""
    status = markers.mapping(review, "status")
    if status.get("authenticated") is not True:
        return Refused(Refusal.NOT_AUTHENTIC)
    # An API server that does not know of audiences gives none back, and would have taken any token.
    audiences = status.get("audiences")
    if not isinstance(audiences, list) or AUDIENCE not in audiences:
        return Refused(Refusal.NOT_AUTHENTIC)
    user = markers.mapping(status, "user")
    account = str(user.get("username", "")).split(":")
    namespace = account[2] if len(account) == 4 else ""
    if ":".join(account[:2]) != _ACCOUNT or not _NAMESPACE.fullmatch(namespace):
        return Refused(Refusal.NOT_OF_A_POD, "its user is no service account")
    name, uid = _only(user, f"{_EXTRA}pod-name"), _only(user, f"{_EXTRA}pod-uid")
    if not _NAME.fullmatch(name) or not _UID.fullmatch(uid):
        return Refused(Refusal.NOT_OF_A_POD)
    return PodIdentity(uid, namespace, name)


def issue_certificate(pod: PodIdentity, authority: Authority, now: float) -> Document:
    """Give the pod's certificate with a new key, signed by ``authority``; ``now`` in Unix seconds.

    It ends with its authority at the latest, and is to be renewed halfway at the latest.
    """
    ends = min(now + LIFETIME, authority.ends)
    uri = f"spiffe://{TRUST_DOMAIN}/{pod.node_id}"
    pair = signing.make_client(authority.pair, now, ends, uri=uri)
    return Document(_certificate(pair), int(max(0.0, min(MAX_AGE, (ends - now) / 2))))


def render_trust(bundle: bytes) -> Document:
    """Give what pods are to trust: ``bundle`` holds PEM certificates of authorities."""
    context = {"trusted_ca": _inline(bundle)}
    return Document(_secrets(TRUST, validation_context=context), int(MAX_AGE))


def _certificate(pair: KeyPair) -> Object:
    chain, key = _inline(pair.certificate), _inline(pair.key)
    return _secrets(CERTIFICATE, tls_certificate={"certificate_chain": chain, "private_key": key})


def _secrets(name: str, **content: object) -> Object:
    return {"resources": [typed("Secret", name=name, **content)]}


def _inline(pem: bytes) -> Object:
    return {"inline_string": pem.decode()}


def _only(user: Mapping[str, Any], key: str) -> str:
    """Give the only value of an extra of a user, else nothing."""
    values = markers.mapping(user, "extra").get(key)
    only = values[0] if isinstance(values, list) and len(values) == 1 else ""
    return only if isinstance(only, str) else ""
