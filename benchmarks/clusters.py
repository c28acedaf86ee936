"""Clusters of any size as the objects that the API server would list, and one build of them, stage by stage.

A cluster is a root space with all services, and child spaces below it that override five of them each. Every
service has a cluster address, a port declared as HTTP, and an instance or more; ten are entered from outside.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from alcove.app.controlplane.nodes import observe_nodes
from alcove.app.controlplane.publishing import cluster_objects
from alcove.app.controlplane.watching import ObjectStore, watched_by_controlplane
from alcove.app.gateway.certificates import SecretReader
from alcove.app.observation.state import Memory, observe_state
from alcove.kube.client import Object, WatchEvent
from alcove.routing.envoy.names import CLUSTER_TYPE, LISTENER_TYPE, ROUTES_TYPE, ProxySettings
from alcove.routing.plan import Planner
from alcove.routing.snapshot import Compiler, Node, Snapshot
from alcove.xds.encoding import Encoder
from alcove.xds.identity import node_id
from alcove.xds.resources import Resource

OVERRIDES, ENTRIES = 5, 10
ROOT = "dev"
TYPES = (CLUSTER_TYPE, LISTENER_TYPE, ROUTES_TYPE)


class Shape(NamedTuple):
    """How large a cluster is."""

    services: int
    spaces: int
    """Child spaces; the root comes on top."""
    pods: int = 0
    """Injected pods, spread over all spaces, each an instance of a service of its space."""

    @property
    def names(self) -> list[str]:
        """All spaces, the root first."""
        return [ROOT, *(f"space{at}" for at in range(self.spaces))]


class Fleet(NamedTuple):
    """A store that has listed a cluster, and the ids of its proxies."""

    store: ObjectStore
    nodes: list[str]


def fill_store(shape: Shape) -> Fleet:
    """Give a store as it is once everything of a cluster was listed."""
    watches = [each.name for each in watched_by_controlplane("azds")]
    store = ObjectStore(watches)
    for watch, item in _objects(shape):
        store.take(watch, WatchEvent("ADDED", item))
    for watch in watches:
        store.take(watch, WatchEvent("SYNCED", {}))
    pods = [each["metadata"] for each in store.items("proxies")]
    return Fleet(store, [node_id(meta["uid"], meta["namespace"], meta["name"]) for meta in pods])


def service_address(number: int) -> str:
    """Give the cluster address of the n-th Service: the root's come first, then each child's."""
    return f"10.{100 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"


def instance_address(number: int) -> str:
    """Give the address of its only instance, where none of the cluster's pods is one."""
    return f"10.{20 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"


def make_change(shape: Shape, number: int) -> list[tuple[str, Object]]:
    """Give a Service that a child space has not got yet and its parent has, and its instance, each with its
    watch; each number gives another one.
    """
    at = number % shape.spaces
    owned = {(at * OVERRIDES + each) % shape.services for each in range(OVERRIDES)}
    free = next(each for each in range(number * 7, number * 7 + 99) if each % shape.services not in owned)
    space, name, last = f"space{at}", f"service{free % shape.services}", f"{number // 250}.{number % 250 + 1}"
    return [
        ("services", _service(space, name, f"10.110.{last}")),
        ("slices", _slice(space, name, [f"10.23.{last}"])),
    ]


def tell(store: ObjectStore, kind: str, change: list[tuple[str, Object]]) -> None:
    """Have the watches say that objects are there, or are no more."""
    for watch, item in change:
        store.take(watch, WatchEvent(kind, item))


class Build(NamedTuple):
    """What one build of a store took, in seconds of this thread's CPU, and what came of it."""

    observing: float
    planning: float
    compiling: float
    encoding: float
    snapshots: dict[Node, Snapshot]
    encoded: dict[str, Resource]
    """What is sent, by type and name of the first proxy."""

    @property
    def whole(self) -> float:
        return self.observing + self.planning + self.compiling + self.encoding


