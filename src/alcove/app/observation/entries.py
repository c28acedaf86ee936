"""Ingresses of our classes: the hosts and paths by which the outside reaches Services."""

from __future__ import annotations

from collections.abc import Iterator

from alcove.admission.markers import Object, mapping
from alcove.app.observation.reports import Complain, read_label, read_objects, read_port, text
from alcove.model import Entry, ServiceName, SpaceName
from alcove.spaces.hosts import LONGEST_HOST, is_label

CLASSES = ("traefik-azds", "alcove")
"""The class of Azure Dev Spaces, which users' charts name, and our own."""

_CLASS_ANNOTATION = "kubernetes.io/ingress.class"


def observe_entries(item: Object, complain: Complain) -> Iterator[Entry]:
    """Yield the entries of an Ingress; none for one of a foreign class."""
    spec = dict(mapping(item, "spec"))
    annotations = mapping(item, "metadata", "annotations")
    if (spec.get("ingressClassName") or annotations.get(_CLASS_ANNOTATION)) not in CLASSES:
        return
    namespace = read_label(mapping(item, "metadata").get("namespace"), "its namespace", complain)
    rules = read_objects(spec, "rules", complain)
    if spec.get("defaultBackend") is not None and not rules:
        complain("a defaultBackend without a rule has no host")
    for rule in rules:
        host = _host(rule, complain)
        for path in _paths(spec, rule, complain) if namespace and host else ():
            entry = _observe_path(SpaceName(namespace), host, path, complain)
            if entry is not None:
                yield entry


def _host(rule: Object, complain: Complain) -> str:
    host = text(rule.get("host")).lower()
    if len(host) <= LONGEST_HOST and all(map(is_label, host.split("."))):
        return host
    complain("a rule without a host, or with one that is no DNS name, leads nowhere")
    return ""


def _paths(spec: Object, rule: Object, complain: Complain) -> list[Object]:
    if rule.get("http") is None:  # all of the host goes to the default
        return [{"backend": spec.get("defaultBackend")}]
    return read_objects(dict(mapping(rule, "http")), "paths", complain)


def _observe_path(space: SpaceName, host: str, path: Object, complain: Complain) -> Entry | None:
    written = path.get("path") or "/"
    if not isinstance(written, str) or not written.startswith("/"):
        complain("a path does not begin with /")
        return None
    service = mapping(path, "backend", "service")
    name = read_label(service.get("name"), "the service of a backend", complain)
    port = _port(dict(mapping(service, "port")), complain) if name else None
    if port is None:
        return None
    return Entry(space, host, ServiceName(name), port, written, path.get("pathType") == "Exact")


def _port(port: Object, complain: Complain) -> int | str | None:
    named = text(port.get("name"))
    return named or read_port(port.get("number"), "the port of a backend", complain)
