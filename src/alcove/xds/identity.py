"""Who a proxy is: what its certificate says, in the one spelling that node ids have.

A node id is ``POD_UID/NAMESPACE/POD_NAME``. A certificate says it as the URI ``spiffe://DOMAIN/NODE_ID``
among its alternative names, or, where it has no such URI, as its common name (which X.509 limits to 64
characters).
What a proxy claims in its first request must be the same text: it is compared, never believed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_NODE_ID = re.compile(rf"{_PART}/{_PART}/{_PART}")
_SHOWN = 200
"""Characters of a foreign text that are repeated in a reason."""


class IdentityError(Exception):
    """A proxy is not who it must be; the text is the reason, fit for logs and for the proxy."""


def node_id(pod_uid: str, namespace: str, pod_name: str) -> str:
    """Give the id of the node that runs in a pod."""
    return f"{pod_uid}/{namespace}/{pod_name}"


def resolve_identity(alternatives: Sequence[str], common_name: str, *, trust_domain: str) -> str:
    """Give the node id that a verified certificate stands for.

    Args:
        alternatives: the certificate's subject alternative names, of any kind.
        common_name: its common name; counts only if no alternative is a SPIFFE URI.
        trust_domain: the domain that the URI must have.

    Raises:
        IdentityError: it stands for none, or for more than one.
    """
    uris = [name for name in alternatives if name.startswith("spiffe://")]
    if len(uris) > 1:
        raise IdentityError("the certificate has more than one SPIFFE URI")
    if not uris:
        return _checked(common_name, "common name")
    domain, _, path = uris[0].removeprefix("spiffe://").partition("/")
    if domain != trust_domain:
        raise IdentityError(f"the certificate is of trust domain {_shown(domain)}, not {trust_domain!r}")
    return _checked(path, "SPIFFE URI")


def check_claim(identity: str, claimed: str) -> None:
    """Compare what a node claims to be with its certificate.

    Raises:
        IdentityError: they differ.
    """
    if claimed != identity:
        raise IdentityError(
            f"node.id is {_shown(claimed)} but the certificate is of {identity!r}: "
            "set node.id in the bootstrap to what the certificate says"
        )


def _checked(text: str, where: str) -> str:
    if not _NODE_ID.fullmatch(text):
        raise IdentityError(f"the certificate's {where} {_shown(text)} is not POD_UID/NAMESPACE/POD_NAME")
    return text


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
