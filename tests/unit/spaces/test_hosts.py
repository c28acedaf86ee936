"""Names of spaces and entry hosts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.model import RouteKey
from alcove.spaces.hosts import EntryHost, is_host, is_label, parse_host, render_host, strip_prefix


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        ("dev.web.example.com", (None, "dev.web.example.com")),
        ("amy.s.dev.web.example.com", ("amy", "dev.web.example.com")),
        ("AMY.S.dev.web.example.com:8080", ("amy", "dev.web.example.com")),
        ("amy.s.dev.web.example.com.", ("amy", "dev.web.example.com")),
        ("amy.s", (None, "amy.s")),
        ("-amy.s.dev", (None, "-amy.s.dev")),
        ("s.s.dev", ("s", "dev")),
        ("[::1]:80", (None, "::1")),
        ("10.0.0.1:80", (None, "10.0.0.1")),
        ("", (None, "")),
    ],
)
def test_the_part_before_the_mark_names_the_space(authority: str, expected: tuple[str | None, str]) -> None:
    key, host = expected
    assert parse_host(authority) == EntryHost(None if key is None else RouteKey(key), host)


@pytest.mark.parametrize(
    ("text", "valid"), [("a", True), ("a-1", True), ("", False), ("-a", False), ("A", False)]
)
def test_labels(text: str, valid: bool) -> None:
    assert is_label(text) is valid
    assert not is_label("a" * 64)


@given(st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True))
def test_a_rendered_host_is_parsed_back(key: str) -> None:
    assert parse_host(render_host("dev.web.example.com", RouteKey(key))).key == key


def test_a_host_longer_than_dns_allows_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 253"):
        render_host(".".join(["a" * 60] * 4), RouteKey("amy" * 10))


@given(st.text(max_size=300))
def test_random_authorities_never_raise(authority: str) -> None:
    parse_host(authority)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("web", True),
        ("web.example.com", True),
        ("", False),
        ("*.example.com", False),
        ("Web.example.com", False),
        ("web..com", False),
        ("web.com.", False),
        (".".join(["a" * 63] * 4), False),
        (".".join(["a" * 62] * 4), True),
    ],
)
def test_a_host_is_labels_and_no_wildcard(text: str, valid: bool) -> None:
    assert is_host(text) is valid


@pytest.mark.parametrize(
    ("host", "rest"),
    [
        ("amy.s.web.example.com", "web.example.com"),
        ("bob.s.web.example.com", "bob.s.web.example.com"),
        ("web.example.com", "web.example.com"),
        ("amy.s.amy.s.web", "amy.s.web"),
    ],
)
def test_only_the_prefix_of_one_space_is_taken_off(host: str, rest: str) -> None:
    assert strip_prefix(host, RouteKey("amy")) == rest
