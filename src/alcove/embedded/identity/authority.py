"""The cluster's certificate authority: it vouches for the API server and for users with certificates.

Kept in a directory of its own. The authority itself is made once and lives ten years; the server's
certificate is derived from it and quietly made anew whenever it would not do: near its end, for other
names, or unreadable.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from alcove.embedded.identity import keyfiles

DAY = 86_400.0
_AUTHORITY_DAYS = 3650
_LEAF_DAYS = 365
_RENEW_BEFORE_DAYS = 30
_CLOCK_SKEW = 3600.0
"""Seconds by which certificates begin in the past, for clients whose clocks are behind."""

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


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "KeyPair(...)"


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
        return same and ends - self._clock() > _RENEW_BEFORE_DAYS * DAY

    def _issue(
        self, subject: x509.Name, usage: x509.ObjectIdentifier, names: Sequence[str], days: float
    ) -> KeyPair:
        key = keyfiles.new_key()
        builder = (
            _begin(subject, self._certificate.subject, key.public_key(), self._clock(), days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if names:
            alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return KeyPair(certificate.public_bytes(serialization.Encoding.PEM), keyfiles.key_pem(key))


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
    key = keyfiles.new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alcove-ca")])
    certificate = (
        _begin(name, name, key.public_key(), now, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(digital_signature=True, signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + keyfiles.key_pem(key)


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


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: float, days: float
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(now - _CLOCK_SKEW))
        .not_valid_after(_moment(now + days * DAY))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)


def _key_usage(*, digital_signature: bool, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
