"""Certificates as TLS sees them."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from alcove.admission import signing
from alcove.pki import KeyPair

NOW = 1_800_000_000.0


def test_an_authority_signs_for_names_and_addresses() -> None:
    authority = signing.make_authority(NOW, NOW + 100)
    server = signing.make_server(authority, NOW, NOW + 50, names=["hook.azds.svc", "127.0.0.1"])
    certificate = x509.load_pem_x509_certificate(server.certificate)
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hook.azds.svc"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("127.0.0.1")]
    assert certificate.not_valid_after_utc.timestamp() == NOW + 50
    assert certificate.not_valid_before_utc.timestamp() == NOW - 3600


def test_a_pod_is_known_by_its_uri_and_by_no_name_of_a_server() -> None:
    authority = signing.make_authority(NOW, NOW + 100)
    client = signing.make_client(authority, NOW, NOW + 50, uri="spiffe://alcove/u/shop/web-0")
    certificate = x509.load_pem_x509_certificate(client.certificate)
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))
    extensions = certificate.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier("spiffe://alcove/u/shop/web-0")]
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_after_utc.timestamp() == NOW + 50


def test_two_authorities_have_two_names() -> None:
    subjects = {
        x509.load_pem_x509_certificate(signing.make_authority(NOW, NOW + 1).certificate).subject
        for _ in range(2)
    }
    assert len(subjects) == 2


def test_a_pair_must_belong_together() -> None:
    first, second = (signing.make_authority(NOW, NOW + 1) for _ in range(2))
    signing.check_pair(first)
    for damaged in (
        KeyPair(first.certificate, second.key),
        KeyPair(b"", first.key),
        KeyPair(first.certificate, b"x"),
    ):
        with pytest.raises(ValueError, match="certificate"):
            signing.check_pair(damaged)


def test_keys_are_not_shown() -> None:
    assert "PRIVATE" not in repr(signing.make_authority(NOW, NOW + 1))
