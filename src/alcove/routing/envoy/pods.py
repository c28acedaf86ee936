"""The resources of one pod's proxy."""

from __future__ import annotations

from alcove.model import SpaceName
from alcove.routing.classes import PortClass
from alcove.routing.envoy.clusters import compile_clusters
from alcove.routing.envoy.listeners import compile_inbound_listener, compile_outbound_listener
from alcove.routing.envoy.names import CLUSTER_TYPE, LISTENER_TYPE, ROUTES_TYPE, Body, ProxySettings
from alcove.routing.envoy.tables import Table, compile_inbound, compile_outbound
from alcove.routing.inbound import Inbound
from alcove.routing.plan import RoutePlan

Resources = dict[str, list[Body]]
"""Resources by type."""


def compile_common(plan: RoutePlan, settings: ProxySettings) -> Resources:
    """Give what all pods have in common."""
    return {
        LISTENER_TYPE: [compile_outbound_listener(settings, plan.classes)],
        CLUSTER_TYPE: list(compile_clusters()),
    }


def compile_space(caller: SpaceName, table: Table) -> Resources:
    """Give what all pods of a space have in common beyond that."""
    return {ROUTES_TYPE: [compile_outbound(caller, table)]}


def inbound_of(plan: RoutePlan, addresses: tuple[str, ...]) -> Inbound:
    """Give what a pod's proxy knows of what reaches it; ``addresses`` are its own, in canonical spelling."""
    return merge_inbound([plan.inbound[each] for each in addresses if each in plan.inbound])


def compile_own(inbound: Inbound, settings: ProxySettings, *, waits: bool = False) -> Resources:
    """Give what a pod alone has; with ``waits`` what its application refuses is tried again for a while."""
    return {
        LISTENER_TYPE: [compile_inbound_listener(settings, inbound.classes, waits=waits)],
        ROUTES_TYPE: [compile_inbound(inbound, settings, waits=waits)],
    }


def merge_inbound(found: list[Inbound]) -> Inbound:
    """Give what a pod knows under all of its addresses; its Services have the same instances under each."""
    ports = {port.number: port for inbound in reversed(found) for port in inbound.ports}
    classes: dict[int, PortClass] = {
        each.number: each for inbound in reversed(found) for each in inbound.classes
    }
    return Inbound(
        tuple(ports[number] for number in sorted(ports)),
        tuple(classes[number] for number in sorted(classes)),
    )
