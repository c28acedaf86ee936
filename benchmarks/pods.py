"""Pods in network namespaces, some with an Envoy, in which clients and servers of ``peers`` run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.feature.routing.lab import Lab, PodShape

from benchmarks import machine


class Caller:
    """A client that runs in a pod."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(
        self,
        address: str,
        *,
        times: int,
        headers: Mapping[str, str] | None = None,
        protocol: str = "http/1.1",
    ) -> list[int]:
        """Send the same request to port 80 over one connection; give the nanoseconds of each."""
        assert self._process.stdin and self._process.stdout
        command: dict[str, Any] = {"address": address, "port": 80, "protocol": protocol, "times": times}
        self._process.stdin.write(json.dumps({**command, "headers": dict(headers or {})}) + "\n")
        self._process.stdin.flush()
        found: list[int] = json.loads(self._process.stdout.readline())
        return found


class Pods(Lab):
    """A lab in whose pods any program can be run."""

    @contextmanager
    def calling(self, pod: PodShape) -> Iterator[Caller]:
        """Give a client in a pod."""
        with self._running(pod, "ask") as process:
            yield Caller(process)

    @contextmanager
    def serving(self, pod: PodShape, port: int) -> Iterator[None]:
        """Have a pod answer at a port."""
        with self._running(pod, "serve", str(port)) as process:
            assert process.stdout and process.stdout.readline() == "ready\n"
            yield

    def worked(self, pod: PodShape) -> float:
        """Give the microseconds that all threads of a pod's Envoy have run."""
        return machine.running(self.envoys[pod.name].pid)

    @contextmanager
    def _running(self, pod: PodShape, *command: str) -> Iterator[subprocess.Popen[str]]:
        inside = ["nsenter", f"--net=/proc/{self._actors[pod.name].pid}/ns/net"]
        words = [*inside, sys.executable, str(Path(__file__).with_name("peers.py")), *command]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()
