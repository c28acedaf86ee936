"""The names of the cluster, answered as CoreDNS does with its defaults.

``<service>.<namespace>.svc.<domain>`` (A), ``<host>.<service>...`` for a headless service's endpoints,
``_<port>._<protocol>.<service>...`` (SRV), ExternalName (CNAME), ``a-b-c-d.<namespace>.pod.<domain>`` for any
address, and PTR for the addresses of services and endpoints. A headless service without endpoints does not
exist for DNS.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from alcove.embedded.network import addresses, dnswire
from alcove.embedded.network.dnswire import Query, Record, Reply
from alcove.embedded.network.services import Endpoint, PortRoute, ServiceKey, ServiceRoute

TTL = 5
"""How long clients keep an answer (seconds)."""

_POD = re.compile(r"(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})\.[a-z0-9-]+")
_REVERSE = ".in-addr.arpa"


class Alias(NamedTuple):
    """The answer is a CNAME to a name outside, whose addresses have yet to be asked for."""

    target: str


class Outside(NamedTuple):
    """The name is none of the cluster's: ask the machine's name servers."""


class _Name(NamedTuple):
    addresses: tuple[str, ...] = ()
    services: tuple[tuple[int, str], ...] = ()
    alias: str = ""


class Names:
    """Every name of the cluster, kept service by service."""

    def __init__(self, domain: str = "cluster.local") -> None:
        """Know the names beneath ``domain``."""
        self.domain = domain
        self._names: dict[str, _Name] = {}
        self._reverse: dict[str, dict[ServiceKey, str]] = {}
        self._owned: dict[ServiceKey, tuple[list[str], list[str]]] = {}
        self._namespaces: Counter[str] = Counter()

    def update(self, key: ServiceKey, route: ServiceRoute | None) -> None:
        """Give the service the names of its route, or none."""
        self._forget(key)
        if route is None:
            return
        names = dict(self._names_of(route))
        reverse = dict(self._reverse_of(route))
        self._names.update(names)
        for address, name in reverse.items():
            self._reverse.setdefault(address, {})[key] = name
        self._owned[key] = (list(names), list(reverse))
        self._namespaces[key.namespace] += 1

    def _forget(self, key: ServiceKey) -> None:
        names, reverse = self._owned.pop(key, ([], []))
        if names:
            self._namespaces -= Counter([key.namespace])
        for name in names:
            self._names.pop(name, None)
        for address in reverse:
            self._reverse[address].pop(key, None)
            if not self._reverse[address]:
                del self._reverse[address]

    # ----------------------------------------------------------------------------- names of a service

    def _fqdn(self, key: ServiceKey) -> str:
        return f"{key.name}.{key.namespace}.svc.{self.domain}"

    def _host(self, key: ServiceKey, endpoint: Endpoint) -> str:
        return f"{endpoint.hostname or endpoint.address.replace('.', '-')}.{self._fqdn(key)}".lower()

    def _names_of(self, route: ServiceRoute) -> Iterator[tuple[str, _Name]]:
        own = self._fqdn(route.key)
        targets = {port: tuple(self._targets(route, port)) for port in route.ports}
        every = tuple(target for found in targets.values() for target in found)
        found = tuple(host.address for host in route.hosts) if route.headless else route.addresses[:1]
        yield own, _Name(found, every, route.alias)
        for port, services in targets.items():
            if port.name and services:
                name = f"_{port.name}._{port.protocol}.{own}"
                yield name, _Name(services=services)
        if route.headless:
            hosts: dict[str, list[str]] = {}
            for host in route.hosts:
                hosts.setdefault(self._host(route.key, host), []).append(host.address)
            for name, found_addresses in hosts.items():
                yield name, _Name(tuple(found_addresses))

    def _targets(self, route: ServiceRoute, port: PortRoute) -> Iterator[tuple[int, str]]:
        if route.headless:
            for endpoint in port.endpoints:
                yield endpoint.port, self._host(route.key, endpoint)
        elif route.addresses:
            yield port.port, self._fqdn(route.key)

    def _reverse_of(self, route: ServiceRoute) -> Iterator[tuple[str, str]]:
        for host in route.hosts if route.headless else ():
            yield host.address, self._host(route.key, host)
        for address in route.addresses[:1]:
            yield address, self._fqdn(route.key)

    # -------------------------------------------------------------------------------------- answering

    def answer(self, query: Query) -> Reply | Alias | Outside:
        """Answer a query, or say who can."""
        if query.fault:
            return Reply(query.fault)
        name = query.name
        if name.endswith(_REVERSE):
            return self._answer_reverse(name)
        if name != self.domain and not name.endswith("." + self.domain):
            return Outside()
        found = self._find(name)
        if found is None:
            return self._nothing(dnswire.NXDOMAIN)
        if found.alias:
            return Alias(found.alias)
        records = tuple(self._records(query, found))
        return Reply(answers=records, additional=self._glue(records, found)) if records else self._nothing()

    def _find(self, name: str) -> _Name | None:
        found = self._names.get(name)
        if found is not None:
            return found if found != _Name() else None
        inner = name.removesuffix(self.domain).rstrip(".")
        if inner in ("", "svc", "pod"):
            return _Name()
        place, _, kind = inner.rpartition(".")
        if kind == "svc" and self._namespaces[place]:
            return _Name()
        pod = _POD.fullmatch(place) if kind == "pod" else None
        if pod and all(int(number) < 256 for number in pod.groups()):
            return _Name((".".join(str(int(number)) for number in pod.groups()),))
        return None

    def _records(self, query: Query, found: _Name) -> Iterator[Record]:
        if query.type in (dnswire.A, dnswire.ANY):
            turn = query.id % len(found.addresses) if found.addresses else 0
            for address in (*found.addresses[turn:], *found.addresses[:turn]):
                yield Record(dnswire.A, dnswire.address(address))
        if query.type in (dnswire.SRV, dnswire.ANY):
            for port, target in found.services:
                yield Record(dnswire.SRV, dnswire.service(port, target))

    def _glue(self, records: tuple[Record, ...], found: _Name) -> tuple[Record, ...]:
        if not any(record.type == dnswire.SRV for record in records):
            return ()
        targets = dict.fromkeys(target for _, target in found.services)
        return tuple(
            Record(dnswire.A, dnswire.address(address), target)
            for target in targets
            for address in self._names.get(target, _Name()).addresses
        )

    def _answer_reverse(self, name: str) -> Reply | Outside:
        numbers = name.removesuffix(_REVERSE).split(".")
        if len(numbers) != 4 or not all(number.isdecimal() and int(number) < 256 for number in numbers):
            return Outside()
        address = ".".join(str(int(number)) for number in reversed(numbers))
        owners = self._reverse.get(address)
        if owners:
            names = sorted(set(owners.values()))
            return Reply(answers=[Record(dnswire.PTR, dnswire.encode_name(name)) for name in names])
        return self._nothing(dnswire.NXDOMAIN) if addresses.is_inside(address) else Outside()

    def _nothing(self, code: int = dnswire.NOERROR) -> Reply:
        authority = Record(dnswire.SOA, dnswire.start_of_authority(self.domain, TTL), self.domain)
        return Reply(code, authority=(authority,))
