"""What an Envoy is started with, as JSON values for its ``--config-yaml``.

======== ==================================== =========================================================
 which    runs in                              does
======== ==================================== =========================================================
exchange ``alcove-init``                       carries the pod's first requests to the control plane
proxy    ``alcove-proxy``                      gets its routing by delta ADS, answers probes, and
                                               carries the agent's renewals
gateway  the gateway's pods                    as the proxy, without probes of an application
======== ==================================== =========================================================

A proxy accepts nothing before it has a configuration (``initial_fetch_timeout`` 0), so that whoever awaits
``/ready`` of its admin interface awaits that. The texts are for a container's environment: they refer to the
pod's facts (see *variables*).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcove.admission.answering import render_check_cluster, render_probes_listener
from alcove.admission.messages import Body, extension, http_listener, pipe
from alcove.admission.probes import Check
from alcove.admission.settings import InjectionSettings
from alcove.admission.upstreams import (
    IDENTITY,
    SERVER_NAME,
    XDS,
    render_first_identity_cluster,
    render_identity_cluster,
    render_xds_cluster,
)
from alcove.admission.variables import POD_NAME, POD_UID, SPACE, reference

EXCHANGE = "exchange"
"""The listener that carries requests to the control plane."""
IDENTITY_PREFIX = "/identity/"
NODE_ID = "/".join(reference(name) for name in (POD_UID, SPACE, POD_NAME))
_ANSWER = "15s"
"""How long an answer of the control plane is awaited."""
_FAILURE = "%LOCAL_REPLY_BODY% (%UPSTREAM_HOST%; TLS: %UPSTREAM_TRANSPORT_FAILURE_REASON%)"
"""What the agent is told, and logs, when the control plane does not answer."""
_BACK_OFF = {"base_interval": "0.05s", "max_interval": "1s"}
_ADS: Body = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
_MANY = 1 << 40
"""Connections that one Envoy may have: without a number, it warns that it has none."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of one Envoy are, as its container sees them."""

    identity: str
    """The directory of what was fetched (``certificate.json``, ``trust.json``)."""
    exchange: str
    """The Unix socket of the exchange."""
    admin: str
    """The Unix socket of the admin interface."""


def render_exchange_bootstrap(settings: InjectionSettings, socket: str) -> Body:
    """Give the bootstrap that only carries HTTP from a Unix socket to the control plane."""
    return {
        "static_resources": {
            "listeners": [_exchange(socket)],
            "clusters": [render_first_identity_cluster(settings)],
        },
        **_limits(),
    }


def render_proxy_bootstrap(settings: InjectionSettings, places: Places, checks: Sequence[Check]) -> Body:
    """Give the bootstrap of a pod's proxy, which answers ``checks``."""
    found = _configured(settings, places, {"id": NODE_ID, "cluster": "alcove"})
    static = found["static_resources"]
    static["listeners"].append(render_probes_listener(checks, settings.ports.probes))
    static["clusters"].extend(map(render_check_cluster, checks))
    return found


def render_gateway_bootstrap(settings: InjectionSettings, places: Places) -> Body:
    """Give the bootstrap of a gateway, which refers to nothing of its pod: one text serves all of them.

    Who it is, its command line says (``--service-node``).
    """
    return _configured(settings, places, {"cluster": "alcove"})


def _configured(settings: InjectionSettings, places: Places, node: Body) -> Body:
    """Give the bootstrap of an Envoy that is told by the control plane what to do."""
    service = {"envoy_grpc": {"cluster_name": XDS, "retry_policy": {"retry_back_off": _BACK_OFF}}}
    return {
        "node": node,
        "admin": {"address": pipe(places.admin)},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [service],
                "set_node_on_first_message_only": True,
            },
            "cds_config": _ADS,
            "lds_config": _ADS,
        },
        "static_resources": {
            "listeners": [_exchange(places.exchange)],
            "clusters": [
                render_xds_cluster(settings, places.identity),
                render_identity_cluster(settings, places.identity),
            ],
        },
        **_limits(),
    }


def _exchange(socket: str) -> Body:
    route = {
        "match": {"prefix": IDENTITY_PREFIX},
        "route": {"cluster": IDENTITY, "timeout": _ANSWER, "host_rewrite_literal": SERVER_NAME},
    }
    told = {"body_format": {"text_format_source": {"inline_string": _FAILURE}}}
    return http_listener(EXCHANGE, pipe(socket), routes=[route], local_reply_config=told)


def _limits() -> Body:
    connections = extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "DownstreamConnections",
        max_active_downstream_connections=_MANY,
    )
    return {"overload_manager": {"resource_monitors": [connections]}}
