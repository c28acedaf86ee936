"""Secrets with certificates: what they are for, and what is wrong with them."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.app.gateway.pems import key_pem, make_pair, secret, secret_of

from alcove.app.gateway.certificates import SecretReader, make_fallback, read_secret
from alcove.kube.client import Object
from alcove.model import Certificate, SecretName
from alcove.routing.envoy.names import FALLBACK

PAIR = make_pair("Web.test", "*.s.web.test")
NAME = SecretName("dev/tls")


def test_a_certificate_is_for_its_names() -> None:
    found = read_secret(secret("dev/tls", PAIR))
    assert found.certificate == Certificate(("*.s.web.test", "web.test"))
    assert found.pair is not None and found.pair.certificate == PAIR.certificate
    assert "PRIVATE" not in repr(found)


@pytest.mark.parametrize(
    ("host", "covered"),
    [("web.test", True), ("amy.s.web.test", True), ("a.b.s.web.test", False), ("x.test", False), ("", False)],
)
def test_a_star_stands_for_one_label(host: str, covered: bool) -> None:
    assert Certificate(("*.s.web.test", "web.test")).covers(host) is covered


def test_a_chain_keeps_its_order_and_loses_what_stands_between() -> None:
    other = make_pair("authority.test")
    content = b"comment\n" + PAIR.certificate + b"\n\n" + other.certificate
    found = read_secret(secret_of("dev/tls", **{"tls.crt": content, "tls.key": PAIR.key}))
    assert found.pair is not None and found.pair.certificate == PAIR.certificate + other.certificate


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())]
)
def test_keys_that_proxies_take(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    assert not read_secret(secret("dev/tls", make_pair("a.test", key=key))).certificate.fault


def broken() -> list[tuple[Object, str]]:
    small = make_pair("a.test", key=rsa.generate_private_key(65537, 1024))
    odd = make_pair("a.test", key=ed25519.Ed25519PrivateKey.generate())
    koblitz = make_pair("a.test", key=ec.generate_private_key(ec.SECP256K1()))
    locked = key_pem(ec.generate_private_key(ec.SECP256R1()), password=b"x")
    crt, key = PAIR.certificate, PAIR.key
    return [
        ({"metadata": {"namespace": "dev", "name": "tls"}}, "it has no tls.crt"),
        (secret_of("dev/tls", **{"tls.crt": crt}), "it has no tls.key"),
        (secret_of("dev/tls", **{"tls.crt": b"", "tls.key": key}), "it has no tls.crt"),
        (secret_of("dev/tls", **{"tls.crt": b"x", "tls.key": key}), "its tls.crt is no certificate in PEM"),
        (secret_of("dev/tls", **{"tls.crt": crt, "tls.key": b"x"}), "its tls.key is no key in PEM"),
        (secret_of("dev/tls", **{"tls.crt": crt, "tls.key": locked}), "or has a password"),
        (
            secret_of("dev/tls", **{"tls.crt": crt, "tls.key": make_pair("b").key}),
            "its tls.key is not the key of",
        ),
        (secret("dev/tls", small), "less than 2048 bits"),
        (secret("dev/tls", odd), "neither RSA nor of an elliptic curve of NIST"),
        (secret("dev/tls", koblitz), "neither RSA nor of an elliptic curve of NIST"),
        (
            {"metadata": {"namespace": "dev", "name": "tls"}, "data": {"tls.crt": "-", "tls.key": "-"}},
            "no base64",
        ),
        ({"metadata": {"namespace": "dev", "name": "tls"}, "data": 7}, "it has no tls.crt"),
    ]


@pytest.mark.parametrize(("item", "why"), broken(), ids=lambda each: each if isinstance(each, str) else "")
def test_what_a_proxy_would_refuse_is_told(item: Object, why: str) -> None:
    found = read_secret(item)
    assert found.pair is None and why in found.certificate.fault and not found.certificate.hosts


def test_a_certificate_without_names_is_for_nobody() -> None:
    assert read_secret(secret("dev/tls", make_pair())).certificate == Certificate()


def test_what_has_not_changed_is_not_read_again() -> None:
    reader = SecretReader()
    first = reader.read([secret("dev/tls", PAIR), secret("dev/other", PAIR), 7, {}])
    assert set(first.certificates) == {"dev/tls", "dev/other"}
    renewed = make_pair("web.test", "*.s.web.test")
    second = reader.read([secret("dev/tls", PAIR), secret("dev/other", renewed)])
    assert second.secrets[NAME] is first.secrets[NAME]
    assert second != first, "the names are the same, the certificate is not"
    assert not reader.read([]).certificates


def test_resources_are_of_those_that_can_be_used_and_the_fallback() -> None:
    fallback = make_fallback(time.time(), time.time() + 86400)
    held = SecretReader().read([secret("dev/tls", PAIR), secret_of("dev/bad")])
    made = held.render(fallback)
    assert set(made) == {"dev/tls", FALLBACK}
    assert made["dev/tls"]["tls_certificate"]["private_key"]["inline_string"].encode() == PAIR.key
    assert "KEY" not in repr(made) and "KEY" not in repr(held)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_content_makes_reading_fail(chain: bytes, key: bytes) -> None:
    found = read_secret(secret_of("dev/tls", **{"tls.crt": chain, "tls.key": key}))
    assert found.pair is None and found.certificate.fault


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=3))
def test_no_damage_makes_reading_fail(at: int, damage: bytes) -> None:
    text = PAIR.certificate[:at] + damage + PAIR.certificate[at + len(damage) :]
    read_secret(secret_of("dev/tls", **{"tls.crt": text, "tls.key": PAIR.key}))
