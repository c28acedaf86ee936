"""What a proxy costs: one with our configuration against the same Envoy with the least that can do the job.

Method: two callers' pods in network namespaces, each with an Envoy of its own (concurrency 1) and the same
redirection, and one pod that answers, without. The first proxy has what a pod of a child space has in a
cluster of 1000 services x 100 spaces; the second a hand-written configuration: a listener with the original
destination, a connection manager with nothing but the router, one cluster, no access log. Requests go one
after the other over one connection (keep-alive HTTP/1.1, or HTTP/2), in turns of some hundreds from the one
caller and from the other, so that a busy machine hits both alike. A ratio is that of one turn; the median of
them is told, and the middle half of them. CPU is what the kernel counted for all threads of the Envoy.
Latency is the whole request's, as the client sees it; what it is without a proxy is told too. Run it as root.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from tests.feature.routing.lab import PodShape

from alcove.model import SpaceName
from alcove.routing.envoy.names import (
    CLUSTER_TYPE,
    LISTENER_TYPE,
    ORIGINAL,
    Body,
    ProxySettings,
    extension,
    typed,
)
from alcove.routing.snapshot import PodNode, Resource, Snapshot
from benchmarks import clusters, machine
from benchmarks.clusters import Shape, instance_address, service_address
from benchmarks.pods import Caller, Pods

SHAPE = Shape(1000, 100)
TURNS, REQUESTS, WARM = 20, 400, 500
OURS, LEAST, TARGET, BARE = (
    PodShape(name, f"10.1.0.{at}") for at, name in enumerate(("ours", "least", "target", "bare"), 1)
)
_PORT = 7000
_OWN, _OTHER, _NOBODY = 0, clusters.OVERRIDES, 900
"""Services by number: one that the caller's space overrides, one that ``space1`` does, one that stands."""
_KEY = {"azds-route-as": "space1"}


class Case(NamedTuple):
    """One kind of request."""

    name: str
    protocol: str
    service: int
    headers: dict[str, str]


CASES = (
    Case("HTTP/1.1, no key, address stands", "http/1.1", _NOBODY, {}),
    Case("HTTP/1.1, no key, own version", "http/1.1", _OWN, {}),
    Case("HTTP/1.1, key, rerouted", "http/1.1", _OTHER, _KEY),
    Case("HTTP/1.1, key, address stands", "http/1.1", _NOBODY, _KEY),
    Case("HTTP/2, no key, address stands", "h2", _NOBODY, {}),
    Case("HTTP/2, key, rerouted", "h2", _OTHER, _KEY),
)


class Cost(NamedTuple):
    """Of one turn: microseconds per request."""

    processor: float
    latency: float


def main() -> None:
    """Print a row per kind of request."""
    ours = _compile()
    lab = Pods([OURS, LEAST, TARGET, BARE], _destinations())
    with ExitStack() as stack:
        stack.callback(lab.close)
        for pod, snapshot in ((OURS, ours), (LEAST, compile_least())):
            lab.discovery.offer(pod.name, snapshot)
            lab.start_proxy(pod)
        stack.enter_context(lab.serving(TARGET, _PORT))
        callers = {pod: stack.enter_context(lab.calling(pod)) for pod in (OURS, LEAST, BARE)}
        print("a proxy hop: our configuration / a hand-written minimal one, us per request")
        print(f"  ({TURNS} turns of {REQUESTS} requests; median ratio, the middle half in brackets)")
        for case in CASES:
            print(_row(lab, callers, case), flush=True)


def compile_least() -> Snapshot:
    """Give the least that a transparent proxy needs."""
    route = {"match": {"prefix": "/"}, "route": {"cluster": ORIGINAL, "timeout": "0s"}}
    manager = typed(
        "HttpConnectionManager",
        stat_prefix="least",
        http_filters=[extension("router", "Router")],
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
    )
    listener: Body = {
        "name": "least",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": 15001}},
        "listener_filters": [extension("original_dst", "OriginalDst")],
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    options = typed(
        "HttpOptions",
        use_downstream_protocol_config={"http_protocol_options": {}, "http2_protocol_options": {}},
    )
    cluster: Body = {
        "name": ORIGINAL,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
        },
    }
    named = {LISTENER_TYPE: listener, CLUSTER_TYPE: cluster}
    found = {kind: {body["name"]: Resource(body["name"], body, "1")} for kind, body in named.items()}
    return Snapshot(found, "1")


def _compile() -> Snapshot:
    node = PodNode(SpaceName("space0"), (OURS.address,))
    builder = clusters.Builder(ProxySettings(addresses=("0.0.0.0",)))
    return builder.build(clusters.fill_store(SHAPE).store, nodes=[node]).snapshots[node]


def _destinations() -> dict[tuple[str, int], tuple[str, int]]:
    """Lead every address that a request may take to the pod that answers."""
    versions = (*(_OWN, _OTHER, _NOBODY), SHAPE.services, SHAPE.services + clusters.OVERRIDES)
    there = (TARGET.address, _PORT)
    services = {(service_address(number), 80): there for number in versions}
    return services | {(instance_address(number), 8080): there for number in versions}


def _row(lab: Pods, callers: Mapping[PodShape, Caller], case: Case) -> str:
    for caller in callers.values():
        _ask(caller, case, WARM)
    direct = statistics.median(_ask(callers[BARE], case, REQUESTS)) / 1000
    turns = [tuple(_turn(lab, callers[pod], pod, case) for pod in (OURS, LEAST)) for _ in range(TURNS)]
    processor = _compare([ours.processor for ours, _ in turns], [least.processor for _, least in turns])
    latency = _compare([ours.latency for ours, _ in turns], [least.latency for _, least in turns])
    return (
        f"  {case.name:34} CPU {processor}; p50 {latency}, without a proxy {direct:.0f}; "
        f"load {os.getloadavg()[0]:.1f}"
    )


def _turn(lab: Pods, caller: Caller, pod: PodShape, case: Case) -> Cost:
    before = lab.worked(pod)
    found = _ask(caller, case, REQUESTS)
    return Cost((lab.worked(pod) - before) / REQUESTS, statistics.median(found) / 1000)


def _ask(caller: Caller, case: Case, times: int) -> list[int]:
    address = service_address(case.service)
    return caller.ask(address, times=times, headers=case.headers, protocol=case.protocol)


def _compare(ours: Sequence[float], least: Sequence[float]) -> str:
    ratios = [one / other for one, other in zip(ours, least, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return (
        f"{statistics.median(ours):.1f} / {statistics.median(least):.1f} = "
        f"{middle:.2f} [{low:.2f} to {high:.2f}]"
    )


if __name__ == "__main__":
    print(f"machine: {machine.describe()}\n")
    main()
