"""The embedded cluster: start, memory, pods, writes and watches.

Method: clusters of their own in temporary directories, driven from this second process over TLS as any
client; times are taken here, so they hold both sides. Each figure stands beside its target.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e import busybox

from benchmarks import machine, wire

STARTS, PODS, MANY_PODS, CREATES, CONNECTIONS, WATCHERS, WRITES = 5, 40, 100, 10_000, 4, 100, 200


@dataclass(frozen=True)
class Cluster:
    """A running cluster and how to reach it."""

    directory: Path
    started: float
    """Seconds from the command's start to its end."""

    def alcove(self, *arguments: str) -> str:
        return alcove(self.directory, *arguments)

    @property
    def pid(self) -> int:
        return int(json.loads(self.alcove("status", "-o", "json"))["pid"])

    @property
    def target(self) -> wire.Target:
        return wire.target_of(self.alcove("kubeconfig"))


def alcove(directory: Path, *arguments: str) -> str:
    argv = [sys.executable, "-m", "alcove", "cluster", *arguments, "--data-dir", str(directory / "data")]
    environment = {**os.environ, "KUBECONFIG": str(directory / "kubeconfig")}
    return subprocess.run(argv, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextlib.contextmanager
def running() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="alcove-bench-") as name:
        directory = Path(name)
        before = time.perf_counter()
        alcove(directory, "start", "--progress", "quiet")
        try:
            yield Cluster(directory, time.perf_counter() - before)
        finally:
            alcove(directory, "reset", "-y", "--progress", "quiet")


def row(what: str, value: str, target: str, method: str) -> None:
    print(f"{what:<34} {value:>18}   target {target:<10} {method}", flush=True)


def main() -> None:
    first: list[float] = []
    again: list[float] = []
    for _ in range(STARTS):
        with running() as cluster:
            first.append(cluster.started)
            cluster.alcove("stop", "--progress", "quiet")
            before = time.perf_counter()
            cluster.alcove("start", "--progress", "quiet")
            again.append(time.perf_counter() - before)
    row(
        "ready, new cluster", f"{statistics.median(first):.2f} s", "1 s", f"median of {STARTS}, whole command"
    )
    row(
        "ready, second start",
        f"{statistics.median(again):.2f} s",
        "1 s",
        f"median of {STARTS}, whole command",
    )
    with running() as cluster:
        measure_memory(cluster)
        archive = busybox.write_archive(cluster.directory / "busybox.tar")
        cluster.alcove("load-image", str(archive), busybox.IMAGE, "--progress", "quiet")
        asyncio.run(measure_pods(cluster))
        asyncio.run(measure_many_pods(cluster))
    with running() as cluster:
        asyncio.run(measure_creates(cluster))
        asyncio.run(measure_watches(cluster))


def measure_memory(cluster: Cluster) -> None:
    idle = cpu_seconds(cluster.pid)
    time.sleep(5)  # noqa: TID251 - idling is what is measured
    used = cpu_seconds(cluster.pid) - idle
    parts = [cluster.pid, *machine.children(cluster.pid)]
    sizes = " + ".join(f"{machine.resident(pid):.0f}" for pid in parts)
    total = sum(machine.resident(pid) for pid in parts)
    row("idle memory (PSS)", f"{total:.0f} MB", "80 MB", f"daemon and launcher: {sizes}, after 5 s")
    row("idle CPU", f"{used / 5:.1%}", "-", "daemon, of one core, over 5 s")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pod(name: str, directory: Path) -> dict[str, Any]:
    """A pod that listens (httpd returns when it does) and then says so into a pipe of this process."""
    script = f"httpd -p 8080 -h /tmp && echo {name} > /bench/pipe; sleep 3600"
    container = {
        "name": "main",
        "image": busybox.IMAGE,
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "bench", "mountPath": "/bench"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "bench"}},
        "spec": {
            "containers": [container],
            "terminationGracePeriodSeconds": 0,
            "volumes": [{"name": "bench", "hostPath": {"path": str(directory)}}],
        },
    }


