"""The canary that ``doctor`` sends through every stage: a space of its own with a child, for a minute.

::

    root space:  canary (says "root"), Services canary and canary-root
    child space: canary (says "child"), Service canary

    root  ── canary ─────────────────► root     a pod reaches its own space
    root  ── canary, key child ──────► child    the routing key counts
    child ── canary ─────────────────► child    a child space's own service hides its parent's
    child ── canary-root ────────────► root     what it does not have comes from its parent
    gateway ── root.canary.SUFFIX ───► root     the gateway serves Ingresses
    gateway ── child.s.root.canary... ► child   and their children's hosts

Each stage is tried for a while, since routes take a moment. Afterwards both namespaces are deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from alcove.admission.markers import PARENT_LABEL, SPACE_LABEL, mapping, sequence
from alcove.app.install import kinds, workloads
from alcove.app.install.settings import Record
from alcove.app.install.statuses import Installation
from alcove.kube import resources
from alcove.kube.client import Object
from alcove.kube.resources import Resource
from alcove.model import RouteKey
from alcove.spaces.hosts import render_host

CONTAINER = "canary"
POD = "canary-pod"
"""Unlike the Services: a pod finds its own name in its hosts file."""
_NAME = "canary"
_ONLY_ROOT = "canary-root"
_PORT = 8080
_HINTS = {
    "caller": "do pods see Service addresses? Socket-level load balancing must be off in pods: see 'cluster'",
    "key": "the caller's proxy has no routes: kubectl logs -n azds deploy/alcove-controlplane",
    "names": "short names of parents need the cluster's DNS; see the pod's /etc/resolv.conf",
    "gateway": "kubectl logs -n azds deploy/alcove-gateway",
}


@dataclass(frozen=True, slots=True)
class Flight:
    """One canary: the names of its two spaces, and what runs in them."""

    root: str
    image: str
    pull_policy: str
    suffix: str
    """Empty where there is no gateway, or it has no suffix yet."""

    @property
    def child(self) -> str:
        """The child space."""
        return f"{self.root}-child"


@dataclass(frozen=True, slots=True)
class Stage:
    """One request, and who must answer it."""

    name: str
    caller: str
    """The namespace of the pod that asks; empty for the gateway."""
    host: str
    key: str
    answers: str
    hint: str


def plan_flight(seen: Installation, token: str) -> Flight | None:
    """Plan a canary in namespaces whose names end with ``token``; None without a control plane to copy."""
    spec = mapping(seen.deployments.get(kinds.CONTROL_PLANE, {}), "spec", "template", "spec")
    for container in sequence(dict(spec), "containers"):
        suffix = str(seen.recorded.get(Record.HOST_SUFFIX) or "") if seen.has_gateway else ""
        policy = str(container.get("imagePullPolicy") or "IfNotPresent")
        return Flight(f"alcove-canary-{token}", str(container.get("image")), policy, suffix)
    return None


def plan_stages(flight: Flight) -> tuple[Stage, ...]:
    """Give the requests in the order in which each one needs those before it."""
    root, child = flight.root, flight.child
    inside = (
        Stage("canary: own space", root, _NAME, "", "root", _HINTS["caller"]),
        Stage("canary: routing key", root, _NAME, child, "child", _HINTS["key"]),
        Stage("canary: child space", child, _NAME, "", "child", _HINTS["caller"]),
        Stage("canary: fallback", child, _ONLY_ROOT, "", "root", _HINTS["names"]),
    )
    if not flight.suffix:
        return inside
    host, prefixed = _host(flight), render_host(_host(flight), RouteKey(child))
    return (
        *inside,
        Stage("canary: gateway", "", host, "", "root", _HINTS["gateway"]),
        Stage("canary: child host", "", prefixed, "", "child", _HINTS["gateway"]),
    )


def render_flight(flight: Flight) -> Iterator[tuple[Resource, Object]]:
    """Give the objects, namespaces first."""
    for name, parent in ((flight.root, ""), (flight.child, flight.root)):
        meta = kinds.metadata(name, namespace="")
        meta["labels"] = {
            **meta["labels"],
            SPACE_LABEL: "true",
            **({PARENT_LABEL: parent} if parent else {}),
        }
        yield resources.NAMESPACES, kinds.typed(resources.NAMESPACES, meta)
    for name, service in ((flight.root, _NAME), (flight.child, _NAME), (flight.root, _ONLY_ROOT)):
        yield resources.SERVICES, _service(name, service)
    if flight.suffix:
        yield resources.INGRESSES, _ingress(flight)
    for name, says in ((flight.root, "root"), (flight.child, "child")):
        yield resources.PODS, _pod(flight, name, says)


def _host(flight: Flight) -> str:
    return f"{flight.root}.{_NAME}{flight.suffix}"


def _service(namespace: str, name: str) -> Object:
    port = {"name": "http", "port": 80, "targetPort": _PORT, "protocol": "TCP"}
    spec = {"selector": {"app": _NAME}, "ports": [port]}
    return kinds.typed(resources.SERVICES, kinds.metadata(name, namespace=namespace), spec=spec)


def _ingress(flight: Flight) -> Object:
    backend = {"service": {"name": _NAME, "port": {"number": 80}}}
    rule = {
        "host": _host(flight),
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    meta = kinds.metadata(_NAME, namespace=flight.root)
    return kinds.typed(resources.INGRESSES, meta, spec={"ingressClassName": "alcove", "rules": [rule]})


def _pod(flight: Flight, namespace: str, says: str) -> Object:
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": flight.image,
        "imagePullPolicy": flight.pull_policy,
        "args": ["canary", "serve", "--name", says],
        "ports": [{"name": "http", "containerPort": _PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": _PORT}, "periodSeconds": 1},
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        },
        "securityContext": workloads.container_security(),
    }
    meta = kinds.metadata(POD, namespace=namespace)
    meta["labels"] = {**meta["labels"], "app": _NAME}
    spec = {
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "containers": [container],
    }
    return kinds.typed(resources.PODS, meta, spec=spec)
