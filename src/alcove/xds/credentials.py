"""What the server shows to proxies and what it demands of them, checked before it is used."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from alcove.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Credentials:
    """The server's certificate chain and key, and the authorities whose certificates proxies must have. PEM.

    Raises:
        ConflictError: they cannot be used, or do not belong together. The reason never quotes them.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes

    def __post_init__(self) -> None:
        chain = _certificates(self.certificate, "the server's certificate")
        _certificates(self.client_ca, "the proxies' certificate authority")
        try:
            key = load_pem_private_key(self.key, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # The cause is left out on purpose: nothing that was read from a key may get into a log.
            raise _unusable("the server's key", "it is not an unencrypted private key in PEM") from None
        if key.public_key() != chain[0].public_key():
            raise _unusable("the server's key", "it is not the key of its certificate")


def _certificates(pem: bytes, what: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise _unusable(what, "it is not a certificate in PEM") from error


def _unusable(what: str, cause: str) -> ConflictError:
    return ConflictError(
        f"{what} cannot be used", cause=cause, hint="make the certificates anew; what was in use stays in use"
    )
