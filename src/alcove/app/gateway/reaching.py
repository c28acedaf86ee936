"""Whether and how an entrance is reached from outside, as its load balancer's status tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from alcove.admission.markers import Object, mapping, sequence
from alcove.app.observation.reports import text

_USUAL = {"http": 80, "https": 443}
_THIS_MACHINE = "localhost"
"""What desktop clusters write: each port is opened there under its own number."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """One load balancer."""

    addresses: tuple[str, ...] = ()
    """Where it is: IP addresses, else names; nothing while nobody has given it one."""
    named: bool = False
    """Whether it has a name alone: then every host needs an entry of its own in DNS."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """By scheme, where the usual one is not what leads to it."""

    def port_of(self, scheme: str) -> str:
        """Give the port as a URI has it; empty for the usual one."""
        number = self.ports.get(scheme, _USUAL[scheme])
        return "" if number == _USUAL[scheme] else f":{number}"


NOWHERE = Entrance()


def observe_entrance(item: Object) -> Entrance:
    """Read a Service or an Ingress."""
    places = sequence(mapping(item, "status", "loadBalancer"), "ingress")
    addresses = tuple(text(place.get("ip")) for place in places if text(place.get("ip")))
    names = tuple(text(place.get("hostname")) for place in places if text(place.get("hostname")))
    loopback = any(map(_is_loopback, addresses))
    named = not addresses and _THIS_MACHINE not in names
    return Entrance(addresses or names, bool(names) and named, _ports(item, loopback=loopback))


def _ports(item: Object, *, loopback: bool) -> dict[str, int]:
    """Give the Service's ports by scheme.

    Where the address is this machine's own, a port of the node stands in: the usual ones may be taken there,
    or need a privilege.
    """
    found: dict[str, int] = {}
    for port in sequence(mapping(item, "spec"), "ports"):
        scheme, number = text(port.get("name")), port.get("nodePort") if loopback else port.get("port")
        if scheme in _USUAL and isinstance(number, int):
            found[scheme] = number
    return found


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
