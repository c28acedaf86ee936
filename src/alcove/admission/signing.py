"""X.509 by *cryptography*: an authority that signs for itself, and the certificate of a server."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from alcove import pki
from alcove.pki import KeyPair


def make_authority(now: float, ends: float) -> KeyPair:
    """Make an authority that can sign for servers; its name holds its key, since bundles hold several."""
    key = pki.new_key()
    digest = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:16]
    name = _name(f"alcove-webhook-ca-{digest}")
    builder = (
        pki.begin_certificate(name, name, key.public_key(), (now, ends))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(pki.key_usage(signs=True), critical=True)
    )
    return pki.sign_certificate(builder, key, key)


def make_server(authority: KeyPair, now: float, ends: float, *, names: Sequence[str]) -> KeyPair:
    """Make the certificate of a server that is reached by ``names`` (DNS names and addresses)."""
    issuer, signer = _load(authority)
    key = pki.new_key()
    alternatives = x509.SubjectAlternativeName([pki.general_name(name) for name in names])
    builder = (
        pki.begin_certificate(_name("alcove-webhook"), issuer.subject, key.public_key(), (now, ends))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(pki.key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(alternatives, critical=False)
    )
    return pki.sign_certificate(builder, signer, key)


def check_pair(pair: KeyPair) -> None:
    """Make sure that a certificate and its key can be read and belong together.

    Raises:
        ValueError: they do not.
    """
    certificate, key = _load(pair)
    if certificate.public_key() != key.public_key():
        raise ValueError("the key is not the certificate's")


def _load(pair: KeyPair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate)
        key = serialization.load_pem_private_key(pair.key, password=None)
    except Exception as error:  # the library raises several unrelated types for damaged input
        raise ValueError(f"not a certificate with its key: {type(error).__name__}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not a key of an elliptic curve")  # noqa: TRY004  # one error for all damage
    return certificate, key


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
