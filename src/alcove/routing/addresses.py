"""Addresses as Envoy writes them, and networks in their shortest form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)


@lru_cache(maxsize=1 << 16)  # a plan asks for the same few thousand addresses again and again
def render_address(address: str) -> str:
    """Give the canonical spelling.

    Raises:
        ValueError: it is not an IP address.
    """
    return str(_parse(address))


@lru_cache(maxsize=1 << 16)
def _parse(address: str) -> IPv4Address | IPv6Address:
    return ip_address(address)


def render_socket(address: str, port: int) -> str:
    """Give ``address:port``, an IPv6 address in brackets."""
    plain = render_address(address)
    return f"[{plain}]:{port}" if ":" in plain else f"{plain}:{port}"


def facing(addresses: Iterable[str], address: str) -> tuple[str, ...]:
    """Give those of the family of ``address``, all of them when there is none; sorted."""
    found = sorted({render_address(each) for each in addresses})
    same = [each for each in found if (":" in each) == (":" in address)]
    return tuple(same or found)


def collapse_ranges(ranges: Iterable[str], addresses: Iterable[str]) -> tuple[str, ...]:
    """Give the fewest networks (CIDR) that hold all ranges and all addresses and nothing else."""
    networks = [ip_network(each, strict=False) for each in ranges]
    known = _collapse(networks)
    others = {_parse(each) for each in addresses}
    outside = [ip_network(each) for each in others if not any(each in network for network in known)]
    return tuple(str(network) for network in _collapse([*known, *outside]))


def _collapse(networks: Iterable[IPv4Network | IPv6Network]) -> list[IPv4Network | IPv6Network]:
    return [*_collapse_four(networks), *_collapse_six(networks)]


def _collapse_four(networks: Iterable[IPv4Network | IPv6Network]) -> Iterator[IPv4Network]:
    return collapse_addresses(each for each in networks if isinstance(each, IPv4Network))


def _collapse_six(networks: Iterable[IPv4Network | IPv6Network]) -> Iterator[IPv6Network]:
    return collapse_addresses(each for each in networks if isinstance(each, IPv6Network))
