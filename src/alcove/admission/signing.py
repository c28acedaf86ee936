"""X.509 by *cryptography*: an authority that signs for itself, and certificates of servers and of clients."""

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
    alternatives = [pki.general_name(name) for name in names]
    usages = (ExtendedKeyUsageOID.SERVER_AUTH,)
    return _make_leaf(authority, (now, ends), "alcove", alternatives=alternatives, usages=usages)


def make_client(authority: KeyPair, now: float, ends: float, *, uri: str) -> KeyPair:
    """Make the certificate of a pod that is known by ``uri``; its common name is nobody's.

    A builder serves with it. It is for no DNS name, so who checks names takes nobody for a server by it.
    """
    alternatives = [x509.UniformResourceIdentifier(uri)]
    usages = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
    return _make_leaf(authority, (now, ends), "alcove-proxy", alternatives=alternatives, usages=usages)


def check_pair(pair: KeyPair) -> None:
    """Make sure that a certificate and its key can be read and belong together.

    Raises:
        ValueError: they do not.
    """
    certificate, key = _load(pair)
    if certificate.public_key() != key.public_key():
        raise ValueError("the key is not the certificate's")


def _make_leaf(
    authority: KeyPair,
    span: tuple[float, float],
    common: str,
    *,
    alternatives: Sequence[x509.GeneralName],
    usages: Sequence[x509.ObjectIdentifier],
) -> KeyPair:
    issuer, signer = _load(authority)
    key = pki.new_key()
    builder = (
        pki.begin_certificate(_name(common), issuer.subject, key.public_key(), span)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(pki.key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    )
    return pki.sign_certificate(builder, signer, key)


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
