"""What comes after a service in entry hosts: chosen by the user, or found from the gateway's address."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from alcove.admission.markers import mapping, sequence
from alcove.kube.client import Object

ON_THIS_MACHINE = ".alcove.localhost"
_SSLIP = "sslip.io"
_THIS_MACHINE = "localhost"
"""The name that clusters of desktop machines give instead of an address."""


@dataclass(frozen=True, slots=True)
class Balancer:
    """Where the gateway is reached, as the cluster's load balancer says."""

    address: str = ""
    host: str = ""
    """The name that some clouds give instead of an address."""

    def __bool__(self) -> bool:
        return bool(self.address or self.host)


@dataclass(frozen=True, slots=True)
class Suffix:
    """The suffix of entry hosts, and what is left to do for it."""

    text: str
    """With its dot; empty while it is not known."""
    record: str = ""
    """The DNS record that has to be made for it; empty for none."""


def read_balancer(service: Object) -> Balancer:
    """Give where a Service of type LoadBalancer is reached, IPv4 before IPv6."""
    given = sequence(dict(mapping(service, "status", "loadBalancer")), "ingress")
    addresses = [str(one["ip"]) for one in given if one.get("ip")]
    hosts = [str(one["hostname"]) for one in given if one.get("hostname")]
    if not addresses and _THIS_MACHINE in hosts:
        return Balancer("127.0.0.1")
    return Balancer(_first(addresses), hosts[0] if hosts else "")


def decide_suffix(chosen: str, balancer: Balancer) -> Suffix:
    """Give the suffix; ``chosen`` is what the user wants, empty to take what the address gives."""
    if chosen:
        return Suffix(chosen, _record(chosen, balancer))
    if balancer.address:
        return Suffix(_of_address(balancer.address))
    return Suffix("")


def cname_of(balancer: Balancer) -> str:
    """Give the record that a user who chooses a suffix has to make, for a gateway that only has a name."""
    return f"*.YOUR.DOMAIN CNAME {balancer.host}"


def _record(suffix: str, balancer: Balancer) -> str:
    if balancer.address:
        if _is_loopback(balancer.address) and suffix.endswith(".localhost"):
            return ""
        kind = "AAAA" if ":" in balancer.address else "A"
        return f"*{suffix} {kind} {balancer.address}"
    return f"*{suffix} CNAME {balancer.host}" if balancer.host else ""


def _of_address(address: str) -> str:
    if _is_loopback(address):
        return ON_THIS_MACHINE
    parsed = ipaddress.ip_address(address)
    return f".{parsed.exploded.replace(':', '-')}.{_SSLIP}"


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _first(addresses: Sequence[str]) -> str:
    valid = [one for one in addresses if _is_address(one)]
    return next((one for one in valid if ":" not in one), valid[0] if valid else "")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text
