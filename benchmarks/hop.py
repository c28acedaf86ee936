"""What a proxy costs: one with our configuration against the same Envoy with the least that can do the job.

Method: two callers' pods in network namespaces, each with an Envoy of its own (concurrency 1) and the same
redirection, and one pod that answers, without. The first proxy has what a pod of a child space has in a
cluster of 1000 services x 100 spaces; the second a hand-written configuration: a listener with the original
destination, a connection manager with nothing but the router, one cluster, no access log. Requests go one
after the other over one connection (keep-alive HTTP/1.1, or HTTP/2), in turns of some hundreds from the one
caller and from the other, so that a busy machine hits both alike. A ratio is that of one turn; the median of
them is told, and the middle half of them. CPU is what the kernel counted for all threads of the Envoy. Latency
is the whole request's, as the client sees it; what it is without a proxy is told too. Run it as root.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.feature.routing.lab import Lab, PodShape

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


class Pods(Lab):
    """A lab in whose pods any program can be run."""

    def inside(self, pod: str, *command: str) -> list[str]:
        return ["nsenter", f"--net=/proc/{self._actors[pod].pid}/ns/net", *command]


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
        stack.enter_context(_running(lab, TARGET, "serve", str(_PORT)))
        callers = {pod.name: stack.enter_context(_running(lab, pod, "ask")) for pod in (OURS, LEAST, BARE)}
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


def _row(lab: Pods, callers: dict[str, subprocess.Popen[str]], case: Case) -> str:
    for pod in callers:
        _ask(callers[pod], case, WARM)
    direct = statistics.median(_ask(callers[BARE.name], case, REQUESTS)) / 1000
    turns = [(_turn(lab, callers, OURS, case), _turn(lab, callers, LEAST, case)) for _ in range(TURNS)]
    processor = _compare([ours.processor for ours, _ in turns], [least.processor for _, least in turns])
    latency = _compare([ours.latency for ours, _ in turns], [least.latency for _, least in turns])
    return (
        f"  {case.name:34} CPU {processor}; p50 {latency}, without a proxy {direct:.0f}; "
        f"load {os.getloadavg()[0]:.1f}"
    )


def _turn(lab: Pods, callers: dict[str, subprocess.Popen[str]], pod: PodShape, case: Case) -> Cost:
    pid = lab.envoys[pod.name].pid
    before = machine.running(pid)
    found = _ask(callers[pod.name], case, REQUESTS)
    return Cost((machine.running(pid) - before) / REQUESTS, statistics.median(found) / 1000)


def _compare(ours: Sequence[float], least: Sequence[float]) -> str:
    ratios = [one / other for one, other in zip(ours, least, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return (
        f"{statistics.median(ours):.1f} / {statistics.median(least):.1f} = "
        f"{middle:.2f} [{low:.2f} to {high:.2f}]"
    )


def _ask(caller: subprocess.Popen[str], case: Case, times: int) -> list[int]:
    assert caller.stdin and caller.stdout
    command: dict[str, Any] = {"address": service_address(case.service), "port": 80, "times": times}
    caller.stdin.write(json.dumps({**command, "protocol": case.protocol, "headers": case.headers}) + "\n")
    caller.stdin.flush()
    found: list[int] = json.loads(caller.stdout.readline())
    return found


@contextmanager
def _running(lab: Pods, pod: PodShape, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run one of the peers in a pod."""
    words = [sys.executable, str(Path(__file__).with_name("peers.py")), *command]
    with subprocess.Popen(
        lab.inside(pod.name, *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        if command[0] == "serve":
            assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    print(f"machine: {machine.describe()}\n")
    main()
