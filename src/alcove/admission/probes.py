"""Probes that tell the truth behind a redirect.

A connection to any port of a redirected pod succeeds: it is the proxy that accepts it. So a ``tcpSocket``
probe would always pass. It becomes an ``httpGet`` of a port that is not redirected, where the proxy answers
200 only while the application accepts connections on its port; ``grpc`` probes likewise, since a port that is
declared as raw TCP accepts them as blindly::

    tcpSocket: {port: 5432}               -> httpGet: {port: 15021, path: /tcp/5432}
    grpc: {port: 9000, service: a.b/C}    -> httpGet: {port: 15021, path: /grpc/9000/a.b%2FC}

``httpGet`` probes stay as they are: they carry no route key, so the proxy passes them on to the very port
they name; an application that does not answer is a 503 of the proxy (or, by TLS, a broken handshake), and
fails the probe. Probes of another host (``host`` is set) do not go through the redirect and are not touched.

The path holds all there is to know, so that the list of checks the proxy must make is read back from the
pod's containers, however often they are gone through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from alcove.admission import markers
from alcove.admission.markers import Object
from alcove.admission.ports import tcp_ports

KINDS = ("startupProbe", "readinessProbe", "livenessProbe")
_PATH = re.compile(r"/(tcp|grpc)/([0-9]{1,5})(?:/([^/]*))?")


@dataclass(frozen=True, slots=True, order=True)
class Check:
    """One thing that the proxy has to find out about the application."""

    kind: str
    """``tcp`` or ``grpc``."""
    port: int
    service: str = ""
    """The gRPC service whose health is asked for."""

    @property
    def path(self) -> str:
        """The path under which its result is asked for."""
        service = f"/{quote(self.service, safe='')}" if self.kind == "grpc" and self.service else ""
        return f"/{self.kind}/{self.port}{service}"


def rewrite_probes(container: Object, probes_port: int) -> tuple[Object, tuple[str, ...]]:
    """Give the container with probes that the proxy answers, and warnings about those that cannot be."""
    changed: Object = {}
    warnings: list[str] = []
    for kind in KINDS:
        probe = markers.mapping(container, kind)
        if not _is_falsified(probe):
            continue
        check = _check_of(probe, container)
        if check is None:
            port = markers.mapping(probe, "tcpSocket").get("port")
            warnings.append(
                f"container {container.get('name')}: its {kind} names the port {port!r}, which it does not "
                "declare, and is left as it is"
            )
            continue
        rest = {key: value for key, value in probe.items() if key not in ("tcpSocket", "grpc")}
        changed[kind] = {"httpGet": {"path": check.path, "port": probes_port, "scheme": "HTTP"}, **rest}
    return ({**container, **changed} if changed else container), tuple(warnings)


def collect_checks(containers: Iterable[Mapping[str, Any]], probes_port: int) -> tuple[Check, ...]:
    """Give the checks that rewritten probes ask for, each once, in order."""
    found: set[Check] = set()
    for container in containers:
        for kind in KINDS:
            asked = markers.mapping(container, kind, "httpGet")
            path = _PATH.fullmatch(str(asked.get("path", "")))
            if path is not None and asked.get("port") == probes_port:
                found.add(Check(path[1], int(path[2]), unquote(path[3] or "")))
    return tuple(sorted(found))


def _is_falsified(probe: Mapping[str, Any]) -> bool:
    socket = probe.get("tcpSocket")
    return (isinstance(socket, dict) and not socket.get("host")) or isinstance(probe.get("grpc"), dict)


def _check_of(probe: Mapping[str, Any], container: Mapping[str, Any]) -> Check | None:
    asked = probe.get("grpc")
    if isinstance(asked, dict):
        port = asked.get("port")
        return Check("grpc", port, str(asked.get("service") or "")) if type(port) is int else None
    port = markers.mapping(probe, "tcpSocket").get("port")
    if isinstance(port, str):
        port = next((number for number, name in tcp_ports(container) if name == port), None)
    return Check("tcp", port) if type(port) is int else None
