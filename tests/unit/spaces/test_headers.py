"""The carriers of the route key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcove.spaces.headers import Carrier, baggage_member, parse_route_key, render_baggage


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        ([("azds-route-as", "amy")], ("amy", Carrier.AZDS)),
        ([("Azds-Route-As", " amy ")], ("amy", Carrier.AZDS)),
        ([("kubernetes-route-as", "bob")], ("bob", Carrier.KUBERNETES)),
        ([("kubernetes-route-as", "bob"), ("azds-route-as", "amy")], ("amy", Carrier.AZDS)),
        ([("azds-route-as", ""), ("kubernetes-route-as", "bob")], ("bob", Carrier.KUBERNETES)),
        ([("baggage", "azds-route-as=amy")], ("amy", Carrier.BAGGAGE)),
        ([("baggage", "a=b, azds-route-as = amy;p=1 ,c=d")], ("amy", Carrier.BAGGAGE)),
        ([("baggage", "xazds-route-as=amy")], None),
        ([("baggage", "azds-route-as")], None),
        ([("baggage", "azds-route-as=a%6dy")], ("amy", Carrier.BAGGAGE)),
        ([("baggage", "a=b"), ("Baggage", "azds-route-as=amy")], ("amy", Carrier.BAGGAGE)),
        ([("azds-route-as", "one"), ("azds-route-as", "two")], ("one", Carrier.AZDS)),
    ],
)
def test_the_first_carrier_that_is_present_counts(
    headers: list[tuple[str, str]], expected: tuple[str, Carrier] | None
) -> None:
    assert parse_route_key(headers) == expected


@given(st.text(max_size=60), st.text(min_size=1, max_size=20))
def test_a_member_is_read_as_it_was_set_and_others_stay(baggage: str, value: str) -> None:
    rendered = render_baggage(baggage, "azds-route-as", value.strip() or "x")
    assert baggage_member(rendered, "azds-route-as") == (value.strip() or "x")
    others = [member.strip() for member in baggage.split(",") if member.strip()]
    kept = [member for member in others if member.partition("=")[0].strip() != "azds-route-as"]
    assert rendered.split(",")[:-1] == kept


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=200))))
def test_random_headers_never_raise(headers: list[tuple[str, str]]) -> None:
    parse_route_key(headers)
