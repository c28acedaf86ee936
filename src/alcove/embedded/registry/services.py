"""Addresses and ports of Services.

An address is chosen by the Service's name, so that a Service that is made anew has its old address again;
no other Service gets it within ten minutes of its release, since clients may still hold connections to it.
Releases are kept in the store, under a resource that no API serves, and so outlive a restart.
"""

from __future__ import annotations

import ipaddress
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from alcove.embedded.faults import ApiError, Cause, internal, invalid
from alcove.embedded.objects import GroupResource, Object, ObjectKey
from alcove.embedded.storage import ObjectStore

SERVICES = GroupResource("services")
QUARANTINE_SECONDS = 600.0
NETWORK = ipaddress.IPv4Network("10.96.0.0/16")
PORTS = range(30000, 32768)
RESERVED = {"10.96.0.1": ("default", "kubernetes"), "10.96.0.10": ("kube-system", "kube-dns")}
"""Addresses that only these Services get, and get without asking."""
_RELEASED = GroupResource("released-addresses")
_FIRST = int(NETWORK.network_address)
_USABLE = NETWORK.num_addresses - 2
_WITH_PORTS = ("NodePort", "LoadBalancer")


class ServiceAddresses:
    """Gives Services their cluster addresses and node ports."""

    def __init__(
        self, store: ObjectStore, clock: Callable[[], float], is_free: Callable[[int], bool]
    ) -> None:
        """Look at the Services in ``store``; ``clock`` gives seconds since the epoch.

        ``is_free`` tells whether the machine has a port to give: other clusters may serve there, too.
        """
        self._store = store
        self._clock = clock
        self._is_free = is_free

    def allocate(self, item: Object, old: Object | None) -> None:
        """Complete the addresses and ports of a Service that is about to be stored (replaces its ``spec``).

        Raises:
            ApiError: 422 when what it asks for is taken, out of range or not to be had.
        """
        spec = dict(item.get("spec") or {})
        item["spec"] = spec
        before = (old or {}).get("spec") or {}
        if spec.get("type") == "ExternalName":
            return
        _set_families(item, spec)
        if spec.get("clusterIP") != "None":
            self._allocate_address(item, spec, before)
        self._allocate_ports(item, spec)

    def release(self, old: Object | None, new: Object | None) -> None:
        """Remember what ``old`` had and ``new`` (None: nothing) has no more; to be called before a write."""
        if old is None:
            return
        kept = _address(new or {})
        address = _address(old)
        if address and address != kept:
            owner = f"{old['metadata'].get('namespace')}/{old['metadata'].get('name')}"
            release = {"metadata": {"name": address}, "owner": owner, "at": self._clock()}
            self._store.put(ObjectKey(_RELEASED, "", address), release)

    def forget_releases(self) -> None:
        """Drop the releases that no longer keep anyone from an address."""
        for stored in self._store.list(_RELEASED):
            if not self._is_recent(stored.object):
                self._store.remove(stored.key)

    def _allocate_address(self, item: Object, spec: Object, before: Object) -> None:
        asked = spec.get("clusterIP") or ""
        if asked and asked == before.get("clusterIP"):
            return
        if asked:
            self._require_free(item, asked)
        else:
            asked = self._choose(item)
        spec["clusterIP"] = asked
        spec["clusterIPs"] = [asked]

    def _require_free(self, item: Object, address: str) -> None:
        why = ""
        if not _in_range(address):
            why = (
                f"the provided IP ({address}) is not in the valid range. The range of valid IPs is {NETWORK}"
            )
        elif address in self._taken(_identity(item)):
            why = "provided IP is already allocated"
        if why:
            raise _refused(item, "spec.clusterIPs", [address], f"failed to allocate IP {address}: {why}")

    def _choose(self, item: Object) -> str:
        identity = _identity(item)
        for address, owner in RESERVED.items():
            if owner == identity:
                return address
        taken = self._taken(identity)
        start = zlib.crc32("/".join(identity).encode())
        for offset in range(_USABLE):
            address = str(ipaddress.IPv4Address(_FIRST + 1 + (start + offset) % _USABLE))
            if address not in taken:
                return address
        raise internal("failed to allocate a serviceIP: range is full")

    def _taken(self, identity: tuple[str, str]) -> set[str]:
        """Give the addresses that this Service cannot have."""
        taken = {address for address, owner in RESERVED.items() if owner != identity}
        for stored in self._store.list(SERVICES):
            if (stored.key.namespace, stored.key.name) != identity:
                taken.add(_address(stored.object))
        own = "/".join(identity)
        for stored in self._store.list(_RELEASED):
            if stored.object["owner"] != own and self._is_recent(stored.object):
                taken.add(stored.key.name)
        return taken

    def _is_recent(self, release: Object) -> bool:
        return bool(self._clock() - release["at"] < QUARANTINE_SECONDS)

    def _allocate_ports(self, item: Object, spec: Object) -> None:
        wanted = spec.get("type") in _WITH_PORTS and spec.get("allocateLoadBalancerNodePorts") is not False
        if not wanted and not any(port.get("nodePort") for port in spec.get("ports") or ()):
            return
        used = set(self._ports_of_others(_identity(item)))
        asked: set[tuple[str, int]] = set()
        ports = []
        for index, port in enumerate(spec.get("ports") or ()):
            number = port.get("nodePort")
            if number:
                _check_port(item, index, port, used, asked)
            elif wanted:
                number = self._next_port(item, used | {each for _, each in asked})
                port = {**port, "nodePort": number}
            if number:
                asked.add((port.get("protocol", "TCP"), number))
            ports.append(port)
        spec["ports"] = ports

    def _next_port(self, item: Object, used: set[int]) -> int:
        start = zlib.crc32("/".join(_identity(item)).encode())
        for offset in range(len(PORTS)):
            number = PORTS[(start + offset) % len(PORTS)]
            if number not in used and self._is_free(number):
                return number
        raise internal("failed to allocate a nodePort: range is full")

    def _ports_of_others(self, identity: tuple[str, str]) -> Iterator[int]:
        for stored in self._store.list(SERVICES):
            if (stored.key.namespace, stored.key.name) == identity:
                continue
            for port in (stored.object.get("spec") or {}).get("ports") or ():
                if port.get("nodePort"):
                    yield port["nodePort"]


