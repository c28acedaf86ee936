"""The HTTP connection manager: everything it would change by itself is switched off."""

from __future__ import annotations

from alcove.routing.envoy.names import (
    ADDRESS,
    AT,
    KEY,
    ONCE,
    PROTO,
    SCANNED,
    TO,
    Body,
    extension,
    typed,
)
from alcove.routing.envoy.scripts import CARRIERS, CARRIERS_AND_HOST, ENTRY, SOURCES
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
    return _manager(name, mutations, [_script_on_demand(CARRIERS)], _TRANSPARENT)


def inbound_manager(name: str) -> Body:
    """Give the manager for what reaches a pod."""
    mutations = _fresh(AT, "%DOWNSTREAM_LOCAL_PORT%")
    return _manager(name, mutations, [_script_on_demand(CARRIERS_AND_HOST)], _TRANSPARENT)


def gateway_manager(name: str) -> Body:
    """Give the manager of the gateway, which is the first to see a request and says so in its headers."""
    script = extension("lua", "Lua", default_source_code={"inline_string": SOURCES[ENTRY]})
    return _manager(name, [{"remove": ONCE}], [script], {"use_remote_address": True})


_TRANSPARENT: Body = {"skip_xff_append": True, "use_remote_address": False}


def _manager(name: str, mutations: list[Body], filters: list[Body], identity: Body) -> Body:
    kept = [*mutations, {"remove": TO}, {"remove": SCANNED}, *_fresh(KEY, _FIRST_KEY)]
    kept += _fresh(PROTO, "%REQ(x-forwarded-proto)%")
    return typed(
        "HttpConnectionManager",
        stat_prefix=name,
        codec_type="AUTO",
        rds={"route_config_name": name, "config_source": _SOURCE},
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
