"""Services: their EndpointSlices and legacy Endpoints, from the pods that they select.

Slices keep their names as long as their ports are wanted, so that watchers see pods come and go inside
of them. Endpoints are the same addresses in the old shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from alcove.embedded.controllers.actions import (
    NOTHING,
    Action,
    Create,
    Plan,
    Update,
    delete_of,
)
from alcove.embedded.controllers.driver import Controller
from alcove.embedded.controllers.ownership import controller_reference
from alcove.embedded.controllers.pods import PODS, is_finished, is_terminating, ready_since
from alcove.embedded.labels import selects_map
from alcove.embedded.objects import (
    GroupResource,
    Object,
    ObjectKey,
    WatchEvent,
    labels_of,
    metadata,
)
from alcove.embedded.ports import ClusterReader

SERVICES = GroupResource("services")
ENDPOINTS = GroupResource("endpoints")
SLICES = GroupResource("endpointslices.discovery.k8s.io")

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
SLICES_MANAGER = "endpointslice-controller.k8s.io"
ENDPOINTS_MANAGED_BY = "endpoints.kubernetes.io/managed-by"
HEADLESS = "service.kubernetes.io/headless"
SLICE_SIZE = 100

Ports = tuple[tuple[str, str, int | None, str], ...]
"""(name, protocol, number, appProtocol) of each port, resolved for one pod."""


def endpoints(api: ClusterReader) -> Controller:
    """Give the controller of Services' endpoints."""

    def keys(event: WatchEvent) -> Iterable[ObjectKey]:
        meta = metadata(event.object)
        if event.resource == PODS:
            labels = labels_of(event.object)
            return [
                ObjectKey(SERVICES, meta["namespace"], metadata(one)["name"])
                for one in api.list(SERVICES, meta["namespace"])
                if selects_map(one["spec"].get("selector"), labels)
            ]
        name = labels_of(event.object).get(SERVICE_NAME) if event.resource == SLICES else meta["name"]
        return (ObjectKey(SERVICES, meta["namespace"], name),) if name else ()

    def plan(key: ObjectKey, now: float) -> Plan:
        service = api.get(*key)
        old = api.get(ENDPOINTS, key.namespace, key.name)
        if service is None:
            return plan_gone(old)
        pods = api.list(PODS, key.namespace)
        return plan_endpoints(service, pods, slices=api.list(SLICES, key.namespace), endpoints=old)

    return Controller("endpointslice-controller", (SERVICES, PODS, SLICES, ENDPOINTS), keys, plan)


def plan_gone(endpoints: Object | None) -> Plan:
    """Remove the Endpoints of a Service that is gone, if they were made here; its slices are its own."""
    if endpoints is None or ENDPOINTS_MANAGED_BY not in labels_of(endpoints):
        return NOTHING
    return Plan([delete_of(ENDPOINTS, endpoints)])


def plan_endpoints(
    service: Object, pods: Sequence[Object], *, slices: Sequence[Object], endpoints: Object | None
) -> Plan:
    """Make slices and Endpoints tell where the Service's pods are; all of them are of its namespace."""
    spec = service["spec"]
    if not spec.get("selector") or spec.get("type") == "ExternalName" or is_terminating(service):
        return NOTHING
    chosen = [pod for pod in pods if selects_map(spec["selector"], labels_of(pod)) and _has_address(pod)]
    groups: dict[Ports, list[Object]] = {}
    for pod in chosen:
        groups.setdefault(resolve_ports(service, pod), []).append(pod)
    if not groups:
        groups[()] = []
    contents = [(ports, [_endpoint(service, pod) for pod in members]) for ports, members in groups.items()]
    ours = [
        one
        for one in slices
        if labels_of(one).get(SERVICE_NAME) == metadata(service)["name"]
        and labels_of(one).get(MANAGED_BY) == SLICES_MANAGER
    ]
    actions = plan_slices(service, contents, ours, manager=SLICES_MANAGER)
    return Plan([*actions, *_plan_legacy(service, groups, endpoints)])


def _has_address(pod: Object) -> bool:
    return bool((pod.get("status") or {}).get("podIP")) and not is_finished(pod)


def resolve_ports(service: Object, pod: Object) -> Ports:
    """Give the Service's ports as this pod serves them; named ports that it does not have are left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        protocol = port.get("protocol", "TCP")
        number = _target(port, protocol, pod)
        if number is not None:
            found.append((port.get("name", ""), protocol, number, port.get("appProtocol", "")))
    return tuple(found)


def _target(port: Object, protocol: str, pod: Object) -> int | None:
    wanted = port.get("targetPort") or port.get("port")
    if isinstance(wanted, int):
        return wanted
    spec = pod.get("spec") or {}
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    for container in [*(spec.get("containers") or ()), *sidecars]:
        for offered in container.get("ports") or ():
            if offered.get("name") == wanted and offered.get("protocol", "TCP") == protocol:
                return int(offered["containerPort"])
    return None


def _endpoint(service: Object, pod: Object) -> Object:
    serving = ready_since(pod) is not None
    terminating = is_terminating(pod)
    ready = bool(service["spec"].get("publishNotReadyAddresses")) or (serving and not terminating)
    endpoint: Object = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": _target_reference(pod),
    }
    if node := pod["spec"].get("nodeName"):
        endpoint["nodeName"] = node
    if hostname := _dns_hostname(service, pod):
        endpoint["hostname"] = hostname
    return endpoint


def _target_reference(pod: Object) -> Object:
    meta = metadata(pod)
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


def _dns_hostname(service: Object, pod: Object) -> str:
    spec = pod["spec"]
    return str(spec.get("hostname") or "") if spec.get("subdomain") == metadata(service)["name"] else ""


def _is_headless(service: Object) -> bool:
    return bool(service["spec"].get("clusterIP") == "None")


def plan_slices(
    owner: Object,
    contents: Iterable[tuple[Ports, Sequence[Object]]],
    existing: Sequence[Object],
    *,
    manager: str,
) -> list[Action]:
    """Put endpoints into slices of ``owner``, into those that have the same ports first."""
    spare: dict[str, list[Object]] = {}
    for one in existing:
        spare.setdefault(repr(one.get("ports") or []), []).append(one)
    actions: list[Action] = []
    for ports, endpoints in contents:
        rendered = [_slice_port(port) for port in ports]
        reusable = spare.get(repr(rendered), [])
        for start in range(0, max(1, len(endpoints)), SLICE_SIZE):
            content = {"endpoints": list(endpoints[start : start + SLICE_SIZE]), "ports": rendered}
            actions += _write_slice(owner, content, reusable, manager)
    return actions + [delete_of(SLICES, one) for left in spare.values() for one in left]


def _slice_port(port: tuple[str, str, int | None, str]) -> Object:
    name, protocol, number, application = port
    rendered: Object = {"name": name, "protocol": protocol, "port": number}
    if application:
        rendered["appProtocol"] = application
    return rendered


def _write_slice(owner: Object, content: Object, reusable: list[Object], manager: str) -> list[Action]:
    meta = metadata(owner)
    labels = {**labels_of(owner), SERVICE_NAME: meta["name"], MANAGED_BY: manager}
    if owner["kind"] == "Service" and _is_headless(owner):
        labels[HEADLESS] = ""
    if not reusable:
        fresh = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "generateName": f"{meta['name']}-",
                "namespace": meta["namespace"],
                "labels": labels,
                "ownerReferences": [controller_reference(owner)],
            },
            "addressType": "IPv4",
            **content,
        }
        return [Create(SLICES, fresh)]
    old = reusable.pop(0)
    if (old.get("endpoints") or []) == content["endpoints"] and labels_of(old) == labels:
        return []
    return [Update(SLICES, {**old, "metadata": {**old["metadata"], "labels": labels}, **content})]


# -------------------------------------------------------------------------------------- legacy Endpoints


def _plan_legacy(service: Object, groups: dict[Ports, list[Object]], old: Object | None) -> list[Action]:
    everyone = bool(service["spec"].get("publishNotReadyAddresses"))
    subsets = []
    for ports, pods in groups.items():
        members = [pod for pod in pods if everyone or not is_terminating(pod)]
        ready = [pod for pod in members if everyone or ready_since(pod) is not None]
        waiting = [pod for pod in members if not any(pod is one for one in ready)]
        subset: dict[str, Any] = {}
        if ready:
            subset["addresses"] = [_address(service, pod) for pod in ready]
        if waiting:
            subset["notReadyAddresses"] = [_address(service, pod) for pod in waiting]
        if subset:
            subset["ports"] = [_legacy_port(port) for port in ports]
            subsets.append(subset)
    return _write_legacy(service, subsets, old)


def _address(service: Object, pod: Object) -> Object:
    address: Object = {"ip": pod["status"]["podIP"], "targetRef": _target_reference(pod)}
    if node := pod["spec"].get("nodeName"):
        address["nodeName"] = node
    if hostname := _dns_hostname(service, pod):
        address["hostname"] = hostname
    return address


def _legacy_port(port: tuple[str, str, int | None, str]) -> Object:
    rendered = _slice_port(port)
    return rendered if rendered["name"] else {k: v for k, v in rendered.items() if k != "name"}


def _write_legacy(service: Object, subsets: list[dict[str, Any]], old: Object | None) -> list[Action]:
    meta = metadata(service)
    labels = {**labels_of(service), ENDPOINTS_MANAGED_BY: "endpoint-controller"}
    if _is_headless(service):
        labels[HEADLESS] = ""
    if old is None:
        names = {"name": meta["name"], "namespace": meta["namespace"], "labels": labels}
        fresh = {"apiVersion": "v1", "kind": "Endpoints", "metadata": names, "subsets": subsets}
        return [Create(ENDPOINTS, fresh)]
    if (old.get("subsets") or []) == subsets and labels_of(old) == labels:
        return []
    return [Update(ENDPOINTS, {**old, "metadata": {**old["metadata"], "labels": labels}, "subsets": subsets})]
