"""Objects of a cluster, put together into one ``ClusterState``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from alcove.admission.markers import Object, mapping
from alcove.app.observation.entries import observe_entries, observe_tls
from alcove.app.observation.ranges import observe_node_ranges, observe_service_ranges
from alcove.app.observation.reports import Complain, Report, Reporter, text
from alcove.app.observation.services import observe_service
from alcove.app.observation.slices import Slice, merge_slices, observe_slice
from alcove.app.observation.spaces import observe_space
from alcove.app.observation.waiting import observe_waiting
from alcove.model import Certificate, ClusterState, SecretName, Service

T = TypeVar("T")
_NOWHERE: frozenset[str] = frozenset()
Read = Callable[[Object, Complain], T | None]
"""Gives what an object means, None when it means nothing here, and complains of what is wrong with it."""


@dataclass(frozen=True, slots=True)
class ClusterObjects:
    """What a cluster listed; whatever else than objects is among it is reported."""

    namespaces: Sequence[object] = ()
    services: Sequence[object] = ()
    endpoint_slices: Sequence[object] = ()
    ingresses: Sequence[object] = ()
    nodes: Sequence[object] = ()
    service_cidrs: Sequence[object] = ()
    session_pods: Sequence[object] = ()
    """Pods with a proxy that say of which session they are; others do not matter here."""
    certificates: Mapping[SecretName, Certificate] = field(default_factory=dict, kw_only=True)
    """What ``app.gateway.certificates`` read in Secrets; the Secrets themselves never come here."""
    slices_seen: bool = field(default=True, kw_only=True)
    """Whether all EndpointSlices may be seen; else nothing follows from there being none."""


class Memory:
    """What single objects were understood as, from one observation of a cluster to the next.

    Objects are known by identity: whoever uses a memory gives an object that has changed as another one.
    """

    def __init__(self) -> None:
        """Remember nothing."""
        self._before: dict[tuple[str, int], _Understood] = {}
        self._now: dict[tuple[str, int], _Understood] = {}

    def understand(
        self, kind: str, item: object, read: Read[T], *, beside: object = None, part: str = ""
    ) -> tuple[T | None, tuple[Report, ...]]:
        """Give what a part of an object means: as before if neither it nor what is ``beside`` it changed."""
        key = (kind + part, id(item))
        known = self._before.get(key)
        if known is None or known.item is not item or known.beside != beside:
            reporter = Reporter()
            complain = reporter.about(kind, item)
            if not isinstance(item, dict):
                complain("is no object")
            meaning = read(item, complain) if isinstance(item, dict) else None
            known = _Understood(item, beside, meaning, reporter.reports)
        self._now[key] = known
        return known.meaning, known.reports

    def end(self) -> None:
        """End an observation: objects that were not in it are forgotten."""
        self._before, self._now = self._now, {}


class _Understood(NamedTuple):
    item: object
    beside: object
    meaning: Any
    reports: tuple[Report, ...]


def observe_state(
    objects: ClusterObjects, memory: Memory | None = None
) -> tuple[ClusterState, tuple[Report, ...]]:
    """Give the state, and what of the objects is not in it; the order of the objects does not matter.

    ``memory`` is that of earlier observations of the same cluster, which saves reading what has not changed.
    """
    known, reports = memory or Memory(), set[Report]()

    def read(kind: str, items: Iterable[object], observe: Read[T], part: str = "") -> list[T]:
        found = [known.understand(kind, item, observe, part=part) for item in items]
        reports.update(report for _, told in found for report in told)
        return [meaning for meaning, _ in found if meaning is not None]

    spaces = read("Namespace", objects.namespaces, observe_space)
    parts: dict[tuple[str, str], list[Slice]] = {}
    for key, each in read("EndpointSlice", objects.endpoint_slices, observe_slice):
        parts.setdefault(key, []).append(each)
    services, waiting = [], observe_waiting(objects.session_pods)
    for item in objects.services:
        found = parts.get(_key(item), [])
        if objects.slices_seen and not found and _selects(item):
            continue
        beside = merge_slices(found, waiting.get(_key(item)[0], _NOWHERE))
        service, told = known.understand("Service", item, _reading(beside), beside=beside)
        reports.update(told)
        services += [service] if service else []
    ranges = read("Node", objects.nodes, _all(observe_node_ranges))
    ranges += read("ServiceCIDR", objects.service_cidrs, _all(observe_service_ranges))
    entries = read("Ingress", objects.ingresses, _all(observe_entries), ".entries")
    hosts = read("Ingress", objects.ingresses, _all(observe_tls), ".tls")
    known.end()
    state = ClusterState(
        spaces={space.name: space for space in spaces},
        services={(service.space, service.name): service for service in services},
        entries=frozenset(entry for found in entries for entry in found),
        ranges=frozenset(network for networks in ranges for network in networks),
        tls=frozenset(host for found in hosts for host in found),
        certificates=objects.certificates,
    )
    return state, tuple(sorted(reports))


def _reading(known: Slice) -> Read[Service]:
    def read(item: Object, complain: Complain) -> Service | None:
        return observe_service(item, {_key(item): known}, complain)

    return read


def _selects(item: object) -> bool:
    """Tell whether the cluster makes EndpointSlices for a Service: without any yet, it is on its way.

    It is one from the beginning that says "none ready", if so. Without one, nobody could be reached.
    """
    spec = mapping(item, "spec") if isinstance(item, dict) else {}
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName"


def _key(item: object) -> tuple[str, str]:
    meta = mapping(item, "metadata") if isinstance(item, dict) else {}
    return text(meta.get("namespace")), text(meta.get("name"))


def _all(observe: Callable[[Object, Complain], Iterator[T]]) -> Read[tuple[T, ...]]:
    return lambda item, complain: tuple(observe(item, complain))
