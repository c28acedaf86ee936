"""What the ports of a pod's containers are declared to speak, by their names.

The proxy has to know before the first connection: a declared port is not sniffed, so protocols in which the
server speaks first see no delay. Services say it with more authority, and later, through the control plane.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from alcove.admission import markers
from alcove.model import Protocol

_HTTP = frozenset(("http", "http2", "h2c", "grpc", "ws", "web"))
_TCP_WORDS = (
    "tcp tls https wss ssh smtp ftp ldap ldaps amqp amqps mqtt mqtts nats kafka stomp redis mongo mongodb "
    "mysql mariadb postgres postgresql pgsql mssql oracle cassandra memcached zookeeper"
)
_TCP = frozenset(_TCP_WORDS.split())


def declared_protocol(name: str) -> Protocol:
    """Give what a port's name declares: its first word counts, as in ``http-metrics`` and ``grpc-web``."""
    word = name.lower().partition("-")[0]
    if word in _HTTP:
        return Protocol.HTTP
    return Protocol.TCP if word in _TCP else Protocol.AUTO


def declared_ports(containers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give the declared TCP ports as ``{"port": number, "protocol": "http" or "tcp"}``, by number.

    A number that two containers declare differently is not declared at all.
    """
    found: dict[int, set[Protocol]] = {}
    for container in containers:
        for number, name in tcp_ports(container):
            found.setdefault(number, set()).add(declared_protocol(name))
    return [
        {"port": number, "protocol": protocol.value}
        for number, protocols in sorted(found.items())
        if len(protocols) == 1
        for protocol in protocols
        if protocol is not Protocol.AUTO
    ]


def tcp_ports(container: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Give number and name of each TCP port that a container declares."""
    return [
        (port["containerPort"], str(port.get("name") or ""))
        for port in markers.sequence(container, "ports")
        if port.get("protocol", "TCP") == "TCP" and type(port.get("containerPort")) is int
    ]
