"""Addresses and networks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.routing.addresses import collapse_ranges, facing, render_address, render_socket


@pytest.mark.parametrize(
    ("address", "socket"),
    [("10.0.0.1", "10.0.0.1:80"), ("fd00::1", "[fd00::1]:80"), ("FD00:0:0::1", "[fd00::1]:80")],
)
def test_sockets_are_written_as_envoy_writes_them(address: str, socket: str) -> None:
    assert render_socket(address, 80) == socket


@pytest.mark.parametrize("text", ["", "None", "example.com", "10.0.0.1/8"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        render_address(text)


@pytest.mark.parametrize(
    ("address", "found"), [("10.0.0.9", ("10.0.0.1",)), ("::9", ("fd00::1",)), ("", ("10.0.0.1",))]
)
def test_a_family_is_kept_where_it_can(address: str, found: tuple[str, ...]) -> None:
    assert facing(["fd00::1", "10.0.0.1"], address) == found
    assert facing(["fd00::1"], address) == ("fd00::1",)


@given(st.sets(st.ip_addresses().map(str), max_size=8))
def test_networks_hold_every_address(addresses: set[str]) -> None:
    ranges = collapse_ranges(["10.0.0.0/8"], addresses)
    assert collapse_ranges(ranges, addresses) == ranges
    assert "10.0.0.0/8" in ranges or any(each.startswith(("8.", "0.")) for each in ranges)
