"""What the control plane answers to pods that ask for an identity, read; and contexts of TLS made of it.

The answers are files of secrets as Envoy reads them (see ``alcove.admission.issuing``): of each exactly one
secret counts, and everything in it is checked before it is used.
"""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass

import msgspec

from alcove.pki import KeyPair

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=([0-9]{1,9})(?:$|[,\s])")
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


class MaterialError(Exception):
    """An answer that holds no certificate, or none that can be used; the text quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a pod shows, and whom it trusts."""

    pair: KeyPair
    trust: bytes
    """Certificates of authorities, PEM."""


class _Inline(msgspec.Struct):
    inline_string: str


class _Pair(msgspec.Struct):
    certificate_chain: _Inline
    private_key: _Inline


class _Validation(msgspec.Struct):
    trusted_ca: _Inline


class _Secret(msgspec.Struct):
    tls_certificate: _Pair | None = None
    validation_context: _Validation | None = None


class _Document(msgspec.Struct):
    resources: list[_Secret]


def parse_certificate(body: bytes) -> KeyPair:
    """Read the answer to ``/identity/certificate``.

    Raises:
        MaterialError: it is none.
    """
    found = _only_secret(body).tls_certificate
    if found is None:
        raise MaterialError("the answer holds no certificate")
    pair = KeyPair(found.certificate_chain.inline_string.encode(), found.private_key.inline_string.encode())
    try:
        new_context(ssl.PROTOCOL_TLS_CLIENT, pair)
    except ssl.SSLError:
        raise MaterialError("the certificate and its key cannot be used") from None
    return pair


def parse_trust(body: bytes) -> bytes:
    """Read the answer to ``/identity/trust``.

    Raises:
        MaterialError: it is none.
    """
    found = _only_secret(body).validation_context
    blocks = _BLOCK.findall(found.trusted_ca.inline_string) if found is not None else []
    if not blocks:
        raise MaterialError("the answer names no authority")
    trust = "\n".join([*blocks, ""]).encode()
    try:
        trusting(trust)
    except ssl.SSLError:
        raise MaterialError("the authorities cannot be read") from None
    return trust


def parse_max_age(header: str) -> float:
    """Give for how many seconds an answer is good by its ``Cache-Control``; a minute when it does not say."""
    found = _MAX_AGE.search(header)
    return max(float(found[1]), 1.0) if found else 60.0


def _only_secret(body: bytes) -> _Secret:
    try:
        (secret,) = msgspec.json.decode(body, type=_Document).resources
    except ValueError:  # msgspec's errors are ValueErrors, too many or too few secrets as well
        raise MaterialError("the answer is no file of one secret") from None
    return secret


def trusting(trust: bytes) -> ssl.SSLContext:
    """Give a client's context that believes these authorities and shows nothing.

    Raises:
        ssl.SSLError: they cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_trust(context, trust)
    return context


def new_context(protocol: int, pair: KeyPair) -> ssl.SSLContext:
    """Give a context that shows ``pair``; ``protocol`` is one of the ssl module's two.

    Raises:
        ssl.SSLError: the key is not the certificate's, or one of them cannot be read.
    """
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_pair(context, pair)
    return context


def load_trust(context: ssl.SSLContext, trust: bytes) -> None:
    """Make a context believe these authorities too."""
    context.load_verify_locations(cadata=trust.decode("ascii", "replace"))


def load_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    """Load a certificate with its key, which the ssl module reads from files only: from one in memory."""
    descriptor = os.memfd_create("alcove-identity", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pair.certificate + b"\n" + pair.key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
