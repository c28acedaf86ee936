"""EndpointSlices: the instances behind a Service, and the container ports that its ports lead to.

A Service has many slices, at least one per address family. What they say is put together, so that neither
their order nor how the instances are spread over them matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alcove.admission.markers import Object, mapping
from alcove.app.observation.reports import (
    Complain,
    read_address,
    read_label,
    read_list,
    read_objects,
    read_port,
    text,
)
from alcove.model import Endpoint

SERVICE_LABEL = "kubernetes.io/service-name"
_FAMILIES = ("IPv4", "IPv6")


@dataclass(frozen=True, slots=True)
class Slice:
    """What slices say of one Service."""

    ready: Mapping[str, bool] = field(default_factory=dict)
    """By address of an instance."""
    targets: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Container ports by the name of the Service's port; several while a roll-out changes them."""
    waiting: frozenset[str] = frozenset()
    """The addresses of instances at which requests wait while the application restarts."""

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The instances by address."""
        return tuple(
            Endpoint(address, self.ready[address], address in self.waiting) for address in sorted(self.ready)
        )


def observe_slice(item: Object, complain: Complain) -> tuple[tuple[str, str], Slice] | None:
    """Give a slice by namespace and Service, None for one that belongs to no Service."""
    name = mapping(item, "metadata", "labels").get(SERVICE_LABEL)
    if name is None:
        return None
    service = read_label(name, SERVICE_LABEL, complain)
    namespace = read_label(mapping(item, "metadata").get("namespace"), "its namespace", complain)
    if item.get("addressType") not in _FAMILIES:
        complain("addressType is neither IPv4 nor IPv6")
        return None
    ready: dict[str, bool] = {}
    for endpoint in read_objects(item, "endpoints", complain):
        # No word about readiness means ready, as Kubernetes has it.
        is_ready = mapping(endpoint, "conditions").get("ready") is not False
        for written in read_list(endpoint, "addresses", complain):
            address = read_address(written, "addresses", complain)
            if address:
                ready[address] = ready.get(address, False) or is_ready
    if not service or not namespace:
        return None
    return (namespace, service), Slice(ready, _targets(item, complain))


def merge_slices(slices: Iterable[Slice], waiting: frozenset[str] = frozenset()) -> Slice:
    """Put together what slices of one Service say; an instance is ready where any of them says so.

    ``waiting`` are the addresses of pods at which requests wait.
    """
    ready: dict[str, bool] = {}
    targets: dict[str, frozenset[int]] = {}
    for each in slices:
        for address, is_ready in each.ready.items():
            ready[address] = ready.get(address, False) or is_ready
        for name, numbers in each.targets.items():
            targets[name] = targets.get(name, frozenset()) | numbers
    return Slice(ready, targets, waiting & ready.keys())


def _targets(item: Object, complain: Complain) -> dict[str, frozenset[int]]:
    found: dict[str, frozenset[int]] = {}
    for entry in read_objects(item, "ports", complain):
        if entry.get("protocol", "TCP") != "TCP" or entry.get("port") is None:
            continue
        number = read_port(entry.get("port"), "port", complain)
        if number is not None:
            name = text(entry.get("name"))
            found[name] = found.get(name, frozenset()) | {number}
    return found
