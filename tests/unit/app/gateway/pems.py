"""Certificates and the Secrets that hold them."""

from __future__ import annotations

import base64
import datetime
import time
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from alcove import pki
from alcove.kube.client import Object
from alcove.pki import KeyPair

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def make_pair(*hosts: str, key: Key | None = None) -> KeyPair:
    """Make a self-signed certificate for hosts, of any kind of key."""
    made = key or pki.new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, (hosts or ("nobody",))[0][:60])])
    now = datetime.datetime.fromtimestamp(time.time(), tz=datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(made.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    digest = None if isinstance(made, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate = builder.sign(made, digest).public_bytes(serialization.Encoding.PEM)
    return KeyPair(certificate, key_pem(made))


def key_pem(key: Key, *, password: bytes = b"") -> bytes:
    """Give a key as PEM."""
    how: Any = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def secret(name: str, pair: KeyPair) -> Object:
    """Make the Secret ``NAMESPACE/NAME``."""
    return secret_of(name, **{"tls.crt": pair.certificate, "tls.key": pair.key})


def secret_of(name: str, **content: bytes) -> Object:
    """Make the Secret ``NAMESPACE/NAME`` of whatever."""
    namespace, _, plain = name.partition("/")
    encoded = {entry: base64.b64encode(each).decode() for entry, each in content.items()}
    return {
        "metadata": {"namespace": namespace, "name": plain},
        "type": "kubernetes.io/tls",
        "data": encoded,
    }
