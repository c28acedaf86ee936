"""How long it takes from a change in the cluster until every proxy has answered for what it means.

Method: the control plane's own parts in one process: the store that the watches fill, the builds with their
hold-off as they are by default, and the server with mutual TLS. One more process has a gRPC client per proxy,
as in ``benchmarks.xds``. A change is an override in a child space that comes or goes: a Service and its only
instance. Measured from the moment in which the store is told until the last proxy has answered; the routes of
all spaces change. What a build is made of is measured apart, on the same cluster, as CPU of one thread: it is
what a busy machine hardly touches.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource as limits
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.feature.xds.certificates import Authority

from alcove.aio import open_background
from alcove.app.controlplane.publishing import RoutePublisher, serve_routes
from alcove.app.controlplane.settings import BatchSettings
from alcove.app.controlplane.watching import ObjectStore
from alcove.pki import KeyPair
from alcove.routing.envoy.names import ProxySettings
from alcove.xds.encoding import Encoder
from alcove.xds.publisher import Publisher
from alcove.xds.resources import ROUTES, Snapshot
from alcove.xds.server import open_server
from benchmarks import clusters, machine
from benchmarks.clusters import Fleet, Shape

PROXIES = (100, 2000)
CHANGES, WARM = 30, 4
SERVICES, SPACES = 1000, 100


class Times(NamedTuple):
    """When things happened after one change, in seconds."""

    told: float
    begun: float
    published: float
    answered: float

    @property
    def whole(self) -> float:
        return self.answered - self.told


def main() -> None:
    """Measure each number of proxies in processes of its own."""
    print(f"change -> every proxy has answered: {SERVICES} services x {SPACES} spaces, hold-off included")
    for count in PROXIES:
        subprocess.run([sys.executable, "-m", "benchmarks.changes", str(count)], check=True)


async def serve(count: int) -> None:
    """Be the control plane of ``count`` proxies and print what changes took."""
    shape = Shape(SERVICES, SPACES, count)
    fleet = clusters.fill_store(shape)
    authority, publisher = Authority(), _Publisher()
    routes = _Routes(fleet.store, publisher, Encoder(), settings=ProxySettings(), fallback=KeyPair(b"", b""))
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "proxies.json"
        async with (
            open_server(publisher, authority.of_server()) as server,
            open_background(name="changes") as background,
        ):
            pairs = [[node, *(pem.decode() for pem in authority.of_node(node))] for node in fleet.nodes]
            file.write_text(json.dumps([server.address, authority.pem.decode(), pairs]))
            background.start(
                serve_routes(routes, fleet.store, time.monotonic, BatchSettings()), name="routes"
            )
            command = (sys.executable, "-m", "benchmarks.xds", "proxies", str(file))
            clients = await asyncio.create_subprocess_exec(*command)
            try:
                await _answered(publisher, fleet.nodes)
                await measure(shape, fleet, routes, publisher)
            finally:
                clients.kill()
                await clients.wait()


async def measure(shape: Shape, fleet: Fleet, routes: _Routes, publisher: _Publisher) -> None:
    """Change again and again, then print."""
    found: list[Times] = []
    busy = 0.0
    for number in range(WARM + CHANGES):
        change = clusters.make_change(shape, number // 2)
        begun = time.process_time()
        publisher.published.clear()
        told = time.perf_counter()
        clusters.tell(fleet.store, ("ADDED", "DELETED")[number % 2], change)
        await _answered(publisher, fleet.nodes)
        times = Times(told, routes.begun, routes.done, time.perf_counter())
        if number >= WARM:
            busy += time.process_time() - begun
            found.append(times)
    sizes = {len(body) for body in publisher.routes.values()}
    peak = limits.getrusage(limits.RUSAGE_SELF).ru_maxrss / 1000
    whole = [each.whole for each in found]
    print(f"  {len(fleet.nodes)} proxies, {max(sizes) / 1000:.0f} KB of routes each; load {_load()}:")
    for title, share in (("p50", 0.5), ("p99", 0.99)):
        print(f"    change -> all answered, {title}       {machine.percentile(whole, share) * 1000:8.0f} ms")
    parts = {
        "held off": [each.begun - each.told for each in found],
        "built": [each.published - each.begun for each in found],
        "pushed": [each.answered - each.published for each in found],
    }
    spent = ", ".join(f"{name} {statistics.median(part) * 1000:.0f}" for name, part in parts.items())
    print(f"    of that (medians)                 {spent} ms")
    print(f"    CPU of the server per change      {busy / CHANGES * 1000:8.0f} ms")
    print(f"    memory: now, peak                 {machine.resident(os.getpid()):8.0f} MB, {peak:.0f} MB")
    print(f"    {_stages(shape, fleet.store)}", flush=True)


async def _answered(publisher: _Publisher, nodes: Sequence[str]) -> None:
    await publisher.published.wait()
    for each in [publisher.status(node) for node in nodes]:
        assert not (await publisher.wait_acked(each.node_id, each.sequence)).refusals


def _stages(shape: Shape, store: ObjectStore) -> str:
    """Say what a build is made of."""
    builder = clusters.Builder()
    first = builder.build(store)
    builds = []
    for number in range(10):
        clusters.tell(store, ("ADDED", "DELETED")[number % 2], clusters.make_change(shape, 100 + number // 2))
        builds.append(builder.build(store))
    stages = ("observing", "planning", "compiling", "encoding", "whole")
    medians = {name: statistics.median(getattr(each, name) for each in builds) * 1000 for name in stages}
    told = ", ".join(f"{name} {medians[name]:.0f}" for name in stages)
    return f"CPU of a build, medians: {told} ms; of the first {first.whole * 1000:.0f} ms"


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


class _Publisher(Publisher):
    """Says when something was published."""

    def __init__(self) -> None:
        super().__init__()
        self.published = asyncio.Event()
        self.routes: dict[str, bytes] = {}

    def publish(self, node_id: str, snapshot: Snapshot) -> int:
        self.routes[node_id] = snapshot[ROUTES]["outbound"].body
        self.published.set()
        return super().publish(node_id, snapshot)


class _Routes(RoutePublisher):
    """Says when it built."""

    begun = 0.0
    done = 0.0

    def build(self) -> bool:
        self.begun = time.perf_counter()
        built = super().build()
        self.done = time.perf_counter()
        return built


if __name__ == "__main__":
    if len(sys.argv) == 2:
        _, most = limits.getrlimit(limits.RLIMIT_NOFILE)
        limits.setrlimit(limits.RLIMIT_NOFILE, (most, most))
        asyncio.run(serve(int(sys.argv[1])))
    else:
        print(f"machine: {machine.describe()}\n")
        main()
