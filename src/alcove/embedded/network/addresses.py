"""The addresses of the cluster's inside, and which pod has which."""

from __future__ import annotations

import ipaddress

PODS = "10.42.0.0/16"
SERVICES = "10.96.0.0/16"
NODE = "10.42.0.1"
"""The node as pods see it; the API server and the DNS server listen there."""
DNS = "10.96.0.10"
"""The DNS service's cluster address."""
GATEWAY = "169.254.1.1"
"""What pods route through: nobody has it, the hardware address is known beforehand."""
EGRESS_PORT = 15001

_FIRST = int(ipaddress.IPv4Address(NODE)) + 1
_COUNT = ipaddress.ip_network(PODS).num_addresses - 3


class AddressPool:
    """Gives out pod addresses in turn, so that one that was given back rests as long as possible."""

    def __init__(self) -> None:
        """Have them all."""
        self._taken: set[int] = set()
        self._next = 0

    def take(self) -> str:
        """Give a free address.

        Raises:
            LookupError: there is none.
        """
        if len(self._taken) >= _COUNT:
            raise LookupError("every pod address is taken")
        while self._next in self._taken:
            self._next = (self._next + 1) % _COUNT
        taken = self._next
        self._taken.add(taken)
        self._next = (taken + 1) % _COUNT
        return str(ipaddress.IPv4Address(_FIRST + taken))

    def give_back(self, address: str) -> None:
        """Take an address back; idempotent."""
        self._taken.discard(int(ipaddress.IPv4Address(address)) - _FIRST)


def is_inside(address: str) -> bool:
    """Say whether an address is one of the cluster's own."""
    parsed = ipaddress.ip_address(address)
    return any(parsed in ipaddress.ip_network(network) for network in (PODS, SERVICES))


def may_leave_to(address: str) -> bool:
    """Say whether pods may connect to an address outside: not to loopback or link-local ones."""
    parsed = ipaddress.ip_address(address)
    closed = parsed.is_loopback or parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified
    return not closed and not is_inside(address)
