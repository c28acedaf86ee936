"""How long it takes until every proxy has answered for a change, and what a proxy costs the server.

Method: a server in a process of its own; one more process with a gRPC client per proxy, each with a
connection, a certificate and a node id of its own over mutual TLS on the loopback. Every proxy holds two
clusters, two listeners and the routes of 1000 services x 100 spaces (93 KB); a push replaces all the routes
of every proxy. Measured in the server from ``publish`` until the last answer was taken in; no hold-off.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource as limits
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import grpc
from envoy.service.discovery.v3 import discovery_pb2
from tests.feature.xds.certificates import Authority

from alcove.aio import open_background
from alcove.xds.publisher import Publisher
from alcove.xds.resources import CLUSTER, LISTENER, ROUTES, Resource, Snapshot
from alcove.xds.server import open_server
from benchmarks import machine

PROXIES = (100, 2000)
PUSHES = 20
_ROUTE_BYTES = 93_000
_METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
_TYPES = (CLUSTER, LISTENER, ROUTES)


def main() -> None:
    """Measure each number of proxies in processes of its own."""
    print("delta ADS: push of 93 KB of routes to every proxy, until all have answered")
    print("  (server and gRPC clients in two processes, mutual TLS, a connection per proxy;")
    print(f"  load average before: {os.getloadavg()[0]:.1f})")
    for count in PROXIES:
        subprocess.run([sys.executable, "-m", "benchmarks.xds", "server", str(count)], check=True)


async def serve(count: int) -> None:
    """Push to ``count`` proxies and print what it took."""
    authority, publisher = Authority(), Publisher()
    nodes = [f"uid-{number}/shop/web-{number}" for number in range(count)]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "proxies.json"
        async with open_server(publisher, authority.of_server()) as server:
            pairs = [[node, *(pem.decode() for pem in authority.of_node(node))] for node in nodes]
            file.write_text(json.dumps([server.address, authority.pem.decode(), pairs]))
            idle = machine.resident(os.getpid())
            command = (sys.executable, "-m", "benchmarks.xds", "proxies", str(file))
            clients = await asyncio.create_subprocess_exec(*command)
            try:
                connecting = await push(publisher, nodes, snapshot(0))
                await measure(publisher, nodes, idle=idle, connecting=connecting)
            finally:
                clients.kill()
                await clients.wait()


async def measure(publisher: Publisher, nodes: Sequence[str], *, idle: float, connecting: float) -> None:
    """Push again and again, then print."""
    connected = machine.resident(os.getpid())
    processor, started = time.process_time(), time.perf_counter()
    durations = [await push(publisher, nodes, snapshot(change)) for change in range(1, PUSHES + 1)]
    busy = (time.process_time() - processor) / PUSHES
    peak = limits.getrusage(limits.RUSAGE_SELF).ru_maxrss / 1000
    count, wall = len(nodes), (time.perf_counter() - started) / PUSHES
    print(f"  {count} proxies:")
    print(f"    all connected, with everything, after   {connecting:8.1f} s")
    print(f"    push -> all acked, p50                  {machine.percentile(durations, 0.5) * 1000:8.0f} ms")
    print(f"    push -> all acked, worst of {PUSHES}          {max(durations) * 1000:8.0f} ms")
    share = f"({busy / wall:.0%} of a core)"
    print(f"    CPU of the server per proxy and push    {busy / count * 1e6:8.0f} us {share}")
    print(f"    memory: idle, connected, peak           {idle:8.0f} MB, {connected:.0f} MB, {peak:.0f} MB")
    print(
        f"    memory per proxy, connected             {(connected - idle) / count * 1000:8.0f} KB", flush=True
    )


async def push(publisher: Publisher, nodes: Sequence[str], wanted: Snapshot) -> float:
    """Publish to every node; give the seconds until all have answered."""
    started = time.perf_counter()
    sequences = [publisher.publish(node, wanted) for node in nodes]
    for node, sequence in zip(nodes, sequences, strict=True):
        assert not (await publisher.wait_acked(node, sequence)).refusals
    return time.perf_counter() - started


def snapshot(change: int) -> Snapshot:
    """Make what every proxy holds; no two changes have the same routes."""
    seed = hashlib.sha256(str(change).encode()).digest()
    routes = (seed * (_ROUTE_BYTES // len(seed) + 1))[:_ROUTE_BYTES]
    small = (Resource.from_body(url, name, bytes(800)) for url in (CLUSTER, LISTENER) for name in ("a", "b"))
    return Snapshot([*small, Resource.from_body(ROUTES, "routes", routes)])


async def act_as_proxies(address: str, authority: bytes, pairs: Sequence[tuple[str, str, str]]) -> None:
    """Be a proxy for each (node id, certificate, key) until this process is ended."""
    async with open_background(name="proxies") as proxies:
        for node, certificate, key in pairs:
            credentials = grpc.ssl_channel_credentials(authority, key.encode(), certificate.encode())
            proxies.start(_act_as_proxy(address, credentials, node), name=node)
        await asyncio.Event().wait()


async def _act_as_proxy(address: str, credentials: grpc.ChannelCredentials, node: str) -> None:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
        call = channel.stream_stream(_METHOD)()
        for url in _TYPES:
            request = discovery_pb2.DeltaDiscoveryRequest(type_url=url, resource_names_subscribe=["*"])
            request.node.id = node
            await call.write(request.SerializeToString())
        while (received := await call.read()) is not grpc.aio.EOF:
            response = discovery_pb2.DeltaDiscoveryResponse.FromString(received)
            answer = discovery_pb2.DeltaDiscoveryRequest(
                type_url=response.type_url, response_nonce=response.nonce
            )
            await call.write(answer.SerializeToString())


def _run(role: str, argument: str) -> None:
    _, most = limits.getrlimit(limits.RLIMIT_NOFILE)
    limits.setrlimit(limits.RLIMIT_NOFILE, (most, most))
    if role == "server":
        asyncio.run(serve(int(argument)))
    else:
        address, authority, pairs = json.loads(Path(argument).read_text())
        asyncio.run(act_as_proxies(address, authority.encode(), pairs))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _run(*sys.argv[1:])
    else:
        print(f"machine: {machine.describe()}\n")
        main()
