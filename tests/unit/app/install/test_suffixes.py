"""Host suffixes: from addresses, from names, and as users choose them."""

from __future__ import annotations

import pytest

from alcove.app.install.suffixes import Balancer, Suffix, decide_suffix, read_balancer
from alcove.spaces.hosts import is_host


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([], Balancer()),
        ([{"ip": "20.1.2.3"}], Balancer("20.1.2.3")),
        ([{"ip": "2a01::1"}, {"ip": "20.1.2.3"}], Balancer("20.1.2.3")),
        ([{"ip": "2a01::1"}], Balancer("2a01::1")),
        ([{"hostname": "x.elb.example.com"}], Balancer("", "x.elb.example.com")),
        ([{"hostname": "localhost"}], Balancer("127.0.0.1")),
        ([{"ip": "no address"}], Balancer()),
        (["odd", {"ip": None}], Balancer()),
    ],
)
def test_where_a_gateway_is_reached(given: object, found: Balancer) -> None:
    assert read_balancer({"status": {"loadBalancer": {"ingress": given}}}) == found
    assert read_balancer({}) == Balancer() and not Balancer()


@pytest.mark.parametrize(
    ("balancer", "text"),
    [
        (Balancer("127.0.0.1"), ".alcove.localhost"),
        (Balancer("::1"), ".alcove.localhost"),
        (Balancer("20.1.2.3"), ".20.1.2.3.sslip.io"),
        (Balancer("2a01::1"), ".2a01-0000-0000-0000-0000-0000-0000-0001.sslip.io"),
        (Balancer("", "x.elb.example.com"), ""),
        (Balancer(), ""),
    ],
)
def test_the_suffix_follows_from_the_address(balancer: Balancer, text: str) -> None:
    assert decide_suffix("", balancer) == Suffix(text)
    assert not text or is_host(f"child.s.root.web{text}")


@pytest.mark.parametrize(
    ("balancer", "record"),
    [
        (Balancer("20.1.2.3"), "*.dev.example.com A 20.1.2.3"),
        (Balancer("2a01::1"), "*.dev.example.com AAAA 2a01::1"),
        (Balancer("", "x.elb.example.com"), "*.dev.example.com CNAME x.elb.example.com"),
        (Balancer(), ""),
    ],
)
def test_a_chosen_suffix_needs_a_record(balancer: Balancer, record: str) -> None:
    assert decide_suffix(".dev.example.com", balancer) == Suffix(".dev.example.com", record)


def test_a_name_of_this_machine_needs_none() -> None:
    assert decide_suffix(".mine.localhost", Balancer("127.0.0.1")) == Suffix(".mine.localhost")
