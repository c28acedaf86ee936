"""The listener that answers probes in place of the application (see *probes*), and how it finds out.

Each check is a cluster of one address, the pod's own, whose health Envoy asks for: once a second while it is
good, and four times a second while it is not, so that a probe finds an application that has just come up.
No request is ever sent to these clusters. The filter answers 200 while the cluster's only member is healthy,
else 503.

It listens at the pod's address, where the kubelet asks: that has the family that the pod's network has.
"""

from __future__ import annotations

from collections.abc import Sequence

from alcove.admission.messages import (
    Body,
    cluster,
    direct_answer,
    extension,
    http2,
    http_listener,
    socket_address,
)
from alcove.admission.probes import Check
from alcove.admission.variables import POD_IP, literal, reference

PROBES = "probes"
"""The listener."""
READY_PATH = "/ready"
"""Answered with 200 by every proxy that has a configuration."""
_PERIODS = {
    "timeout": "1s",
    "interval": "1s",
    # Envoy takes these two for clusters without requests, of which the first is a minute by default.
    "no_traffic_interval": "0.25s",
    "no_traffic_healthy_interval": "1s",
    "unhealthy_threshold": 1,
    "healthy_threshold": 1,
}


def render_probes_listener(checks: Sequence[Check], port: int) -> Body:
    """Give the listener that answers each check at its path."""
    routes = [
        direct_answer(200, "ready", path=READY_PATH),
        direct_answer(404, "this proxy answers no such check", prefix="/"),
    ]
    return http_listener(
        PROBES,
        socket_address(reference(POD_IP), port),
        routes=routes,
        filters=[_filter(check) for check in checks],
    )


def render_check_cluster(check: Check) -> Body:
    """Give the cluster whose health is the result of a check."""
    asking: Body = {"tcp_health_check": {}}
    protocol: Body = {}
    if check.kind == "grpc":
        named = {"service_name": literal(check.service)} if check.service else {}
        asking = {"grpc_health_check": {**named, "authority": "localhost"}}
        protocol = http2()
    return cluster(
        _name(check),
        socket_address(reference(POD_IP), check.port),
        connect_timeout="1s",
        health_checks=[{**_PERIODS, **asking}],
        # The proxy is awaited before the application may start, and must not wait for it in turn.
        wait_for_warm_on_init=False,
        **protocol,
    )


def _filter(check: Check) -> Body:
    asked = {"name": ":path", "string_match": {"exact": check.path}}
    return extension(
        "check",
        "HealthCheck",
        pass_through_mode=False,
        headers=[asked],
        cluster_min_healthy_percentages={_name(check): {"value": 100}},
    )


def _name(check: Check) -> str:
    return f"check{check.path}"