class Builder:
    """Does what ``RoutePublisher`` does, with a look at the clock between any two stages."""

    def __init__(self, settings: ProxySettings | None = None) -> None:
        self._memory = Memory()
        self._planner = Planner()
        self._compiler = Compiler(settings or ProxySettings())
        self._encoder = Encoder()
        self._known: dict[tuple[str, str, str], Resource] = {}
        self._held = SecretReader().read([])

    def build(self, store: ObjectStore, *, nodes: Sequence[Node] = ()) -> Build:
        """Build a store; ``nodes`` instead of those of its pods, if any are given."""
        begin = time.thread_time()
        state, _ = observe_state(cluster_objects(store, self._held), self._memory)
        observed = nodes or [*observe_nodes(store.items("proxies"), store.items("own")).values()]
        seen = time.thread_time()
        plan = self._planner.plan(state)
        planned = time.thread_time()
        snapshots = self._compiler.compile(plan, dict.fromkeys(observed))
        compiled = time.thread_time()
        first = self._encode(snapshots)
        done = time.thread_time()
        return Build(
            seen - begin, planned - seen, compiled - planned, done - compiled, dict(snapshots), first
        )

    def _encode(self, snapshots: Any) -> dict[str, Resource]:
        kept: dict[tuple[str, str, str], Resource] = {}
        first: dict[str, Resource] = {}
        for snapshot in snapshots.values():
            for kind, named in snapshot.resources.items():
                for each in named.values():
                    key = (kind, each.name, each.version)
                    if key not in kept:
                        kept[key] = self._known.get(key) or self._encoder.encode(
                            kind, each.name, each.version, each.body
                        )
                    first.setdefault(f"{kind}/{each.name}", kept[key])
        self._known = kept
        self._encoder.forget()
        return first


def _objects(shape: Shape) -> Iterator[tuple[str, Object]]:
    for name in shape.names:
        yield "namespaces", _namespace(name)
    yield "ranges", {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.96.0.0/12"]}}
    for network in ("10.1.0.0/16", "10.20.0.0/14"):
        yield "nodes", {"metadata": {"name": f"node-{network[:4]}"}, "spec": {"podCIDRs": [network]}}
    instances: dict[tuple[str, str], list[str]] = {}
    owned = {space: [*_owned(shape, space)] for space in shape.names}
    for at in range(shape.pods):
        space = shape.names[at % len(shape.names)]
        names = owned[space] or ["none"]
        name = names[at // len(shape.names) % len(names)]
        address = f"10.1.{at // 250}.{at % 250 + 1}"
        instances.setdefault((space, name), []).append(address)
        yield "proxies", _pod(space, f"{name}-{at}", address)
    number = 0
    for space in shape.names:
        for name in owned[space]:
            yield "services", _service(space, name, service_address(number))
            addresses = instances.get((space, name), [instance_address(number)])
            yield "slices", _slice(space, name, addresses)
            number += 1
    for at in range(min(ENTRIES, shape.services)):
        yield "ingresses", _ingress(f"service{at}")


def _owned(shape: Shape, space: str) -> Iterator[str]:
    if space == ROOT:
        yield from (f"service{at}" for at in range(shape.services))
    else:
        first = int(space.removeprefix("space")) * OVERRIDES
        yield from (
            f"service{(first + each) % shape.services}" for each in range(min(OVERRIDES, shape.services))
        )


def _meta(space: str, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": space,
        "uid": f"uid-{space}-{name}",
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"app": name, "release": space, "tier": "backend"},
        "annotations": {"deployment.kubernetes.io/revision": "1"},
    }


def _namespace(name: str) -> Object:
    labels = {"azds.io/space": "true", **({} if name == ROOT else {"azds.io/parent-space": ROOT})}
    return {"kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _service(space: str, name: str, address: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(space, name),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
            "selector": {"app": name},
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}],
        },
        "status": {"loadBalancer": {}},
    }


def _slice(space: str, service: str, addresses: list[str]) -> Object:
    meta = _meta(space, f"{service}-x1y2z")
    meta["labels"]["kubernetes.io/service-name"] = service
    conditions = {"ready": True, "serving": True, "terminating": False}
    return {
        "kind": "EndpointSlice",
        "metadata": meta,
        "addressType": "IPv4",
        "endpoints": [{"addresses": [each], "conditions": conditions} for each in addresses],
        "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
    }


def _pod(space: str, name: str, address: str) -> Object:
    status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
    containers = [
        {"name": each, "image": f"{each}:1", "env": [{"name": "A", "value": "b"}]}
        for each in ("app", "alcove-proxy")
    ]
    return {
        "kind": "Pod",
        "metadata": _meta(space, name),
        "spec": {"containers": containers},
        "status": status,
    }


def _ingress(name: str) -> Object:
    backend = {"service": {"name": name, "port": {"number": 80}}}
    rule = {
        "host": f"{name}.example.com",
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    return {
        "kind": "Ingress",
        "metadata": _meta(ROOT, name),
        "spec": {"ingressClassName": "alcove", "rules": [rule]},
    }
