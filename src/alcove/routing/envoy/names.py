"""Names that more than one resource refers to, and the types of Envoy's messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]
"""A message in the JSON mapping of protobuf."""

ORIGINAL = "orig"
"""The cluster that sends to where a connection was addressed."""
REROUTED = "rerouted"
"""The cluster that sends to where the header ``TO`` says."""
REROUTED_HTTP1 = "rerouted_http1"
"""The same in HTTP/1.1, whatever the client spoke."""

OUTBOUND = "outbound"
INBOUND = "inbound"
GATEWAY = "gateway"
GATEWAY_TLS = "gateway_tls"
UNSERVED = "gateway_unserved"
"""The routes of hosts whose certificate cannot be used: they say why."""
FALLBACK = "alcove-fallback"
"""The secret for hosts without a certificate of their own: nobody trusts it, but they can be answered."""

AT = "x-alcove-at"
"""Where a request was addressed: address and port, at the destination the port alone."""
ADDRESS = "x-alcove-address"
"""The address of ``AT`` alone."""
KEY = "x-alcove-key"
"""``.KEY``; a single dot when no key was found, or none yet."""
SCANNED = "x-alcove-scanned"
"""Present when the script has looked for a key: it looks once."""
TO = "x-alcove-to"
"""Where the cluster ``REROUTED`` sends."""
VIA = "x-alcove-via"
"""At the gateway: the cluster that sends, since the client's protocol need not be the Service's."""
PROTO = "x-alcove-proto"
"""What ``x-forwarded-proto`` was before Envoy set it."""
OWN = "x-alcove-own"
"""The space of a caller that brings it as key: what writes the key into a request reads it here."""
ONCE = "x-alcove-once"
"""The loop guard, the one of our headers that travels between proxies: nobody reroutes after it."""
ROUTE = "x-alcove-route"
"""The response header that tells who answered: ``service.space``."""

PRIVATE = (AT, ADDRESS, KEY, SCANNED, TO, PROTO, OWN)
"""What no application ever sees."""
EDGE_ONLY = (VIA, "x-envoy-external-address", "x-envoy-internal")
"""What is known at the gateway alone, some of it by Envoy's own doing."""

LISTENER_TYPE = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTES_TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
CLUSTER_TYPE = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
SECRET_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105  # a type

_KINDS: Mapping[str, str] = {
    "HeaderInput": "envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
    "PortInput": "envoy.extensions.matching.common_inputs.network.v3.DestinationPortInput",
    "AddressInput": "envoy.extensions.matching.common_inputs.network.v3.DestinationIPInput",
    "TransportInput": "envoy.extensions.matching.common_inputs.network.v3.TransportProtocolInput",
    "ProtocolInput": "envoy.extensions.matching.common_inputs.network.v3.ApplicationProtocolInput",
    "ServerNameInput": "envoy.extensions.matching.common_inputs.network.v3.ServerNameInput",
    "IPMatcher": "xds.type.matcher.v3.IPMatcher",
    "Text": "google.protobuf.StringValue",
    "Route": "envoy.config.route.v3.Route",
    "RouteList": "envoy.config.route.v3.RouteList",
    "FilterConfig": "envoy.config.route.v3.FilterConfig",
    "OriginalDst": "envoy.extensions.filters.listener.original_dst.v3.OriginalDst",
    "TlsInspector": "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
    "HttpInspector": "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector",
    "HttpConnectionManager": (
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    ),
    "DownstreamTls": "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    "TcpProxy": "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
    "Lua": "envoy.extensions.filters.http.lua.v3.Lua",
    "LuaPerRoute": "envoy.extensions.filters.http.lua.v3.LuaPerRoute",
    "Router": "envoy.extensions.filters.http.router.v3.Router",
    "EarlyMutation": "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
    "UpstreamMutation": "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
    "UpstreamCodec": "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
    "HttpOptions": "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    "PreserveCase": "envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig",
}


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """What an installation, not its routing, decides about proxies."""

    addresses: tuple[str, ...] = ("0.0.0.0", "::")  # noqa: S104 - connections are redirected from anywhere
    """Where listeners are bound: one address per family that pods have."""
    outbound_port: int = 15001
    inbound_port: int = 15006
    gateway_port: int = 8080
    gateway_tls_port: int = 8443
    sniff_timeout: str = "0.2s"
    """How long the first bytes of an undeclared port are awaited."""
    tell_route: bool = True
    """Whether responses say who answered."""
    wait_seconds: float = 60
    """How long what a session's application refuses is tried again."""


def typed(kind: str, **fields: object) -> Body:
    """Give a message as ``google.protobuf.Any``."""
    return {"@type": f"type.googleapis.com/{_KINDS[kind]}", **fields}


def extension(name: str, kind: str, **fields: object) -> Body:
    """Give a ``TypedExtensionConfig``, or whatever else has a name and a ``typed_config``."""
    return {"name": name, "typed_config": typed(kind, **fields)}
