"""The resources of the gateway: one virtual host per host of a space, with all its prefixed names."""

from __future__ import annotations

from alcove.routing.entries import GatewayHost, GatewayPath
from alcove.routing.envoy.clusters import compile_clusters
from alcove.routing.envoy.listeners import compile_gateway_listener
from alcove.routing.envoy.matching import match_header
from alcove.routing.envoy.names import (
    CLUSTER_TYPE,
    GATEWAY,
    KEY,
    LISTENER_TYPE,
    ROUTES_TYPE,
    Body,
    ProxySettings,
)
from alcove.routing.envoy.pods import Resources
from alcove.routing.envoy.routes import plan_route, send_first
from alcove.routing.plan import RoutePlan


def compile_gateway(plan: RoutePlan, settings: ProxySettings) -> Resources:
    """Give all resources of the gateway."""
    hosts = [_virtual_host(settings, host) for host in plan.hosts]
    # The port of a request's host is no part of its name.
    routes = {"name": GATEWAY, "virtual_hosts": hosts, "ignore_port_in_host_matching": True}
    return {
        LISTENER_TYPE: [compile_gateway_listener(settings)],
        ROUTES_TYPE: [routes],
        CLUSTER_TYPE: list(compile_clusters()),
    }


def _virtual_host(settings: ProxySettings, host: GatewayHost) -> Body:
    everybody = _paths(settings, host.paths)
    views = {f".{key}": _paths(settings, paths) for key, paths in host.views.items()}
    found: Body = {"name": host.host, "domains": [host.host, *sorted(host.prefixed.values())]}
    branch = match_header(KEY, views, everybody)
    if "matcher" in branch:
        return {**found, "matcher": branch["matcher"]}
    return {**found, "routes": branch["action"]["typed_config"]["routes"]}


def _paths(settings: ProxySettings, paths: tuple[GatewayPath, ...]) -> Body:
    return send_first([plan_route(settings, path.outcome, match=_match(path)) for path in paths])


def _match(path: GatewayPath) -> Body:
    if path.exact:
        return {"path": path.path}
    plain = path.path.rstrip("/")
    return {"path_separated_prefix": plain} if plain else {"prefix": "/"}
