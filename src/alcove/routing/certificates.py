"""By which Secret a host is served with TLS: names and reasons, never what a Secret holds.

A prefixed host is served by the certificate of the host without the prefix when that covers it (``*.s.HOST``
covers the prefixes of all spaces). Otherwise a space between the owner and the one that the prefix names may
have a Secret of its own for the host, or beside the owner's Secret there is one for the space, called as
those of copied Ingresses are: ``SECRET-SPACE-alcove``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alcove.model import Certificate, ClusterState, RouteKey, SecretName, SpaceName
from alcove.spaces.hosts import strip_prefix

MISSING = "it does not exist, or the control plane may not read it"
_MISSING = Certificate(fault=MISSING)
_BESIDE = "-alcove"


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

    wanted: Mapping[str, Mapping[SpaceName, Sequence[SecretName]]] = field(default_factory=dict)
    """By host without prefix: the Secrets that each space has for it."""
    known: Mapping[SecretName, Certificate] = field(default_factory=dict)
    beside: bool = False
    """Whether any Secret is called like one that stands beside another."""

    def wanting(self, inner: str, spaces: Iterable[SpaceName]) -> frozenset[SpaceName]:
        """Give those of the spaces that have Secrets for a host."""
        return frozenset(self.wanted.get(inner, ())) & frozenset(spaces)

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
        last: SecretName | None = None
        for secret in self._candidates(inner, chain, key):
            certificate = self.known.get(secret)
            if certificate is not None and not certificate.fault and certificate.covers(host):
                return HostCertificate(secret)
            last = secret
        if last is None:
            return None
        return HostCertificate(last, self.known.get(last, _MISSING).fault, covered=False)

    def _candidates(
        self, inner: str, chain: Sequence[SpaceName], key: RouteKey | None
    ) -> Iterator[SecretName]:
        wanted = self.wanted.get(inner, {})
        for space in chain:
            for secret in wanted.get(space, ()):
                yield secret
                if key and self.beside and (beside := name_for_space(secret, key)) in self.known:
                    yield beside


NO_CERTIFICATES = Certificates()


def observe_certificates(state: ClusterState) -> Certificates:
    """Give the certificates of a state."""
    wanted: dict[str, dict[SpaceName, list[SecretName]]] = {}
    for each in sorted(state.tls, key=lambda each: (each.space, each.host, each.secret)):
        inner = strip_prefix(each.host.lower(), RouteKey(each.space))
        wanted.setdefault(inner, {}).setdefault(each.space, []).append(each.secret)
    beside = any(name.endswith(_BESIDE) for name in state.certificates)
    return Certificates(wanted, state.certificates, beside)


def name_for_space(secret: SecretName, space: str) -> SecretName:
    """Give the name of the Secret for a space's hosts that stands beside another."""
    return SecretName(f"{secret}-{space}{_BESIDE}")
