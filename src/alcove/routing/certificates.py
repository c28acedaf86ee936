"""By which Secret a host is served with TLS: names and reasons, never what a Secret holds.

A prefixed host is served by the certificate of the host without the prefix when that covers it (``*.s.HOST``
covers the prefixes of all spaces). Otherwise a space between the owner and the one that the prefix names may
have a Secret of its own for the host, or beside the owner's Secret there is one for the space, called as
those of copied Ingresses are: ``SECRET-SPACE-alcove``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alcove.model import Certificate, ClusterState, RouteKey, SecretName, SpaceName
from alcove.spaces.hosts import strip_prefix

MISSING = "it does not exist, or the control plane may not read it"


@dataclass(frozen=True, slots=True)
class HostCertificate:
    """How one host is served with TLS."""

    secret: SecretName
    fault: str = ""
    """Why it cannot be: whoever asks for the host is told."""
    covered: bool = True
    """Whether the certificate is for that host; if not, clients will not trust it."""

    def __str__(self) -> str:
        """Say what is wrong, for people."""
        if self.fault:
            return f"the Secret {self.secret} cannot be used: {self.fault}"
        return "" if self.covered else f"the certificate of the Secret {self.secret} is not for this host"


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the Ingresses want, and what there is."""

    wanted: Mapping[tuple[SpaceName, str], Sequence[SecretName]] = field(default_factory=dict)
    """The Secrets that a space has for a host, without the space's own prefix."""
    known: Mapping[SecretName, Certificate] = field(default_factory=dict)

    def choose(
        self, host: str, *, inner: str, chain: Sequence[SpaceName], key: RouteKey | None = None
    ) -> HostCertificate | None:
        """Give how a host is served; None when nobody wants TLS for it.

        The first Secret in order that covers it serves it, else the last one that is named for it.

        Args:
            host: The host as clients ask for it.
            inner: The host without prefix.
            chain: The spaces whose Secrets count, the owner of the host first.
            key: The space that the prefix names.
        """
        candidates: list[SecretName] = []
        for space in chain:
            for secret in self.wanted.get((space, inner), ()):
                beside = name_for_space(secret, key) if key else secret
                candidates += [secret, *([beside] if beside in self.known and beside != secret else [])]
        if not candidates:
            return None
        found = next((each for each in candidates if self._usable(each, host)), candidates[-1])
        certificate = self.known.get(found, Certificate(fault=MISSING))
        return HostCertificate(found, certificate.fault, certificate.covers(host))

    def _usable(self, secret: SecretName, host: str) -> bool:
        certificate = self.known.get(secret)
        return certificate is not None and not certificate.fault and certificate.covers(host)


NO_CERTIFICATES = Certificates()


def observe_certificates(state: ClusterState) -> Certificates:
    """Give the certificates of a state."""
    wanted: dict[tuple[SpaceName, str], list[SecretName]] = {}
    for each in sorted(state.tls, key=lambda each: (each.space, each.host, each.secret)):
        inner = strip_prefix(each.host.lower(), RouteKey(each.space))
        wanted.setdefault((each.space, inner), []).append(each.secret)
    return Certificates(wanted, state.certificates)


def name_for_space(secret: SecretName, space: str) -> SecretName:
    """Give the name of the Secret for a space's hosts that stands beside another."""
    return SecretName(f"{secret}-{space}-alcove")