async def measure_pods(cluster: Cluster) -> None:
    directory = cluster.directory / "bench"
    directory.mkdir()
    os.mkfifo(directory / "pipe")
    pipe = os.open(directory / "pipe", os.O_RDWR)
    connection = await wire.Connection.open(cluster.target)
    times = []
    for number in range(PODS):
        body = json.dumps(pod(f"bench-{number}", directory)).encode()
        before = time.perf_counter()
        connection.send("POST", "/api/v1/namespaces/default/pods", body)
        said = await asyncio.to_thread(os.read, pipe, 100)
        times.append((time.perf_counter() - before) * 1000)
        assert said.split() == [f"bench-{number}".encode()]
        await connection.answer()
    os.close(pipe)
    value = f"{statistics.median(times):.0f} / {machine.percentile(times, 0.99):.0f} ms"
    row("pod start to listening p50/p99", value, "30 ms p50", f"{PODS} pods, create request to listen()")


async def measure_many_pods(cluster: Cluster) -> None:
    connection = await wire.Connection.open(cluster.target)
    await connection.request("DELETE", "/api/v1/namespaces/default/pods?labelSelector=app%3Dbench")
    container = {"name": "main", "image": busybox.IMAGE, "command": ["sleep", "3600"]}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "many"},
        "spec": {
            "replicas": MANY_PODS,
            "selector": {"matchLabels": {"app": "many"}},
            "template": {
                "metadata": {"labels": {"app": "many"}},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            },
        },
    }
    path = "/apis/apps/v1/namespaces/default/deployments"
    watch = await wire.Connection.open(cluster.target)
    memory = machine.resident(cluster.pid)
    before = time.perf_counter()
    await connection.request("POST", path, json.dumps(manifest).encode())
    async with asyncio.timeout(120):
        async for event in watch.watch(f"{path}?watch=true"):
            if event["object"].get("status", {}).get("readyReplicas") == MANY_PODS:
                break
    seconds = time.perf_counter() - before
    grown = (machine.resident(cluster.pid) - memory) * 1000 / MANY_PODS
    row(
        f"{MANY_PODS} pods running",
        f"{seconds:.1f} s",
        "-",
        f"one Deployment, all Ready; daemon +{grown:.0f} KB a pod",
    )
    connection.close()
    watch.close()


async def measure_creates(cluster: Cluster) -> None:
    target = cluster.target
    connections = [await wire.Connection.open(target) for _ in range(CONNECTIONS)]

    async def create(connection: wire.Connection, part: int) -> None:
        for number in range(CREATES // CONNECTIONS):
            body = (
                b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c-%d-%d"},"data":{"a":"b"}}'
                % (part, number)
            )
            status, _ = await connection.request("POST", "/api/v1/namespaces/default/configmaps", body)
            assert status == 201

    before = time.perf_counter()
    spent = cpu_seconds(cluster.pid)
    async with asyncio.TaskGroup() as group:
        for part, connection in enumerate(connections):
            group.create_task(create(connection, part))
    seconds = time.perf_counter() - before
    busy = (cpu_seconds(cluster.pid) - spent) / seconds
    method = f"{CREATES} ConfigMaps, {CONNECTIONS} TLS connections, daemon {busy:.0%} of a core"
    row("creates per second", f"{CREATES / seconds:.0f}", "5,000", method)
    for connection in connections:
        connection.close()


async def measure_watches(cluster: Cluster) -> None:
    target = cluster.target
    sent: dict[str, float] = {}
    delays: list[float] = []
    ready = asyncio.Event()
    opened = 0

    async def observe(connection: wire.Connection) -> None:
        nonlocal opened
        seen = 0
        query = "watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
        async for event in connection.watch(f"/api/v1/namespaces/kube-public/configmaps?{query}"):
            if event["type"] == "BOOKMARK":
                opened += 1
                if opened == WATCHERS:
                    ready.set()
            elif (name := event["object"]["metadata"]["name"]) in sent:
                delays.append((time.perf_counter() - sent[name]) * 1000)
                seen += 1
                if seen == WRITES:
                    return

    async with asyncio.TaskGroup() as group:
        for _ in range(WATCHERS):
            group.create_task(observe(await wire.Connection.open(target)))
        async with asyncio.timeout(30):
            await ready.wait()
        writer = await wire.Connection.open(target)
        for number in range(WRITES):
            name = f"w-{number}"
            body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}).encode()
            sent[name] = time.perf_counter()
            await writer.request("POST", "/api/v1/namespaces/kube-public/configmaps", body)
            await asyncio.sleep(0.02)
    value = f"{statistics.median(delays):.1f} / {machine.percentile(delays, 0.99):.1f} ms"
    row(
        f"{WATCHERS} watchers p50/p99",
        value,
        "20 ms p99",
        f"{WRITES} writes, request sent to event read by each",
    )
