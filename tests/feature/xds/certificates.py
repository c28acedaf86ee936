"""Certificates for one test: an authority that vouches for a server and for proxies."""

from __future__ import annotations

import datetime
import ipaddress
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alcove.xds.credentials import Credentials


class Authority:
    """Issues certificates and keys as PEM."""

    def __init__(self) -> None:
        """Make a new authority."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("authority")
        certificate = (
            _begin(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, common_name: str, *alternatives: x509.GeneralName) -> tuple[bytes, bytes]:
        """Give a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _begin(_name(common_name), self._name, key)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM), private_pem(key)

    def of_node(self, node_id: str, *, domain: str = "alcove") -> tuple[bytes, bytes]:
        """Give the certificate and key of a proxy."""
        return self.issue("", x509.UniformResourceIdentifier(f"spiffe://{domain}/{node_id}"))

    def of_server(self) -> Credentials:
        """Give what a server on the loopback needs; proxies must be of this authority, too."""
        loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        certificate, key = self.issue("server", x509.DNSName("localhost"), loopback)
        return Credentials(certificate, key, self.pem)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Give a key as unencrypted PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


def _begin(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.fromtimestamp(time.time(), tz=datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
