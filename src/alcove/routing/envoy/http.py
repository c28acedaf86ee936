"""The HTTP connection manager: everything it would change by itself is switched off."""

from __future__ import annotations

from alcove.routing.envoy.names import (
    ADDRESS,
    AT,
    KEY,
    ONCE,
    PROTO,
    REROUTED,
    REROUTED_HTTP1,
    SCANNED,
    TO,
    VIA,
    Body,
    extension,
    typed,
)
from alcove.routing.envoy.scripts import CARRIERS, CARRIERS_AND_HOST, ENTRY, NOBODY, SOURCES
from alcove.spaces.headers import KUBERNETES_ROUTE_AS, ROUTE_AS

_FIRST_KEY = f".%REQ({ROUTE_AS}?{KUBERNETES_ROUTE_AS})%"
_SOURCE: Body = {"ads": {}, "resource_api_version": "V3"}


def outbound_manager(name: str) -> Body:
    """Give the manager for what leaves a pod."""
    mutations = [
        *_fresh(AT, "%DOWNSTREAM_LOCAL_ADDRESS%"),
        *_fresh(ADDRESS, "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%"),
        {"remove": ONCE},
    ]
    return _transparent(name, mutations, CARRIERS)


def inbound_manager(name: str) -> Body:
    """Give the manager for what reaches a pod."""
    return _transparent(name, _fresh(AT, "%DOWNSTREAM_LOCAL_PORT%"), CARRIERS_AND_HOST)


def gateway_manager(name: str, routes: str, *, tls: bool = False) -> Body:
    """Give a manager of the gateway, which is the first to see a request and says so in its headers.

    Args:
        name: Of its statistics.
        routes: The name of its routes.
        tls: Whether its connections are encrypted. What is sent in plain text may have been decrypted by
            a load balancer in front, whose word for that counts.
    """
    scheme = [] if tls else [overwrite(PROTO, _SENT_PROTO)]
    mutations = [
        {"remove": ONCE},
        *_fresh(VIA, REROUTED_HTTP1 if tls else REROUTED),
        *_fresh(PROTO, "https" if tls else "http"),
        *scheme,
    ]
    default = {"inline_string": SOURCES[ENTRY]}
    more = {NOBODY: {"inline_string": SOURCES[NOBODY]}}
    script = extension("lua", "Lua", default_source_code=default, source_codes=more)
    return _manager(name, mutations, [script], {"use_remote_address": True, "rds": _rds(routes)})


_TRANSPARENT: Body = {"skip_xff_append": True, "use_remote_address": False}
_SENT_PROTO = "%REQ(x-forwarded-proto)%"


def _rds(routes: str) -> Body:
    return {"route_config_name": routes, "config_source": _SOURCE}


def _transparent(name: str, mutations: list[Body], script: str) -> Body:
    """Give the manager of a pod, whose application and callers are not to notice it."""
    kept = [*mutations, *_fresh(PROTO, _SENT_PROTO)]
    return _manager(name, kept, [_script_on_demand(script)], {**_TRANSPARENT, "rds": _rds(name)})


def _manager(name: str, mutations: list[Body], filters: list[Body], identity: Body) -> Body:
    kept = [*mutations, {"remove": TO}, {"remove": SCANNED}, *_fresh(KEY, _FIRST_KEY)]
    return typed(
        "HttpConnectionManager",
        stat_prefix=name,
        codec_type="AUTO",
        http_filters=[*filters, extension("router", "Router", suppress_envoy_headers=True)],
        early_header_mutation_extensions=[extension("original", "EarlyMutation", mutations=kept)],
        upgrade_configs=[
            *({"upgrade_type": kind} for kind in ("websocket", "SPDY/3.1", "tcp", "CONNECT")),
            {"upgrade_type": "h2c", "enabled": False},
        ],
        common_http_protocol_options={"idle_timeout": "3600s", "max_headers_count": 1000},
        http_protocol_options=http1_options(default_host=True),
        http2_protocol_options={"allow_connect": True},
        max_request_headers_kb=1024,
        **identity,
        **_NOTHING_ADDED,
    )


_NOTHING_ADDED: Body = {
    "generate_request_id": False,
    "preserve_external_request_id": True,
    "server_header_transformation": "PASS_THROUGH",
    "append_x_forwarded_port": False,
    "proxy_100_continue": True,
    "stream_idle_timeout": "0s",
    "request_timeout": "0s",
    "delayed_close_timeout": "1s",
    "normalize_path": False,
    "merge_slashes": False,
    "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
    "strip_any_host_port": False,
}


def http1_options(*, default_host: bool = False, reason: bool = False) -> Body:
    """Give the options that keep HTTP/1 as it was written."""
    keeping: Body = {"forward_reason_phrase": True} if reason else {}
    return {
        "accept_http_10": True,
        **({"default_host_for_http_10": "http10.invalid"} if default_host else {}),
        "enable_trailers": True,
        "header_key_format": {"stateful_formatter": extension("preserve_case", "PreserveCase", **keeping)},
    }


def overwrite(name: str, value: str) -> Body:
    """Give the mutation that sets a header; an empty value leaves it as it is."""
    return {
        "append": {
            "header": {"key": name, "value": value},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
    }


def _fresh(name: str, value: str) -> list[Body]:
    """Give the mutations after which a header has this value or is absent, whatever the caller sent."""
    return [{"remove": name}, overwrite(name, value)]


def _script_on_demand(name: str) -> Body:
    """Give the filter that runs a script for those routes alone that ask for it."""
    sources = {name: {"inline_string": SOURCES[name]}}
    return {**extension("lua", "Lua", source_codes=sources), "disabled": True}
