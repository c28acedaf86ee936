"""Envoy's messages as far as its bootstraps need them, in the JSON mapping of protobuf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Body = dict[str, Any]
"""A message."""

_KINDS: Mapping[str, str] = {
    "HealthCheck": "envoy.extensions.filters.http.health_check.v3.HealthCheck",
    "Router": "envoy.extensions.filters.http.router.v3.Router",
    "HttpConnectionManager": (
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    ),
    "DownstreamConnections": (
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    ),
    "Secret": "envoy.extensions.transport_sockets.tls.v3.Secret",
    "UpstreamTls": "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    "HttpOptions": "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
}


def typed(kind: str, **fields: object) -> Body:
    """Give a message as ``google.protobuf.Any``."""
    return {"@type": f"type.googleapis.com/{_KINDS[kind]}", **fields}


def extension(name: str, kind: str, **fields: object) -> Body:
    """Give whatever has a name and a ``typed_config``."""
    return {"name": name, "typed_config": typed(kind, **fields)}


def socket_address(address: str, port: int) -> Body:
    """Give a TCP address; ``address`` is of either family, and IPv6 has no brackets."""
    return {"socket_address": {"address": address, "port_value": port}}


def pipe(path: str) -> Body:
    """Give a Unix socket that nobody but its maker's user connects to; an old one there is replaced."""
    return {"pipe": {"path": path, "mode": 0o600}}


def cluster(name: str, address: Body, **fields: object) -> Body:
    """Give a cluster of one address."""
    endpoint = {"lb_endpoints": [{"endpoint": {"address": address}}]}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [endpoint]},
        **fields,
    }


def http2(**fields: object) -> Body:
    """Give the field of a cluster that speaks HTTP/2."""
    options = typed("HttpOptions", explicit_http_config={"http2_protocol_options": fields})
    return {
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
        }
    }


def http_listener(
    name: str, address: Body, *, routes: Sequence[Body], filters: Sequence[Body] = (), **fields: object
) -> Body:
    """Give a listener that answers HTTP by the first of ``routes`` that matches, after ``filters``."""
    host = {"name": name, "domains": ["*"], "routes": list(routes)}
    manager = extension(
        "http",
        "HttpConnectionManager",
        stat_prefix=name,
        route_config={"name": name, "virtual_hosts": [host]},
        http_filters=[*filters, extension("router", "Router")],
        generate_request_id=False,
        **fields,
    )
    return {"name": name, "address": address, "filter_chains": [{"filters": [manager]}]}


def direct_answer(status: int, text: str, **match: object) -> Body:
    """Give a route that is answered with a text."""
    return {
        "match": match,
        "direct_response": {"status": status, "body": {"inline_string": f"{text}\n"}},
    }
