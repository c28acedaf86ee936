"""JSON web tokens, signed with ES256 by one key that is kept in a file.

Only what this cluster issues is read: one algorithm, one key, and one spelling of each token (base64 that
decodes to the same bytes but is written differently is refused, so that a token is its own identity).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from alcove import pki
from alcove.embedded.identity import keyfiles

_COORDINATE = 32
_LONGEST_TOKEN = 16_384
_ES256 = ec.ECDSA(hashes.SHA256())


class TokenFormatError(Exception):
    """It is not a token, or not signed by this key."""


class SigningKey:
    """Signs claims and reads them back."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        """Sign with ``key``; see ``load_signing_key``."""
        self._key = key
        self._public = key.public_key()
        der = self._public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._id = _encode(hashlib.sha256(der).digest())
        self._header = _encode(_compact({"alg": "ES256", "kid": self._id}))

    def sign(self, claims: dict[str, Any]) -> str:
        """Give the token that says ``claims``."""
        signed = f"{self._header}.{_encode(_compact(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), _ES256))
        return f"{signed}.{_encode(r.to_bytes(_COORDINATE) + s.to_bytes(_COORDINATE))}"

    def read(self, token: str) -> dict[str, Any]:
        """Give the claims of a token that this key has signed; whether they still hold is not asked.

        Raises:
            TokenFormatError: it is not such a token.
        """
        header, _, rest = token.partition(".")
        claims, _, signature = rest.partition(".")
        if len(token) > _LONGEST_TOKEN or header != self._header:
            raise TokenFormatError("not a token of this cluster")
        raw = _decode(signature)
        if len(raw) != 2 * _COORDINATE:
            raise TokenFormatError("the signature has a wrong length")
        der = encode_dss_signature(int.from_bytes(raw[:_COORDINATE]), int.from_bytes(raw[_COORDINATE:]))
        try:
            self._public.verify(der, f"{header}.{claims}".encode(), _ES256)
            content = json.loads(_decode(claims))
        except (InvalidSignature, ValueError) as error:
            raise TokenFormatError("the signature is wrong") from error
        if not isinstance(content, dict):
            raise TokenFormatError("the claims are not an object")
        return content

    def key_set(self) -> dict[str, Any]:
        """Give the JWKS document (``/openid/v1/jwks``) by which others verify the tokens."""
        numbers = self._public.public_numbers()
        return {
            "keys": [
                {
                    "use": "sig",
                    "kty": "EC",
                    "kid": self._id,
                    "crv": "P-256",
                    "alg": "ES256",
                    "x": _encode(numbers.x.to_bytes(_COORDINATE)),
                    "y": _encode(numbers.y.to_bytes(_COORDINATE)),
                }
            ]
        }


def openid_configuration(issuer: str, jwks_uri: str) -> dict[str, Any]:
    """Give the ``/.well-known/openid-configuration`` document."""
    return {
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }


def load_signing_key(directory: Path) -> SigningKey:
    """Give the key kept in ``directory``, made when there is none yet.

    Raises:
        AlcoveError: the file is damaged or cannot be read.
    """
    path = directory / "service-account.key"
    with keyfiles.telling_damage(path, "token signing key"):
        keyfiles.make_private_directory(directory)
        if not path.exists():
            keyfiles.write_private(path, pki.key_pem(pki.new_key()))
        return SigningKey(keyfiles.parse_key(path.read_bytes()))


def _compact(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise TokenFormatError("not base64") from error
    if _encode(raw) != text:
        raise TokenFormatError("not canonical base64")
    return raw
