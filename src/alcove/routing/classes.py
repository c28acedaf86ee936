"""Three kinds of ports: declared HTTP, declared TCP, and those that must be sniffed.

Whether the first bytes are awaited can be said per port number and no finer. So where Services disagree on a
number, its connections are sniffed, and then split by address: what a Service declares still holds for it, it
only costs the wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from alcove.model import Protocol
from alcove.routing.addresses import render_address


class Declared(NamedTuple):
    """What one Service says about one of its addresses and ports."""

    number: int
    address: str
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class PortClass:
    """What holds for one port number."""

    number: int
    protocol: Protocol
    """What all agree on; ``AUTO`` when they do not."""
    http: tuple[str, ...] = ()
    """Where they disagree: the addresses that declare HTTP."""
    tcp: tuple[str, ...] = ()
    """Where they disagree: the addresses that declare TCP."""


def plan_classes(declared: Iterable[Declared]) -> tuple[PortClass, ...]:
    """Give the class of every port number about which something is declared, by number."""
    found: dict[int, dict[str, set[Protocol]]] = {}
    for each in declared:
        addresses = found.setdefault(each.number, {})
        addresses.setdefault(render_address(each.address), set()).add(each.protocol)
    planned = [_class_of(number, found[number]) for number in sorted(found)]
    return tuple(each for each in planned if each.protocol is not Protocol.AUTO or each.http or each.tcp)


def _class_of(number: int, addresses: dict[str, set[Protocol]]) -> PortClass:
    said = set().union(*addresses.values())
    if len(said) == 1:
        return PortClass(number, said.pop())
    return PortClass(
        number,
        Protocol.AUTO,
        http=tuple(sorted(each for each, protocols in addresses.items() if protocols == {Protocol.HTTP})),
        tcp=tuple(sorted(each for each, protocols in addresses.items() if protocols == {Protocol.TCP})),
    )
