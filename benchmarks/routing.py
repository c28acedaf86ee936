"""What a cluster's size costs: a build, the table that comes of it, its way to a real Envoy, look-ups in it.

Method: clusters of ``benchmarks.clusters``, with one proxy per space, built by the control plane's own parts;
times of builds are CPU of one thread: of the first build, and the median of builds after an override came or
went, stage by stage. A caller's pod with a real Envoy, and a pod that answers, without, in network
namespaces; a table is pushed over gRPC by a server in this process, from the hand-over to the last
acknowledgement. CPU per request is the time that the kernel counted for all of Envoy's threads, its system
calls included, divided by the requests, which the caller sends one after the other over one connection: an
Envoy that sleeps between any two requests costs more than a busy one. Run it as root. ``--all``: every size.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
from contextlib import ExitStack
from typing import NamedTuple

from tests.feature.routing.lab import PodShape

from alcove.model import SpaceName
from alcove.routing.envoy.names import ROUTES_TYPE, ProxySettings
from alcove.routing.snapshot import PodNode, Snapshot
from benchmarks import clusters, machine
from benchmarks.clusters import Build, Shape, instance_address, service_address
from benchmarks.pods import Caller, Pods

REQUESTS, CHANGES = 3000, 6
CALLER, TARGET = PodShape("caller", "10.1.0.1"), PodShape("target", "10.1.0.2")
SETTINGS = ProxySettings(addresses=("0.0.0.0",))
EVERY = [Shape(services, spaces) for services in (10, 100, 1000) for spaces in (1, 10, 100, 500)]
SOME = [Shape(10, 1), Shape(100, 10), Shape(1000, 10), Shape(1000, 100), Shape(1000, 500)]
CARRIERS = {
    "no key": {},
    "azds-route-as": {"azds-route-as": "space0"},
    "kubernetes-route-as": {"kubernetes-route-as": "space0"},
    "baggage": {"baggage": "a=b,azds-route-as=space0"},
}
_PORT = 7000


class Made(NamedTuple):
    """The builds of one cluster."""

    first: Build
    later: list[Build]

    def median(self, stage: str) -> float:
        """Give the milliseconds that a stage of a later build took."""
        values: list[float] = [getattr(build, stage) for build in self.later]
        return 1000 * statistics.median(values)

    def snapshots(self) -> list[Snapshot]:
        """Give what the caller's proxy had after each build."""
        return [build.snapshots[node_of(clusters.ROOT)] for build in (self.first, *self.later)]


def make(shape: Shape) -> Made:
    """Build a cluster, then again after each of some changes."""
    store = clusters.fill_store(shape).store
    nodes = [node_of(space) for space in shape.names]
    builder = clusters.Builder(SETTINGS)
    gc.collect()
    first, later = builder.build(store, nodes=nodes), []
    for number in range(CHANGES):
        clusters.tell(store, ("ADDED", "DELETED")[number % 2], clusters.make_change(shape, number // 2))
        later.append(builder.build(store, nodes=nodes))
    return Made(first, later)


def node_of(space: str) -> PodNode:
    """Give the proxy of a space; the caller's is of the root, the first one."""
    return PodNode(SpaceName(space), (CALLER.address,) if space == clusters.ROOT else ())


def main(shapes: list[Shape] | None = None) -> None:
    """Print one row per size."""
    with ExitStack() as stack:
        lab = Pods([CALLER, TARGET], _destinations(EVERY))
        stack.callback(lab.close)
        lab.discovery.offer(CALLER.name, make(Shape(10, 1)).snapshots()[0])
        lab.start_proxy(CALLER)
        stack.enter_context(lab.serving(TARGET, _PORT))
        caller = stack.enter_context(lab.calling(CALLER))
        print(f"what a size costs: services x child spaces, {clusters.OVERRIDES} overrides in each of them")
        for shape in shapes or SOME:
            print(_row(lab, caller, shape), flush=True)


def _row(lab: Pods, caller: Caller, shape: Shape) -> str:
    made = make(shape)
    pid = lab.envoys[CALLER.name].pid
    before = machine.resident(pid)
    first, *others = made.snapshots()
    lab.discovery.publish(CALLER.name, first)
    grown = machine.resident(pid) - before
    pushes = [1000 * lab.discovery.publish(CALLER.name, each) for each in others]
    size = len(made.first.encoded[f"{ROUTES_TYPE}/outbound"].body) / 1000
    stages = ("observing", "planning", "compiling", "encoding")
    spent = ", ".join(f"{stage} {made.median(stage):.1f}" for stage in stages)
    costs = ", ".join(f"{name} {_cpu(lab, caller, headers):.0f}" for name, headers in CARRIERS.items())
    whole, begun = made.median("whole"), 1000 * made.first.whole
    return (
        f"  {shape.services} x {shape.spaces} (load {os.getloadavg()[0]:.1f}): table {size:.0f} KB\n"
        f"    build after a change {whole:.1f} ms ({spent}), first {begun:.0f}\n"
        f"    push to Envoy {statistics.median(pushes):.1f} ms, its memory {before:.0f} + {grown:.1f} MB\n"
        f"    us of CPU per request: {costs}"
    )


def _cpu(lab: Pods, caller: Caller, headers: dict[str, str]) -> float:
    before = lab.worked(CALLER)
    caller.ask(service_address(0), times=REQUESTS, headers=headers)
    return (lab.worked(CALLER) - before) / REQUESTS


def _destinations(shapes: list[Shape]) -> dict[tuple[str, int], tuple[str, int]]:
    """Lead the addresses of the first service, and of what overrides it in each cluster, to the other pod."""
    there = (TARGET.address, _PORT)
    numbers = {0, *(shape.services for shape in shapes)}
    found = {(service_address(number), 80): there for number in numbers}
    return found | {(instance_address(number), 8080): there for number in numbers}


if __name__ == "__main__":
    print(f"machine: {machine.describe()}\n")
    main(EVERY if "--all" in sys.argv else SOME)
