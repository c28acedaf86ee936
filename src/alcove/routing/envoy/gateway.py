"""The resources of the gateway: one virtual host per host of a space, with all its prefixed names.

::

    8080 ──────────────────────────────────► routes ──► host ──► key ──► path ──► Service
    8443 ──► name in the TLS greeting ──┬──► chain of a certificate ──► the same routes
                                        ├──► unserved: its certificate cannot be used; says why
                                        └──► fallback: a certificate that nobody trusts ──► the same routes

A secret that is missing or broken is never referred to: Envoy would wait for it before it served anybody.
"""

from __future__ import annotations

from collections.abc import Mapping

from alcove.routing.certificates import MISSING, HostCertificate
from alcove.routing.entries import GatewayHost, GatewayPath
from alcove.routing.envoy.clusters import compile_gateway_clusters
from alcove.routing.envoy.listeners import compile_gateway_listener, compile_gateway_tls_listener
from alcove.routing.envoy.matching import match_header
from alcove.routing.envoy.names import (
    CLUSTER_TYPE,
    FALLBACK,
    GATEWAY,
    KEY,
    LISTENER_TYPE,
    ROUTES_TYPE,
    SECRET_TYPE,
    UNSERVED,
    VIA,
    Body,
    ProxySettings,
)
from alcove.routing.envoy.pods import Resources
from alcove.routing.envoy.routes import plan_route, send_first, tell, tell_by_script
from alcove.routing.envoy.scripts import NOBODY
from alcove.routing.plan import RoutePlan

_MISDIRECTED = 421
_MOST_PATHS = 20

Secrets = Mapping[str, Body]
"""The resources of certificates by name: ``NAMESPACE/NAME`` of their Secret, and ``FALLBACK``."""

NO_SECRETS: Secrets = {}


def compile_gateway(plan: RoutePlan, settings: ProxySettings, secrets: Secrets = NO_SECRETS) -> Resources:
    """Give all resources of the gateway; without the secret ``FALLBACK`` it has no listener for TLS."""
    hosts = [_virtual_host(settings, host) for host in plan.hosts]
    nobody = {"name": NOBODY, "domains": ["*"], "routes": [tell_by_script(404, NOBODY)]}
    plain: Resources = {
        LISTENER_TYPE: [compile_gateway_listener(settings)],
        ROUTES_TYPE: [_routes(GATEWAY, [*hosts, nobody])],
        CLUSTER_TYPE: list(compile_gateway_clusters()),
    }
    return _add_tls(plain, plan, settings, secrets) if FALLBACK in secrets else plain


def _add_tls(plain: Resources, plan: RoutePlan, settings: ProxySettings, secrets: Secrets) -> Resources:
    wanted = {name: each for host in plan.hosts for name, each in host.certificates.items()}
    served = {name: each.secret for name, each in wanted.items() if not each.fault and each.secret in secrets}
    unserved = {name: wanted[name] for name in sorted(wanted) if name not in served}
    told = [_unserved(name, each) for name, each in unserved.items()]
    listener = compile_gateway_tls_listener(settings, served, unserved)
    used = sorted({FALLBACK, *served.values()})
    return {
        **plain,
        LISTENER_TYPE: [*plain[LISTENER_TYPE], listener],
        ROUTES_TYPE: [*plain[ROUTES_TYPE], *([_routes(UNSERVED, [*told, _MISPLACED])] if told else [])],
        SECRET_TYPE: [secrets[name] for name in used],
    }


_MISPLACED: Body = {
    "name": "misdirected",
    "domains": ["*"],
    "routes": [tell(_MISDIRECTED, "this host is not the one that the connection was opened for")],
}


def _unserved(name: str, certificate: HostCertificate) -> Body:
    why = certificate if certificate.fault else HostCertificate(certificate.secret, MISSING)
    text = f"{name} cannot be served with TLS: {why}\nWithout TLS it is served as ever: http://{name}/"
    return {"name": name, "domains": [name], "routes": [tell(503, text)]}


def _routes(name: str, hosts: list[Body]) -> Body:
    # The port of a request's host is no part of its name.
    return {"name": name, "virtual_hosts": hosts, "ignore_port_in_host_matching": True}


def _virtual_host(settings: ProxySettings, host: GatewayHost) -> Body:
    everybody = _paths(settings, host, host.paths)
    views = {f".{key}": _paths(settings, host, paths) for key, paths in host.views.items()}
    found: Body = {"name": host.host, "domains": list(host.names)}
    branch = match_header(KEY, views, everybody)
    if "matcher" in branch:
        return {**found, "matcher": branch["matcher"]}
    return {**found, "routes": branch["action"]["typed_config"]["routes"]}


def _paths(settings: ProxySettings, host: GatewayHost, paths: tuple[GatewayPath, ...]) -> Body:
    routes = [plan_route(settings, path.outcome, match=_match(path), via=VIA) for path in paths]
    if not any(_plain(path) == "" and not path.exact for path in paths):
        known = ", ".join(path.path for path in paths[:_MOST_PATHS])
        routes.append(tell(404, f"no Ingress of {host.host} has this path\nPaths that there are: {known}"))
    return send_first(routes)


def _match(path: GatewayPath) -> Body:
    if path.exact:
        return {"path": path.path}
    return {"path_separated_prefix": _plain(path)} if _plain(path) else {"prefix": "/"}


def _plain(path: GatewayPath) -> str:
    return path.path.rstrip("/")
