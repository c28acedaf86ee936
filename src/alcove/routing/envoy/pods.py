"""The resources of one pod's proxy."""

from __future__ import annotations

from alcove.model import SpaceName
from alcove.routing.classes import PortClass
from alcove.routing.envoy.clusters import compile_clusters
from alcove.routing.envoy.listeners import compile_inbound_listener, compile_outbound_listener
from alcove.routing.envoy.names import CLUSTER_TYPE, LISTENER_TYPE, ROUTES_TYPE, Body, ProxySettings
from alcove.routing.envoy.tables import compile_inbound, compile_outbound
from alcove.routing.inbound import Inbound
from alcove.routing.plan import RoutePlan

Resources = dict[str, list[Body]]
"""Resources by type."""


def compile_space(plan: RoutePlan, settings: ProxySettings, caller: SpaceName, table: Body) -> Resources:
    """Give what all pods of a space have in common; ``table`` is what all spaces have (``compile_table``)."""
    return {
        LISTENER_TYPE: [compile_outbound_listener(settings, plan.classes)],
        ROUTES_TYPE: [compile_outbound(plan, settings, caller, table)],
        CLUSTER_TYPE: list(compile_clusters()),
    }


def compile_own(plan: RoutePlan, settings: ProxySettings, addresses: tuple[str, ...]) -> Resources:
    """Give what a pod alone has; ``addresses`` are its own, in canonical spelling."""
    inbound = merge_inbound([plan.inbound[each] for each in addresses if each in plan.inbound])
    return {
        LISTENER_TYPE: [compile_inbound_listener(settings, inbound.classes)],
        ROUTES_TYPE: [compile_inbound(inbound, settings)],
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
