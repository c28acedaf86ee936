"""Pod addresses."""

from __future__ import annotations

import pytest

from alcove.embedded.network.addresses import AddressPool, may_leave_to


def test_an_address_rests_after_it_was_given_back() -> None:
    pool = AddressPool()
    first = pool.take()
    pool.give_back(first)
    pool.give_back(first)
    assert (first, pool.take()) == ("10.42.0.2", "10.42.0.3")


def test_every_address_is_given_once_and_all_can_be_had_again() -> None:
    pool = AddressPool()
    taken = []
    with pytest.raises(LookupError):
        while True:
            taken.append(pool.take())
    assert len(set(taken)) == len(taken) == 2**16 - 3
    pool.give_back(taken[7])
    assert pool.take() == taken[7]


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("10.42.0.1", False),
        ("10.96.0.1", False),
        ("10.0.0.1", True),
        ("192.0.2.1", True),
    ],
)
def test_pods_may_leave_to_what_a_node_may_reach_but_not_to_its_loopback(address: str, allowed: bool) -> None:
    assert may_leave_to(address) is allowed
