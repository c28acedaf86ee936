"""The cluster's certificate authority: it vouches for the API server and for users with certificates.

Kept in a directory of its own. The authority itself is made once and lives ten years; the server's
certificate is derived from it and quietly made anew whenever it would not do: near its end, for other
names, or unreadable.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from alcove import pki
from alcove.embedded.identity import keyfiles
from alcove.pki import KeyPair

_AUTHORITY_DAYS = 3650
_LEAF_DAYS = 365
_RENEW_BEFORE_DAYS = 30

SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "127.0.0.1",
    "::1",
    "10.96.0.1",
)
"""What the API server is called by everybody; the node's address comes on top."""


class Authority:
    """Issues certificates in the name of one certificate authority."""

    def __init__(
        self,
        directory: Path,
        certificate: x509.Certificate,
        key: ec.EllipticCurvePrivateKey,
        *,
        clock: Callable[[], float],
    ) -> None:
        """Use a loaded authority; see ``load_authority``."""
        self._directory = directory
        self._certificate = certificate
        self._key = key
        self._clock = clock
        self.certificate_pem = certificate.public_bytes(serialization.Encoding.PEM)
        """What clients trust (``certificate-authority-data``, ``ca.crt``)."""

    def client_certificate(
        self, common_name: str, organizations: Sequence[str] = (), *, days: float = _LEAF_DAYS
    ) -> KeyPair:
        """Make a certificate for the user ``common_name`` in the groups ``organizations``."""
        name = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in organizations]
        name.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
        return self._issue(x509.Name(name), ExtendedKeyUsageOID.CLIENT_AUTH, (), days)

    def server_context(self, node_address: str = "") -> ssl.SSLContext:
        """Give what the API server listens with; clients may show a certificate of this authority.

        Raises:
            AlcoveError: the files cannot be written or read back.
        """
        names = (*SERVER_NAMES, node_address) if node_address else SERVER_NAMES
        chain = self._directory / "server.pem"
        if not self._serves(chain, names):
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
            pair = self._issue(subject, ExtendedKeyUsageOID.SERVER_AUTH, names, _LEAF_DAYS)
            with keyfiles.telling_damage(chain, "server certificate"):
                keyfiles.write_private(chain, pair.certificate + pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_verify_locations(cadata=self.certificate_pem.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_cert_chain(chain)
        return context

    def _serves(self, chain: Path, names: Sequence[str]) -> bool:
        try:
            pem = chain.read_bytes()
            certificate = x509.load_pem_x509_certificate(pem)
            keyfiles.parse_key(pem)
            certificate.verify_directly_issued_by(self._certificate)
            found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except Exception:  # whatever is wrong with it: the certificate is only derived, a new one is made
            return False
        ends = certificate.not_valid_after_utc.timestamp()
        same = {str(entry.value) for entry in found} == set(names)
        return same and ends - self._clock() > _RENEW_BEFORE_DAYS * pki.DAY

    def _issue(
        self, subject: x509.Name, usage: x509.ObjectIdentifier, names: Sequence[str], days: float
    ) -> KeyPair:
        key, now = pki.new_key(), self._clock()
        builder = (
            pki.begin_certificate(
                subject, self._certificate.subject, key.public_key(), (now, now + days * pki.DAY)
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(pki.key_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if names:
            alternatives = x509.SubjectAlternativeName([pki.general_name(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        return pki.sign_certificate(builder, self._key, key)


def load_authority(directory: Path, *, clock: Callable[[], float] = time.time) -> Authority:
    """Give the authority kept in ``directory``, made when there is none yet.

    Raises:
        AlcoveError: its files are damaged, incomplete, or past their end.
    """
    path = directory / "ca.pem"
    with keyfiles.telling_damage(path, "certificate authority"):
        keyfiles.make_private_directory(directory)
        if not path.exists():
            keyfiles.write_private(path, _new_authority(clock()))
        certificate, key = _parse_authority(path.read_bytes(), clock())
    return Authority(directory, certificate, key, clock=clock)


def _new_authority(now: float) -> bytes:
    key = pki.new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alcove-ca")])
    builder = (
        pki.begin_certificate(name, name, key.public_key(), (now, now + _AUTHORITY_DAYS * pki.DAY))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(pki.key_usage(signs=True), critical=True)
    )
    pair = pki.sign_certificate(builder, key, key)
    return pair.certificate + pair.key


def _parse_authority(pem: bytes, now: float) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        public_key = certificate.public_key()
        ends = certificate.not_valid_after_utc.timestamp()
        certificate.verify_directly_issued_by(certificate)
    except Exception as error:  # the library raises several unrelated types for damaged input
        raise ValueError(f"not a certificate: {error}") from error
    key = keyfiles.parse_key(pem)
    if public_key != key.public_key():
        raise ValueError("the key is not the certificate's")
    if not constraints.ca:
        raise ValueError("the certificate is not an authority's")
    if ends <= now:
        raise ValueError("the certificate has expired")
    return certificate, key