def _identity(item: Object) -> tuple[str, str]:
    inner = item["metadata"]
    return (inner.get("namespace", ""), inner.get("name", ""))


def _address(item: Object) -> str:
    address = (item.get("spec") or {}).get("clusterIP") or ""
    return "" if address == "None" else str(address)


def _in_range(address: str) -> bool:
    try:
        return ipaddress.IPv4Address(address) in NETWORK
    except ValueError:
        return False


def inherit(item: Object, old: Object) -> None:
    """Keep what an update leaves out, and drop what the Service's new type has no use for."""
    spec, before = dict(item.get("spec") or {}), old.get("spec") or {}
    item["spec"] = spec
    if spec.get("type") not in _WITH_PORTS and not spec.get("externalIPs"):
        for field in ("externalTrafficPolicy", "allocateLoadBalancerNodePorts"):
            if spec.get(field) == before.get(field):
                spec.pop(field, None)
    if spec.get("type") == "ExternalName":
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if spec.get(field) == before.get(field):
                spec.pop(field, None)
        return
    had_address = before.get("type", "ExternalName") != "ExternalName" and before.get("clusterIP")
    if had_address and not spec.get("clusterIP"):
        spec["clusterIP"] = had_address
        spec["clusterIPs"] = before.get("clusterIPs")
    had = {
        (port.get("protocol", "TCP"), port.get("port")): port["nodePort"]
        for port in before.get("ports") or ()
        if port.get("nodePort")
    }
    if not had:
        return
    wanted = spec.get("type") in _WITH_PORTS
    spec["ports"] = [_with_old_port(port, had, wanted=wanted) for port in spec.get("ports") or ()]


def _with_old_port(port: Object, had: dict[tuple[str, Any], int], *, wanted: bool) -> Object:
    number = had.get((port.get("protocol", "TCP"), port.get("port")))
    if wanted and number and not port.get("nodePort"):
        return {**port, "nodePort": number}
    if not wanted and number == port.get("nodePort"):
        return {field: value for field, value in port.items() if field != "nodePort"}
    return port


def _set_families(item: Object, spec: Object) -> None:
    """Fill in the fields about address families; there is one family here."""
    addresses = spec.get("clusterIPs") or []
    if not spec.get("clusterIP") and addresses:
        spec["clusterIP"] = addresses[0]
    if spec.get("clusterIP"):
        spec["clusterIPs"] = [spec["clusterIP"]]
    headless = spec.get("clusterIP") == "None" and not spec.get("selector")
    spec["ipFamilyPolicy"] = spec.get("ipFamilyPolicy") or ("RequireDualStack" if headless else "SingleStack")
    families = spec.get("ipFamilies") or ["IPv4"]
    if headless:
        if spec["ipFamilyPolicy"] != "SingleStack" and len(families) == 1:
            families = ["IPv4", "IPv6"]
    elif spec["ipFamilyPolicy"] == "RequireDualStack":
        why = "this cluster is not configured for dual-stack services"
        raise _refused(item, "spec.ipFamilyPolicy", spec["ipFamilyPolicy"], why)
    elif "IPv6" in families:
        index = families.index("IPv6")
        raise _refused(item, f"spec.ipFamilies[{index}]", "IPv6", "not configured on this cluster")
    spec["ipFamilies"] = families


def _check_port(item: Object, index: int, port: Object, used: set[int], asked: set[tuple[str, int]]) -> None:
    number = port["nodePort"]
    field = f"spec.ports[{index}].nodePort"
    if number not in PORTS:
        why = f"provided port is not in the valid range. The range of valid ports is {PORTS[0]}-{PORTS[-1]}"
        raise _refused(item, field, number, why)
    if number in used or (port.get("protocol", "TCP"), number) in asked:
        raise _refused(item, field, number, "provided port is already allocated")


def _refused(item: Object, field: str, value: object, why: str) -> ApiError:
    message = f"Invalid value: {json.dumps(value, separators=(',', ':'))}: {why}"
    return invalid(
        "Service", "", item["metadata"].get("name", ""), [Cause("FieldValueInvalid", message, field)]
    )
