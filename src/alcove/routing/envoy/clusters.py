"""The only two clusters: where a request was addressed, and where a header says.

Both connect to whatever address they are told, so nothing about Services is in them and they never change.
The gateway has the second one twice: a browser speaks HTTP/2 whenever it is offered by TLS, which says
nothing about the Service behind.
"""

from __future__ import annotations

from alcove.routing.envoy.http import http1_options, overwrite
from alcove.routing.envoy.names import (
    EDGE_ONLY,
    ONCE,
    ORIGINAL,
    PRIVATE,
    PROTO,
    REROUTED,
    REROUTED_HTTP1,
    TO,
    Body,
    extension,
    typed,
)

_NO_LIMIT = 2**32 - 1


def compile_clusters() -> tuple[Body, Body]:
    """Give both clusters."""
    return _cluster(ORIGINAL, (*PRIVATE, ONCE), _AS_IT_CAME), _rerouting(REROUTED, PRIVATE, _AS_IT_CAME)


def compile_gateway_clusters() -> tuple[Body, ...]:
    """Give those of the gateway: in the client's protocol, and in HTTP/1.1."""
    hidden = (*PRIVATE, *EDGE_ONLY)
    return (
        _cluster(ORIGINAL, (*hidden, ONCE), _AS_IT_CAME),
        _rerouting(REROUTED, hidden, _AS_IT_CAME),
        _rerouting(REROUTED_HTTP1, hidden, _HTTP1),
    )


_AS_IT_CAME: Body = {
    "use_downstream_protocol_config": {
        "http_protocol_options": http1_options(reason=True),
        "http2_protocol_options": {"allow_connect": True},
    }
}
_HTTP1: Body = {"explicit_http_config": {"http_protocol_options": http1_options(reason=True)}}


def _rerouting(name: str, hidden: tuple[str, ...], protocol: Body) -> Body:
    header = {"use_http_header": True, "http_header_name": TO}
    return {**_cluster(name, hidden, protocol), "original_dst_lb_config": header}


def _cluster(name: str, hidden: tuple[str, ...], protocol: Body) -> Body:
    limits = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
    return {
        "name": name,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "10s",
        # The defaults would let 1024 requests through at a time, to all Services together.
        "circuit_breakers": {"thresholds": [dict.fromkeys(limits, _NO_LIMIT)]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _http_options(hidden, protocol)
        },
    }


def _http_options(hidden: tuple[str, ...], protocol: Body) -> Body:
    # Envoy sets x-forwarded-proto where it is absent: what the caller sent, or its absence, is put back.
    restored = [{"remove": "x-forwarded-proto"}, overwrite("x-forwarded-proto", f"%REQ({PROTO})%")]
    mutations = [*restored, *({"remove": name} for name in hidden)]
    return typed(
        "HttpOptions",
        common_http_protocol_options={"idle_timeout": "60s", "max_headers_count": 1000},
        **protocol,
        http_filters=[
            extension("hide", "UpstreamMutation", mutations={"request_mutations": mutations}),
            extension("codec", "UpstreamCodec"),
        ],
    )
