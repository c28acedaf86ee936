"""Listeners: what a connection is, is found out here; where its requests go, never.

A change of a listener that touches more than its filter chains closes live connections after a drain time.
So listeners hold what rarely changes. The kinds of ports are a matcher that only names one of two filter
chains: when it changes, the chains do not, and no connection notices. Only the ports that are declared must
be told to the inspectors as well, because a server that speaks first would wait for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from alcove.model import Protocol
from alcove.routing.classes import PortClass
from alcove.routing.envoy import http, waiting
from alcove.routing.envoy.contents import Part
from alcove.routing.envoy.matching import match_exact, match_network
from alcove.routing.envoy.names import (
    FALLBACK,
    GATEWAY,
    GATEWAY_TLS,
    INBOUND,
    ORIGINAL,
    OUTBOUND,
    UNSERVED,
    Body,
    ProxySettings,
    extension,
    typed,
)

_HTTP = "http"
_TCP = "tcp"
_TLS = "tls"
_FETCH_TIMEOUT = "2s"
"""How long one secret that does not come may keep a new listener from all hosts."""
_SNIFFED_HTTP = ("'http/1.0'", "'http/1.1'", "'h2c'")


def compile_outbound_listener(settings: ProxySettings, classes: Sequence[PortClass]) -> Body:
    """Give the listener to which what leaves a pod is redirected."""
    manager = http.outbound_manager(OUTBOUND)
    return _redirected(OUTBOUND, settings, settings.outbound_port, classes, manager)


def compile_inbound_listener(
    settings: ProxySettings, classes: Sequence[PortClass], *, waits: bool = False
) -> Body:
    """Give the listener to which what reaches a pod is redirected; see *waiting* for ``waits``."""
    manager = http.inbound_manager(INBOUND)
    found = _redirected(INBOUND, settings, settings.inbound_port, classes, manager)
    return waiting.with_patience(found, settings) if waits else found


def compile_gateway_listener(settings: ProxySettings) -> Body:
    """Give the listener by which the outside enters."""
    manager = {"name": "http", "typed_config": http.gateway_manager(GATEWAY, GATEWAY)}
    return {
        "name": GATEWAY,
        **_addresses(settings, settings.gateway_port),
        "filter_chains": [{"name": _HTTP, "filters": [manager]}],
    }


def compile_gateway_tls_listener(
    settings: ProxySettings, secrets: Mapping[str, str], unserved: Iterable[str]
) -> Body:
    """Give the listener by which the outside enters with TLS.

    There is one filter chain per certificate and none per host: which host takes which chain is in the
    matcher, so that a new host, or a new space with all its prefixed hosts, leaves the chains and their
    connections alone.

    Args:
        settings: Where it is bound.
        secrets: The secret of each host that has one.
        unserved: The hosts whose certificate cannot be used; others without a secret get the fallback.
    """
    # Thousands of hosts may share a chain, so what names it is a part: looked at and encoded once.
    chains = {secret: Part(_chain(secret)) for secret in {*secrets.values(), UNSERVED}}
    broken = [*unserved]
    branches: dict[str, Body] = {host: chains[secret] for host, secret in secrets.items()}
    branches |= dict.fromkeys(broken, chains[UNSERVED])
    matcher = match_exact(extension("name", "ServerNameInput"), branches, _chain(FALLBACK))
    made = [_encrypted(secret, secret, GATEWAY) for secret in sorted({*secrets.values()})]
    made += [_encrypted(UNSERVED, FALLBACK, UNSERVED)] if broken else []
    return {
        "name": GATEWAY_TLS,
        **_addresses(settings, settings.gateway_tls_port),
        "listener_filters": [extension("tls", "TlsInspector")],
        **({"filter_chain_matcher": matcher["matcher"]} if branches else {}),
        "filter_chains": [*made, _encrypted(FALLBACK, FALLBACK, GATEWAY)],
    }


def _encrypted(name: str, secret: str, routes: str) -> Body:
    manager = {"name": "http", "typed_config": http.gateway_manager(GATEWAY_TLS, routes, tls=True)}
    source = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": _FETCH_TIMEOUT}
    context = typed(
        "DownstreamTls",
        common_tls_context={
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [{"name": secret, "sds_config": source}],
        },
    )
    socket = {"name": "tls", "typed_config": context}
    return {"name": name, "filters": [manager], "transport_socket": socket}


def _redirected(
    name: str, settings: ProxySettings, port: int, classes: Sequence[PortClass], manager: Body
) -> Body:
    silent = [each.number for each in classes if each.protocol is Protocol.TCP]
    decided = [each.number for each in classes if each.protocol is not Protocol.AUTO]
    tcp = extension("tcp", "TcpProxy", stat_prefix=f"{name}_tcp", cluster=ORIGINAL, idle_timeout="0s")
    return {
        "name": name,
        **_addresses(settings, port),
        "listener_filters": [
            extension("original_dst", "OriginalDst"),
            {**extension("tls", "TlsInspector"), **_except_at(silent)},
            {**extension("http", "HttpInspector"), **_except_at(decided)},
        ],
        "listener_filters_timeout": settings.sniff_timeout,
        "continue_on_listener_filters_timeout": True,
        "filter_chain_matcher": _matcher(classes)["matcher"],
        "filter_chains": [
            {"name": _HTTP, "filters": [{"name": "http", "typed_config": manager}]},
            {"name": _TCP, "filters": [tcp]},
        ],
    }


def _matcher(classes: Iterable[PortClass]) -> Body:
    branches = {str(each.number): _branch(each) for each in classes}
    return match_exact(extension("port", "PortInput"), branches, _sniffed())


def _branch(found: PortClass) -> Body:
    if found.protocol is Protocol.TCP:
        return _chain(_TCP)
    if found.protocol is Protocol.HTTP:
        return _unless_tls()
    address = extension("address", "AddressInput")
    return match_network(address, [(found.http, _unless_tls()), (found.tcp, _chain(_TCP))], _sniffed())


def _sniffed() -> Body:
    """Decide by what the inspectors found; TLS offers protocols too, and is none of ours."""
    offered = {protocol: _chain(_HTTP) for protocol in _SNIFFED_HTTP}
    plain = match_exact(extension("protocol", "ProtocolInput"), offered, _chain(_TCP))
    return match_exact(extension("transport", "TransportInput"), {_TLS: _chain(_TCP)}, plain)


def _unless_tls() -> Body:
    """Decide for HTTP, also when the first bytes are late: a connection opened in advance stays HTTP."""
    return match_exact(extension("transport", "TransportInput"), {_TLS: _chain(_TCP)}, _chain(_HTTP))


def _chain(name: str) -> Body:
    return {"action": extension(name, "Text", value=name)}


def _except_at(ports: Sequence[int]) -> Body:
    rules = [{"destination_port_range": {"start": port, "end": port + 1}} for port in ports]
    if not rules:
        return {}
    return {"filter_disabled": rules[0] if len(rules) == 1 else {"or_match": {"rules": rules}}}


def _addresses(settings: ProxySettings, port: int) -> Body:
    first, *others = [
        {"socket_address": {"address": address, "port_value": port}} for address in settings.addresses
    ]
    more: Body = {"additional_addresses": [{"address": address} for address in others]} if others else {}
    return {"address": first, **more}
