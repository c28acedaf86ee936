"""Whose a certificate of a pod is, and who may speak with whom."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_URI = re.compile(
    r"spiffe://alcove/([A-Za-z0-9][A-Za-z0-9-]{0,63})/([a-z0-9][a-z0-9-]{0,62})/([a-z0-9][a-z0-9.-]{0,252})"
)
_HUB = re.compile(r"alcove-hub-[a-z0-9]+-[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Peer:
    """The pod at the other end."""

    uid: str
    namespace: str
    pod: str

    @property
    def is_hub(self) -> bool:
        """Whether it is of the Deployment of a space's hub, by its name.

        Every pod of a space has a certificate; whoever may name pods there may run what they like anyway.
        """
        return _HUB.fullmatch(self.pod) is not None


def resolve_peer(certificate: Mapping[str, Any] | None) -> Peer | None:
    """Give the pod that a verified certificate names, as ``getpeercert`` gives it; None: none."""
    alternatives = (certificate or {}).get("subjectAltName", ())
    uris = [value for kind, value in alternatives if kind == "URI"]
    found = _URI.fullmatch(uris[0]) if len(uris) == 1 else None
    return Peer(*found.groups()) if found else None


def require_namespace(namespace: str) -> type[ssl.SSLObject]:
    """Give a kind of connection that ends within its handshake unless the peer is a pod of ``namespace``.

    For ``SSLContext.sslobject_class``: nothing is sent to anybody else, not even a request.
    """

    class Checked(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            peer = resolve_peer(self.getpeercert())
            if peer is None or peer.namespace != namespace:
                whom = f"pod {peer.namespace}/{peer.pod}" if peer else "no pod"
                raise ssl.SSLCertVerificationError(f"the certificate is of {whom}, not of {namespace}")

    return Checked
