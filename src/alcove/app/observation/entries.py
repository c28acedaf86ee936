"""Ingresses of our classes: the hosts and paths by which the outside reaches Services, and who has TLS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from alcove.admission.markers import Object, mapping
from alcove.app.observation.reports import Complain, read_label, read_list, read_objects, read_port, text
from alcove.model import Entry, SecretName, ServiceName, SpaceName, TlsHost
from alcove.spaces.hosts import LONGEST_HOST, is_host

CLASSES = ("traefik-azds", "alcove")
"""The class of Azure Dev Spaces, which users' charts name, and our own."""

_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_PATH = re.compile(r'[!"$->@-~]+')
"""Signs that a request's path may have: printable ASCII without ``?`` and ``#``."""
_LONGEST_TOLD = 100


def observe_entries(item: Object, complain: Complain) -> Iterator[Entry]:
    """Yield the entries of an Ingress; none for one of a foreign class."""
    if find_class(item) not in CLASSES:
        return
    spec, meta = dict(mapping(item, "spec")), mapping(item, "metadata")
    namespace = read_label(meta.get("namespace"), "its namespace", complain)
    rules = read_objects(spec, "rules", complain)
    if spec.get("defaultBackend") is not None and not rules:
        complain("a defaultBackend without a rule has no host")
    for rule in rules:
        host = _host(rule, complain)
        for path in _paths(spec, rule, complain) if namespace and host else ():
            entry = _observe_path(SpaceName(namespace), host, path, complain)
            if entry is not None:
                yield replace(entry, ingress=text(meta.get("name")))


def observe_tls(item: Object, complain: Complain) -> Iterator[TlsHost]:
    """Yield the hosts of an Ingress that are to be served with TLS; none for one of a foreign class."""
    if find_class(item) not in CLASSES:
        return
    spec, space = dict(mapping(item, "spec")), text(mapping(item, "metadata").get("namespace"))
    rules = [text(rule.get("host")).lower() for rule in read_objects(spec, "rules", _silent)]
    for block in read_objects(spec, "tls", complain):
        secret = text(block.get("secretName"))
        if not is_host(secret):  # names of Secrets are made as hosts are
            complain("a part of spec.tls names no Secret: its hosts have the certificate that nobody trusts")
            continue
        for host in _tls_hosts(block, [rule for rule in rules if is_host(rule)], complain):
            yield TlsHost(SpaceName(space), host, SecretName(f"{space}/{secret}"))


def find_class(item: Object) -> str:
    """Give the class of an Ingress; empty when it leaves that to the cluster."""
    annotations = mapping(item, "metadata", "annotations")
    return text(mapping(item, "spec").get("ingressClassName")) or text(annotations.get(_CLASS_ANNOTATION))


def _tls_hosts(block: Object, rules: list[str], complain: Complain) -> Iterator[str]:
    """Give the rules' hosts that a part of spec.tls is about: all of them when it names none."""
    named = read_list(block, "hosts", complain)
    for each in named:
        host = text(each).lower()
        found = [rule for rule in rules if rule == host or _is_below(rule, host)]
        if not found:
            complain(f"spec.tls names the host {str(each)[:LONGEST_HOST]!r}, of which there is no rule")
        yield from found
    yield from rules if not named else ()


def _is_below(host: str, wildcard: str) -> bool:
    mark, _, rest = wildcard.partition(".")
    return mark == "*" and host.partition(".")[2] == rest


def _silent(_why: str) -> None:
    """Say nothing: whoever reads the rules has complained of them."""


def _host(rule: Object, complain: Complain) -> str:
    host = text(rule.get("host")).lower()
    if is_host(host):
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
    if not _PATH.fullmatch(written):
        complain(f"no request has the path {written[:_LONGEST_TOLD]!r}: a sign in it is of no path")
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
