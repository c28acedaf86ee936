from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.embedded.schema import syntax

CHECKS = [
    syntax.dns_label,
    syntax.dns_subdomain,
    syntax.service_label,
    syntax.label_value,
    syntax.config_key,
    syntax.qualified_name,
    syntax.path_segment,
    syntax.env_name,
    syntax.port_name,
    syntax.quantity,
    syntax.ip_address,
    syntax.base64_text,
    syntax.absolute_path,
]


@given(text=st.text(max_size=70))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: getattr(check, "__name__", ""))
def test_any_text_is_judged(check: syntax.Check, text: str) -> None:
    assert all(isinstance(complaint, str) for complaint in check(text))


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (syntax.dns_label, "a-1", "a.b"),
        (syntax.dns_subdomain, "a.b-1", "a..b"),
        (syntax.dns_subdomain, "1a", "a\n"),
        (syntax.service_label, "a1", "1a"),
        (syntax.label_value, "", "-a"),
        (syntax.qualified_name, "example.com/A_b.c", "a/b/c"),
        (syntax.env_name, "my.VAR-1", "A=B"),
        (syntax.port_name, "http-2", "http--2"),
        (syntax.port_name, "a", "123"),
        (syntax.quantity, "100m", "100mi"),
        (syntax.ip_address, "fd00::1", "10.0.0.256"),
        (syntax.base64_text, "Yg==", "Yg"),
    ],
)
def test_right_texts_pass_and_wrong_ones_do_not(check: syntax.Check, right: str, wrong: str) -> None:
    assert check(right) == []
    assert check(wrong) != []


def test_complaints_are_in_the_words_of_kubernetes() -> None:
    [complaint] = syntax.dns_subdomain("A")
    assert complaint == (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
        "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
        r"validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )
