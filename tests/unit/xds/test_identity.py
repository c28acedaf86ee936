from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.xds.identity import IdentityError, check_claim, node_id, resolve_identity

NODE = node_id("4d2c-11", "shop", "web-0.a")


@pytest.mark.parametrize(
    ("alternatives", "common_name"),
    [
        ([f"spiffe://alcove/{NODE}"], ""),
        (["web.shop", f"spiffe://alcove/{NODE}"], "somebody/else/entirely"),
        ([], NODE),
        (["web.shop"], NODE),
    ],
)
def test_a_certificate_says_who_a_proxy_is(alternatives: list[str], common_name: str) -> None:
    assert resolve_identity(alternatives, common_name, trust_domain="alcove") == NODE


@pytest.mark.parametrize(
    ("alternatives", "common_name", "reason"),
    [
        ([], "", "common name '' is not"),
        ([], "admin", "is not POD_UID/NAMESPACE/POD_NAME"),
        (["spiffe://alcove/a/b"], NODE, "SPIFFE URI 'a/b' is not"),
        (["spiffe://alcove/a/../b"], NODE, "SPIFFE URI"),
        (["spiffe://other/a/b/c"], NODE, "trust domain 'other', not 'alcove'"),
        ([f"spiffe://alcove/{NODE}", "spiffe://alcove/x/y/z"], NODE, "more than one"),
    ],
)
def test_any_other_certificate_is_nobodys(alternatives: list[str], common_name: str, reason: str) -> None:
    with pytest.raises(IdentityError, match=reason):
        resolve_identity(alternatives, common_name, trust_domain="alcove")


@given(st.lists(st.text() | st.text().map("spiffe://alcove/".__add__)), st.text())
def test_random_certificates_are_somebodys_or_refused(alternatives: list[str], common_name: str) -> None:
    try:
        identity = resolve_identity(alternatives, common_name, trust_domain="alcove")
    except IdentityError:
        return
    assert identity.count("/") == 2


def test_a_claim_must_be_the_identity() -> None:
    check_claim(NODE, NODE)
    with pytest.raises(IdentityError, match=r"set node\.id in the bootstrap"):
        check_claim(NODE, "x" * 5000)


def test_a_reason_repeats_only_so_much() -> None:
    with pytest.raises(IdentityError) as caught:
        check_claim(NODE, "x" * 5000)
    assert len(str(caught.value)) < 500
