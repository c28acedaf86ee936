"""Kubernetes objects in few words."""

from __future__ import annotations

from typing import Any

from alcove.app.observation.spaces import ALIASES_ANNOTATION
from alcove.app.observation.state import ClusterObjects
from alcove.kube.client import Object
from alcove.sessions.ids import new_session_id


class Complaints(list[str]):
    """Hears what is left out."""

    def __call__(self, why: str) -> None:
        self.append(why)


def namespace(name: str, parent: str = "", *, space: bool = True, aliases: str = "") -> Object:
    labels = ({"azds.io/space": "true"} if space else {}) | (
        {"azds.io/parent-space": parent} if parent else {}
    )
    annotations = {ALIASES_ANNOTATION: aliases} if aliases else {}
    return {"metadata": {"name": name, "labels": labels, "annotations": annotations}}


def service(
    place: str, *ports: Object, address: str = "None", annotations: Any = None, **spec: Any
) -> Object:
    """Make the Service ``NAME.NAMESPACE``; without an address it is headless."""
    name, _, space = place.partition(".")
    return {
        "metadata": {"name": name, "namespace": space, "annotations": annotations or {}},
        "spec": {"clusterIP": address, "clusterIPs": [address], "ports": list(ports), **spec},
    }


def port(number: Any, name: str = "", **more: Any) -> Object:
    return {"port": number, **({"name": name} if name else {}), **more}


def endpoint_slice(
    place: str, *addresses: str, ports: Any = None, ready: Any = None, name: str = "s"
) -> Object:
    """Make a slice of ``NAME.NAMESPACE``; an address with ``!`` is not ready."""
    service_name, _, space = place.partition(".")
    return {
        "metadata": {
            "name": f"{service_name}-{name}",
            "namespace": space,
            "labels": {"kubernetes.io/service-name": service_name},
        },
        "addressType": "IPv6" if any(":" in each for each in addresses) else "IPv4",
        "endpoints": [
            {"addresses": [each.strip("!")], "conditions": {"ready": False if "!" in each else ready}}
            for each in addresses
        ],
        "ports": [{"name": each, "port": number} for each, number in (ports or {}).items()],
    }


def rule(host: str, *paths: tuple[str, str, Any], kind: str = "Prefix") -> Object:
    made = [
        {"path": path, "pathType": kind, "backend": {"service": {"name": name, "port": _named(number)}}}
        for path, name, number in paths
    ]
    return {"host": host, "http": {"paths": made}}


def ingress(space: str, *rules: Object, cls: str = "alcove", **spec: Any) -> Object:
    meta = {"name": "entry", "namespace": space}
    return {"metadata": meta, "spec": {"ingressClassName": cls, "rules": list(rules), **spec}}


def _named(number: Any) -> Object:
    return {"name": number} if isinstance(number, str) else {"number": number}


def session_pod(space: str, address: str, *, phase: str = "Running", **meta: Any) -> dict[str, Any]:
    """Give a pod with a proxy that is of a session of its space."""
    labels = {"alcove.dev/injected": "true", "alcove.dev/session": new_session_id(space, "0badcafe")}
    return {
        "metadata": {"name": "worked", "namespace": space, "labels": labels, **meta},
        "status": {"phase": phase, "podIPs": [{"ip": address}]},
    }


FAMILY = ClusterObjects(
    namespaces=[
        namespace("dev"),
        namespace(
            "amy",
            "dev",
            aliases='{"10.96.0.99": {"service": "web", "ports": [{"number": 80, "target": 8080}]}}',
        ),
        namespace("bob", "dev"),
        namespace("prod"),
        namespace("plain", space=False),
    ],
    services=[
        service("web.dev", port(80, "http", targetPort="web"), port(6379, "redis"), address="10.96.0.1"),
        service(
            "api.dev", port(80, "http"), port(7070), address="10.96.0.2", clusterIPs=["10.96.0.2", "fd00::2"]
        ),
        service("api.amy", port(8000, "http"), address="10.96.0.12", clusterIPs=["fd00::12", "10.96.0.12"]),
        service("peers.dev", port(80, "http", targetPort=8080)),
        service("peers.amy", port(80, "http", targetPort=8080)),
        service("web.plain", port(80), address="10.96.0.30"),
        service("out.dev", type="ExternalName", externalName="example.org"),
    ],
    endpoint_slices=[
        endpoint_slice("web.dev", "10.1.0.1", ports={"http": 8080, "redis": 6379}),
        endpoint_slice("api.dev", "10.1.0.2", ports={"http": 8080, "": 7071}),
        endpoint_slice("api.dev", "fd01::2", ports={"http": 8080, "": 7071}, name="six"),
        endpoint_slice("api.amy", "10.1.0.12", ports={"http": 8001}),
        endpoint_slice("api.amy", "fd01::12", ports={"http": 8001}, name="six"),
        endpoint_slice("web.plain", "10.1.0.30", ports={"": 80}),
        endpoint_slice("peers.dev", "10.1.0.5", "10.1.0.6", ports={"http": 8080}),
        endpoint_slice("peers.amy", "!10.1.0.7", ports={"http": 8080}),
    ],
    ingresses=[
        ingress(
            "dev",
            rule("dev.web.test", ("/", "web", "http"), ("/api", "api", 80)),
            tls=[{"hosts": ["dev.web.test"], "secretName": "web-tls"}],
        ),
        ingress("plain", rule("plain.test", ("/", "web", 80))),
    ],
    nodes=[{"metadata": {"name": "n1"}, "spec": {"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]}}],
    service_cidrs=[{"metadata": {"name": "all"}, "spec": {"cidrs": ["10.96.0.0/16", "fd00::/108"]}}],
    session_pods=[session_pod("prod", "10.1.0.77")],
)
"""dev with amy (api and peers of its own; web was removed) and bob; prod; and an ordinary namespace."""
