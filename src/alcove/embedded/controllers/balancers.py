"""Services of type LoadBalancer: the address at which this machine answers for them."""

from __future__ import annotations

from collections.abc import Iterable

from alcove.embedded.controllers.actions import NOTHING, Plan, status_patches
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.controllers.endpoints import SERVICES
from alcove.embedded.objects import Object, ObjectKey, WatchEvent, metadata
from alcove.embedded.ports import ClusterReader


def balancers(api: ClusterReader, *, address: str) -> Controller:
    """Give the controller that gives every balanced Service ``address``."""

    def keys(event: WatchEvent) -> Iterable[ObjectKey]:
        meta = metadata(event.object)
        return (ObjectKey(SERVICES, meta["namespace"], meta["name"]),)

    def plan(key: ObjectKey, now: float) -> Plan:
        service = api.get(*key)
        return NOTHING if service is None else plan_balancer(service, address=address)

    return Controller("service-controller", (SERVICES,), keys, plan)


def plan_balancer(service: Object, *, address: str) -> Plan:
    """Set or clear ``status.loadBalancer``; Services with a class of their own are somebody else's."""
    if "deletionTimestamp" in metadata(service) or service["spec"].get("loadBalancerClass"):
        return NOTHING
    status = service.get("status") or {}
    wanted = [{"ip": address, "ipMode": "VIP"}] if service["spec"].get("type") == "LoadBalancer" else []
    if ((status.get("loadBalancer") or {}).get("ingress") or []) == wanted:
        return NOTHING
    balancer = {"ingress": wanted} if wanted else {}
    return Plan(status_patches(SERVICES, service, {**status, "loadBalancer": balancer}))
