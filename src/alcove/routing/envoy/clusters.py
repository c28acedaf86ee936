"""The only two clusters: where a request was addressed, and where a header says.

Both connect to whatever address they are told, so nothing about Services is in them and they never change.
"""

from __future__ import annotations

from alcove.routing.envoy.http import http1_options, overwrite
from alcove.routing.envoy.names import ONCE, ORIGINAL, PRIVATE, PROTO, REROUTED, TO, Body, extension, typed

_NO_LIMIT = 2**32 - 1


def compile_clusters() -> tuple[Body, Body]:
    """Give both clusters."""
    header = {"use_http_header": True, "http_header_name": TO}
    original = _cluster(ORIGINAL, (*PRIVATE, ONCE))
    return original, {**_cluster(REROUTED, PRIVATE), "original_dst_lb_config": header}


def _cluster(name: str, hidden: tuple[str, ...]) -> Body:
    limits = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
    return {
        "name": name,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "10s",
        # The defaults would let 1024 requests through at a time, to all Services together.
        "circuit_breakers": {"thresholds": [dict.fromkeys(limits, _NO_LIMIT)]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _http_options(hidden)
        },
    }


def _http_options(hidden: tuple[str, ...]) -> Body:
    # Envoy sets x-forwarded-proto where it is absent: what the caller sent, or its absence, is put back.
    restored = [{"remove": "x-forwarded-proto"}, overwrite("x-forwarded-proto", f"%REQ({PROTO})%")]
    mutations = [*restored, *({"remove": name} for name in hidden)]
    return typed(
        "HttpOptions",
        common_http_protocol_options={"idle_timeout": "60s", "max_headers_count": 1000},
        use_downstream_protocol_config={
            "http_protocol_options": http1_options(reason=True),
            "http2_protocol_options": {"allow_connect": True},
        },
        http_filters=[
            extension("hide", "UpstreamMutation", mutations={"request_mutations": mutations}),
            extension("codec", "UpstreamCodec"),
        ],
    )
