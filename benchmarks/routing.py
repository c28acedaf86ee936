"""Routing tables of large clusters: making them, pushing them to a real Envoy, looking requests up in them.

Method: a caller's pod with a real Envoy and a destination without one, in network namespaces; a table is
pushed over gRPC by a server in this process. Times of pushes are taken from the hand-over to the last
acknowledgement. CPU per request is the time that the kernel counted for all of Envoy's threads, its system
calls included, divided by the requests, which the caller sends one after the other over one connection: an
Envoy that sleeps between any two requests costs more than a busy one. Run it as root.
"""

from __future__ import annotations

import gc
import statistics
import time
from pathlib import Path
from typing import NamedTuple

from tests.feature.routing.ads import encode
from tests.feature.routing.lab import Lab, PodShape

from alcove.model import ClusterState, Port, Protocol, Service, ServiceName, Space, SpaceName
from alcove.routing.envoy.names import ROUTES_TYPE, ProxySettings
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import PodNode, Snapshot, compile_snapshots
from benchmarks import machine

OVERRIDES, REQUESTS, PUSHES = 5, 4000, 5
CALLER, TARGET = PodShape("caller", "10.1.0.1"), PodShape("target", "10.1.0.2")
ROOT = SpaceName("dev")
NODE = PodNode(ROOT, (CALLER.address,))
SETTINGS = ProxySettings(addresses=("0.0.0.0",))
SIZES = [(0, 0), (1, 1), (1000, 100), (1000, 1000), (5000, 500)]
CARRIERS = {
    "no key": "",
    "azds-route-as": "azds-route-as: space0\r\n",
    "kubernetes-route-as": "kubernetes-route-as: space0\r\n",
    "baggage": "baggage: a=b,azds-route-as=space0\r\n",
}


class Made(NamedTuple):
    """A compiled cluster and what making it took."""

    snapshot: Snapshot
    entries: int
    planning: float
    compiling: float

    @property
    def size(self) -> int:
        """The bytes of the table on the wire."""
        return len(encode(ROUTES_TYPE, self.snapshot.resources[ROUTES_TYPE]["outbound"].body).value)


def make(services: int, spaces: int, *, shift: int = 0) -> Made:
    """Make a root with all services and child spaces that override five each; ``shift`` makes another."""
    found = {}
    for at in range(services):
        service = _service(ROOT, at, f"10.100.{at // 250}.{at % 250 + 1}")
        found[service.space, service.name] = service
    for at in range(spaces):
        space = SpaceName(f"space{at}")
        for each in range(min(OVERRIDES, services)):
            address = f"10.{101 + (at * OVERRIDES + each) // 62500}.{(at * OVERRIDES + each) // 250 % 250}"
            service = _service(
                space, (at * OVERRIDES + each) % services, f"{address}.{each % 5 + at % 50 * 5 + 1}"
            )
            found[service.space, service.name] = service
    extra = [SpaceName(f"extra{shift}")] if shift else []
    names = [SpaceName(f"space{at}") for at in range(spaces)] + extra
    for name in extra:
        service = _service(name, 0, "10.200.0.1")
        found[service.space, service.name] = service
    state = ClusterState({ROOT: Space(ROOT), **{name: Space(name, ROOT) for name in names}}, found)
    gc.collect()
    begin = time.perf_counter()
    plan = plan_routes(state)
    planned = time.perf_counter()
    snapshot = compile_snapshots(plan, [NODE], SETTINGS)[NODE]
    done = time.perf_counter()
    entries = sum(len(claim.by_key) for each in plan.destinations for claim in each.claims)
    return Made(snapshot, entries, planned - begin, done - planned)


def main() -> None:
    """Print one row per size, then the CPU per request of each carrier."""
    dnat = {("10.100.0.1", 80): (TARGET.address, 8080), ("10.101.0.1", 80): (TARGET.address, 8080)}
    lab = Lab([CALLER, TARGET], dnat)
    try:
        lab.discovery.offer(CALLER.name, make(0, 0).snapshot)
        lab.start_proxy(CALLER)
        pid = lab.envoys[CALLER.name].pid
        print(f"services x spaces, {OVERRIDES} overrides each")
        for services, spaces in SIZES:
            print(_row(lab, pid, services, spaces))
    finally:
        lab.close()


def _row(lab: Lab, pid: int, services: int, spaces: int) -> str:
    made = make(services, spaces)
    before = machine.resident(pid)
    lab.discovery.publish(CALLER.name, made.snapshot)
    grown = machine.resident(pid) - before
    others = [
        make(services, spaces, shift=shift).snapshot for shift in range(1, PUSHES + 1 if services else 1)
    ]
    pushes = [1000 * lab.discovery.publish(CALLER.name, each) for each in [*others, made.snapshot]]
    costs = ", ".join(f"{name} {_cpu(lab, pid, text):.1f}" for name, text in CARRIERS.items())
    push = f"{statistics.median(pushes):.1f} ms"
    return (
        f"{services} x {spaces}: {made.entries} entries, {made.size / 1000:.0f} KB, "
        f"plan {1000 * made.planning:.0f} ms, compile {1000 * made.compiling:.0f} ms, push {push}, "
        f"memory {before:.0f} + {grown:.1f} MB, us per request: {costs}"
    )


def _cpu(lab: Lab, pid: int, headers: str) -> float:
    head = f"GET / HTTP/1.1\r\nHost: web\r\n{headers}\r\n"
    before = _running(pid)
    done = 0
    while done < REQUESTS:
        answer = lab.ask(CALLER.name, do="many", address="10.100.0.1", port=80, head=head, times=500)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        done += 500
    return (_running(pid) - before) / REQUESTS


def _running(pid: int) -> float:
    """Give the microseconds that all threads of a process have run."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1000


def _service(space: SpaceName, number: int, address: str) -> Service:
    return Service(
        space, ServiceName(f"service{number}"), (address,), (Port(80, 8080, "http", Protocol.HTTP),)
    )


if __name__ == "__main__":
    print(f"machine: {machine.describe()}\n")
    main()
