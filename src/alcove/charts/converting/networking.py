"""Ingresses and network policies of old API versions."""

from __future__ import annotations

from typing import Any

from alcove.charts.reading import each, mapping

_ANY_PATH = "ImplementationSpecific"


def ingress(item: dict[str, Any]) -> dict[str, Any]:
    """Convert an Ingress; the annotation ``kubernetes.io/ingress.class`` stays, controllers still read it."""
    spec = dict(mapping(item.get("spec")))
    backend = spec.pop("backend", None)
    if isinstance(backend, dict):
        spec["defaultBackend"] = _backend(backend)
    if "rules" in spec:
        spec["rules"] = each(spec["rules"], _rule)
    return {**item, "spec": spec}


def policy(item: dict[str, Any]) -> dict[str, Any]:
    """Convert a NetworkPolicy: whom it is for has become required."""
    return {**item, "spec": {"podSelector": {}, **mapping(item.get("spec"))}}


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    http = mapping(rule.get("http"))
    return {**rule, "http": {**http, "paths": each(http["paths"], _path)}} if "paths" in http else rule


def _path(path: dict[str, Any]) -> dict[str, Any]:
    return {"pathType": _ANY_PATH, **path, "backend": _backend(dict(mapping(path.get("backend"))))}


def _backend(backend: dict[str, Any]) -> dict[str, Any]:
    if "serviceName" not in backend:
        return backend
    rest = {key: value for key, value in backend.items() if key not in ("serviceName", "servicePort")}
    return {**rest, "service": {"name": backend["serviceName"], "port": _port(backend.get("servicePort"))}}


def _port(port: object) -> dict[str, object]:
    """Tell numbers from names: charts often write numbers as texts, which no name of a port can be."""
    if isinstance(port, str) and not port.isdecimal():
        return {"name": port}
    return {"number": int(port)} if isinstance(port, int | str) else {}
