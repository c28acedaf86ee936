"""Endpoints written by hand for Services without a selector, mirrored into EndpointSlices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alcove.embedded.controllers.actions import NOTHING, Plan, delete_of
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.controllers.endpoints import (
    ENDPOINTS,
    MANAGED_BY,
    SERVICE_NAME,
    SERVICES,
    SLICES,
    Ports,
    plan_slices,
)
from alcove.embedded.objects import GroupResource, Object, ObjectKey, WatchEvent, labels_of, metadata
from alcove.embedded.ports import ClusterReader

_MANAGER = "endpointslicemirroring-controller.k8s.io"
_SKIP = "endpointslice.kubernetes.io/skip-mirror"


def mirroring(api: ClusterReader) -> Controller:
    """Give the controller that mirrors Endpoints."""
    watched: tuple[GroupResource, ...] = (ENDPOINTS, SERVICES, SLICES)

    def keys(event: WatchEvent) -> Iterable[ObjectKey]:
        meta = metadata(event.object)
        name = labels_of(event.object).get(SERVICE_NAME) if event.resource == SLICES else meta["name"]
        return (ObjectKey(ENDPOINTS, meta["namespace"], name),) if name else ()

    def plan(key: ObjectKey, now: float) -> Plan:
        service = api.get(SERVICES, key.namespace, key.name)
        return plan_mirror(api.get(*key), service, api.list(SLICES, key.namespace), name=key.name)

    return Controller("endpoint-slice-mirroring-controller", watched, keys, plan)


def plan_mirror(
    endpoints: Object | None, service: Object | None, slices: Sequence[Object], *, name: str
) -> Plan:
    """Make the mirroring slices say what the Endpoints say, or remove them when they should not be."""
    ours = [
        one
        for one in slices
        if labels_of(one).get(SERVICE_NAME) == name and labels_of(one).get(MANAGED_BY) == _MANAGER
    ]
    if endpoints is None or service is None or not _is_mirrored(endpoints, service):
        return Plan([delete_of(SLICES, one) for one in ours]) if ours else NOTHING
    contents = [(_ports(subset), _members(subset)) for subset in endpoints.get("subsets") or ()]
    return Plan(plan_slices(endpoints, contents, ours, manager=_MANAGER))


def _is_mirrored(endpoints: Object, service: Object) -> bool:
    return not service["spec"].get("selector") and labels_of(endpoints).get(_SKIP) != "true"


def _ports(subset: Object) -> Ports:
    return tuple(
        (one.get("name", ""), one.get("protocol", "TCP"), one.get("port"), one.get("appProtocol", ""))
        for one in subset.get("ports") or ()
    )


def _members(subset: Object) -> list[Object]:
    ready = [_member(one, ready=True) for one in subset.get("addresses") or ()]
    return ready + [_member(one, ready=False) for one in subset.get("notReadyAddresses") or ()]


def _member(address: Object, *, ready: bool) -> Object:
    kept = {key: address[key] for key in ("hostname", "nodeName", "targetRef") if address.get(key)}
    return {"addresses": [address["ip"]], "conditions": {"ready": ready}, **kept}
