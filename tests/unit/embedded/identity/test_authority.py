from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.identity.authority import SERVER_NAMES, load_authority
from alcove.errors import AlcoveError

NOW = 1_800_000_000.0
DAY = 86_400.0


def server_certificate(directory: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / "server.pem").read_bytes())


def test_the_same_authority_is_found_again(tmp_path: Path) -> None:
    first = load_authority(tmp_path / "pki", clock=lambda: NOW)
    again = load_authority(tmp_path / "pki", clock=lambda: NOW)
    assert first.certificate_pem == again.certificate_pem


def test_only_the_owner_can_read_the_keys(tmp_path: Path) -> None:
    directory = tmp_path / "pki"
    load_authority(directory, clock=lambda: NOW).server_context("10.0.0.1")
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}


def test_the_server_is_known_by_every_name_and_the_nodes_address(tmp_path: Path) -> None:
    load_authority(tmp_path, clock=lambda: NOW).server_context("10.0.0.1")
    names = server_certificate(tmp_path).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert {str(name.value) for name in names.value} == {*SERVER_NAMES, "10.0.0.1"}


@pytest.mark.parametrize(
    ("days", "address", "renewed"),
    [(0, "10.0.0.1", False), (300, "10.0.0.1", False), (340, "10.0.0.1", True), (0, "10.0.0.2", True)],
)
def test_the_server_certificate_is_renewed_when_it_will_not_do(
    tmp_path: Path, days: int, address: str, renewed: bool
) -> None:
    load_authority(tmp_path, clock=lambda: NOW).server_context("10.0.0.1")
    before = server_certificate(tmp_path).serial_number
    load_authority(tmp_path, clock=lambda: NOW + days * DAY).server_context(address)
    assert (server_certificate(tmp_path).serial_number != before) == renewed


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_damaged_server_certificate_is_replaced(tmp_path: Path, content: bytes) -> None:
    authority = load_authority(tmp_path, clock=lambda: NOW)
    (tmp_path / "server.pem").write_bytes(content)
    authority.server_context()
    assert server_certificate(tmp_path).subject.rfc4514_string() == "CN=kubernetes"


def test_a_user_and_groups_are_in_a_client_certificate(tmp_path: Path) -> None:
    pair = load_authority(tmp_path, clock=lambda: NOW).client_certificate("jane", ["devs", "ops"])
    subject = x509.load_pem_x509_certificate(pair.certificate).subject
    assert subject.rfc4514_string() == "CN=jane,O=ops,O=devs"
    assert b"PRIVATE KEY" in pair.key
    assert "PRIVATE" not in repr(pair)


@pytest.mark.parametrize("kind", ["sslserver", "sslclient"])
def test_openssl_accepts_what_the_authority_issues(tmp_path: Path, kind: str) -> None:
    authority = load_authority(tmp_path)
    authority.server_context("10.0.0.1")
    (tmp_path / "ca.crt").write_bytes(authority.certificate_pem)
    (tmp_path / "client.pem").write_bytes(authority.client_certificate("jane").certificate)
    leaf = tmp_path / ("server.pem" if kind == "sslserver" else "client.pem")
    trust = ["-CAfile", str(tmp_path / "ca.crt")]
    command = ["openssl", "verify", "-x509_strict", "-purpose", kind, *trust, str(leaf)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@given(content=st.binary(max_size=300))
def test_random_files_are_told_as_damage_with_a_hint(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    directory = tmp_path_factory.mktemp("pki")
    (directory / "ca.pem").write_bytes(content)
    with pytest.raises(AlcoveError) as raised:
        load_authority(directory)
    assert "ca.pem" in raised.value.message
    assert raised.value.hint


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    directory = tmp_path_factory.mktemp("pki")
    load_authority(directory, clock=lambda: NOW)
    content = bytearray((directory / "ca.pem").read_bytes())
    content[place % len(content)] ^= 1 << bit
    (directory / "ca.pem").write_bytes(content)
    try:
        load_authority(directory, clock=lambda: NOW).client_certificate("jane")
    except AlcoveError as error:
        assert error.hint


def test_two_halves_of_different_authorities_do_not_make_one(tmp_path: Path) -> None:
    for name in ("one", "two"):
        load_authority(tmp_path / name, clock=lambda: NOW)
    one, two = ((tmp_path / name / "ca.pem").read_bytes() for name in ("one", "two"))
    end = b"-----END CERTIFICATE-----\n"
    mixed = one.partition(end)[0] + end + two.partition(end)[2]
    (tmp_path / "one" / "ca.pem").write_bytes(mixed)
    with pytest.raises(AlcoveError, match="the key is not the certificate's"):
        load_authority(tmp_path / "one", clock=lambda: NOW)


def test_an_authority_past_its_end_says_so(tmp_path: Path) -> None:
    load_authority(tmp_path, clock=lambda: NOW)
    with pytest.raises(AlcoveError, match="expired"):
        load_authority(tmp_path, clock=lambda: NOW + 4000 * DAY)


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AlcoveError):
        load_authority(tmp_path / "file" / "pki")
