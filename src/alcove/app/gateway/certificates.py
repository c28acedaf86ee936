"""Secrets with certificates: what they are for, and the gateway's resources made of them.

Whatever a proxy might refuse is refused here, with the reason: a proxy would only say that it does not start.
What passes is written anew from what was understood of it, so that a proxy reads what was checked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from alcove import pki
from alcove.admission.markers import Object, mapping
from alcove.app.observation.reports import text
from alcove.kube.client import object_key
from alcove.model import Certificate, SecretName
from alcove.pki import KeyPair
from alcove.routing.envoy.names import FALLBACK
from alcove.routing.envoy.secrets import SecretBody, render_secret
from alcove.spaces.hosts import LONGEST_HOST

_CHAIN, _KEY = "tls.crt", "tls.key"
_SMALLEST_RSA = 2048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_COMMON_NAME = "alcove: this host has no certificate of its own"


class _FaultError(ValueError):
    """Why a Secret cannot be used; the text never quotes it."""


@dataclass(frozen=True, slots=True)
class ReadSecret:
    """One Secret: what everybody may know of it, and the pair if it can be used."""

    name: SecretName
    certificate: Certificate
    pair: KeyPair | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ReadSecrets:
    """All that were read."""

    secrets: Mapping[SecretName, ReadSecret] = field(default_factory=dict)

    @property
    def certificates(self) -> Mapping[SecretName, Certificate]:
        """What they are for: the part that goes into the cluster state."""
        return {name: secret.certificate for name, secret in self.secrets.items()}

    def render(self, fallback: KeyPair) -> Mapping[str, SecretBody]:
        """Give the resources of those that can be used, and the fallback's."""
        pairs = {str(name): secret.pair for name, secret in self.secrets.items() if secret.pair}
        return {name: _render(name, pair) for name, pair in {**pairs, FALLBACK: fallback}.items()}


class SecretReader:
    """Reads the Secrets of a cluster again and again; one that has not changed is not read anew."""

    def __init__(self) -> None:
        """Begin with none."""
        self._seen: dict[SecretName, tuple[object, ReadSecret]] = {}

    def read(self, items: Iterable[object]) -> ReadSecrets:
        """Give what all Secrets are for; whatever else than objects is among them is left out."""
        seen: dict[SecretName, tuple[object, ReadSecret]] = {}
        for item in items:
            if isinstance(item, dict) and all(object_key(item)):
                name = SecretName("/".join(object_key(item)))
                kept = self._seen.get(name)
                content = item.get("data")
                seen[name] = kept if kept and kept[0] == content else (content, read_secret(item))
        self._seen = seen
        return ReadSecrets({name: seen[name][1] for name in sorted(seen)})


def read_secret(item: Object) -> ReadSecret:
    """Read one Secret; it never fails for what is in it."""
    name = SecretName("/".join(object_key(item)))
    try:
        chain, key = _decode(item, _CHAIN), _decode(item, _KEY)
        pair, leaf = _read_pair(chain, key)
    except _FaultError as fault:
        return ReadSecret(name, Certificate(fault=str(fault)))
    return ReadSecret(name, Certificate(_hosts(leaf)), pair)


def make_fallback(now: float, ends: float) -> KeyPair:
    """Make the certificate for hosts that have none: self-signed, for no name, so nobody trusts it.

    Args:
        now: Seconds since the epoch.
        ends: When it ends.
    """
    key = pki.new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _COMMON_NAME)])
    builder = pki.begin_certificate(name, name, key.public_key(), (now, ends))
    return pki.sign_certificate(builder, key, key)


def _render(name: str, pair: KeyPair) -> SecretBody:
    return render_secret(name, pair.certificate.decode(), pair.key.decode())


def _decode(item: Object, entry: str) -> bytes:
    written = mapping(item, "data").get(entry)
    if not text(written):
        raise _FaultError(f"it has no {entry}")
    try:
        return base64.b64decode(text(written), validate=True)
    except (binascii.Error, ValueError):
        raise _FaultError(f"its {entry} is no base64") from None


def _read_pair(chain: bytes, key: bytes) -> tuple[KeyPair, x509.Certificate]:
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        public = certificates[0].public_key()
    except Exception:  # the library raises several unrelated types for damaged input, which may quote it
        raise _FaultError(f"its {_CHAIN} is no certificate in PEM") from None
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except Exception:  # as above
        raise _FaultError(f"its {_KEY} is no key in PEM, or has a password") from None
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise _FaultError("its key is neither RSA nor of an elliptic curve of NIST")
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size < _SMALLEST_RSA:
        raise _FaultError(f"its RSA key has less than {_SMALLEST_RSA} bits")
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name not in _CURVES:
        raise _FaultError("its key is neither RSA nor of an elliptic curve of NIST")
    if private.public_key() != public:
        raise _FaultError(f"its {_KEY} is not the key of the first certificate of its {_CHAIN}")
    plain = serialization.Encoding.PEM
    written = b"".join(certificate.public_bytes(plain) for certificate in certificates)
    return KeyPair(written, _key_pem(private)), certificates[0]


def _key_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _hosts(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = found.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(sorted({name.lower() for name in names if len(name) <= LONGEST_HOST}))
