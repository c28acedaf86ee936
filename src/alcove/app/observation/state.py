"""Objects of a cluster, put together into one ``ClusterState``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alcove.admission.markers import Object
from alcove.app.observation.entries import observe_entries, observe_tls
from alcove.app.observation.ranges import observe_node_ranges, observe_service_ranges
from alcove.app.observation.reports import Complain, Report, Reporter
from alcove.app.observation.services import observe_service
from alcove.app.observation.slices import Slice, merge_slices, observe_slice
from alcove.app.observation.spaces import observe_space
from alcove.model import Certificate, ClusterState, SecretName


@dataclass(frozen=True, slots=True)
class ClusterObjects:
    """What a cluster listed; whatever else than objects is among it is reported."""

    namespaces: Sequence[object] = ()
    services: Sequence[object] = ()
    endpoint_slices: Sequence[object] = ()
    ingresses: Sequence[object] = ()
    nodes: Sequence[object] = ()
    service_cidrs: Sequence[object] = ()
    certificates: Mapping[SecretName, Certificate] = field(default_factory=dict, kw_only=True)
    """What ``app.gateway.certificates`` read in Secrets; the Secrets themselves never come here."""


def observe_state(objects: ClusterObjects) -> tuple[ClusterState, tuple[Report, ...]]:
    """Give the state, and what of the objects is not in it; the order of the objects does not matter."""
    reporter = Reporter()

    def read(kind: str, items: Iterable[object]) -> Iterator[tuple[Object, Complain]]:
        for item in items:
            complain = reporter.about(kind, item)
            if isinstance(item, dict):
                yield item, complain
            else:
                complain("is no object")

    spaces = [observe_space(*each) for each in read("Namespace", objects.namespaces)]
    parts: dict[tuple[str, str], list[Slice]] = {}
    for found in [observe_slice(*each) for each in read("EndpointSlice", objects.endpoint_slices)]:
        if found is not None:
            parts.setdefault(found[0], []).append(found[1])
    slices = {key: merge_slices(each) for key, each in parts.items()}
    services = [
        observe_service(item, slices, complain) for item, complain in read("Service", objects.services)
    ]
    ranges = [observe_node_ranges(*each) for each in read("Node", objects.nodes)]
    ranges += [observe_service_ranges(*each) for each in read("ServiceCIDR", objects.service_cidrs)]
    state = ClusterState(
        spaces={space.name: space for space in spaces if space},
        services={(service.space, service.name): service for service in services if service},
        entries=frozenset(
            entry for each in read("Ingress", objects.ingresses) for entry in observe_entries(*each)
        ),
        ranges=frozenset(network for networks in ranges for network in networks),
        tls=frozenset(host for each in read("Ingress", objects.ingresses) for host in observe_tls(*each)),
        certificates=objects.certificates,
    )
    return state, reporter.reports
