"""A real Envoy in front of an application that is restarted: what it refuses waits."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from tests.feature.routing.application import GRPC, HTTP, TCP
from tests.feature.routing.lab import Lab, PodShape, wait_until
from tests.feature.routing.load import CLIENTS

from alcove.model import ClusterState, Endpoint, Port, Protocol, Service, ServiceName, Space, SpaceName
from alcove.routing.envoy.names import ProxySettings
from alcove.routing.plan import plan_routes
from alcove.routing.snapshot import PodNode, compile_snapshots

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

ROUNDS = 20
DEV, SHORT, AMY, OUT = (
    PodShape(name, f"10.1.0.{at}") for at, name in enumerate(("dev", "short", "amy", "out"), 1)
)
FORGOTTEN = "10.96.9.9"
"""An address that the cluster does not translate: as a Service's whose instances are not ready."""
PORTS = (
    Port(80, HTTP, "http", Protocol.HTTP),
    Port(81, GRPC, "grpc", Protocol.HTTP),
    Port(90, TCP, "tcp", Protocol.TCP),
)
PATIENT = ProxySettings(addresses=("0.0.0.0",))
IMPATIENT = ProxySettings(addresses=("0.0.0.0",), wait_seconds=1)


def make_state(*, ready: bool = False) -> ClusterState:
    """Give two spaces whose instances are worked on."""
    services = [
        Service(
            SpaceName(pod.name),
            ServiceName("web"),
            (FORGOTTEN if pod is DEV else "10.96.9.8",),
            PORTS,
            (Endpoint(pod.address, ready, waits=True),),
        )
        for pod in (DEV, SHORT)
    ]
    spaces = (Space(SpaceName("dev")), Space(SpaceName("short")), Space(SpaceName("amy"), SpaceName("dev")))
    return ClusterState(
        spaces={one.name: one for one in spaces},
        services={(one.space, one.name): one for one in services},
        ranges=frozenset({"10.96.0.0/16", "10.1.0.0/24"}),
    )


class Worked:
    """A pod of a session, and the application in it."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self._journal = directory / "journal"
        self._journal.touch()
        self._process: Popen[bytes] | None = None

    def start(self) -> None:
        """Start the application, and wait until it listens."""
        command = (sys.executable, "-m", "tests.feature.routing.application", "dev", str(self._journal))
        self._process = self.lab.start_in(DEV.name, *command)
        assert self._process.stdout is not None and self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def reached(self) -> list[str]:
        """Give the paths of the requests that reached it, in all of its lives."""
        return self._journal.read_text().split()

    def wait_for(self, count: int) -> None:
        """Wait until so many more requests have reached it."""
        wanted = len(self.reached()) + count
        wait_until(lambda: len(self.reached()) >= wanted)

    def ask(self, pod: PodShape = OUT, address: str = DEV.address, port: int = HTTP, **more: Any) -> Any:
        """Ask from a pod without a proxy, or from another."""
        return self.lab.ask(pod.name, **{"do": "http", "address": address, "port": port, **more})


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    lab = Lab([DEV, SHORT, AMY, OUT], {})
    try:
        plan = plan_routes(make_state())
        for pod, settings, waits in ((DEV, PATIENT, True), (SHORT, IMPATIENT, True), (AMY, PATIENT, False)):
            node = PodNode(SpaceName(pod.name), (pod.address,), waits)
            lab.discovery.offer(pod.name, compile_snapshots(plan, [node], settings)[node])
            lab.start_proxy(pod)
        yield lab
    finally:
        lab.close()


@pytest.fixture
def worked(lab: Lab, tmp_path: Path) -> Iterator[Worked]:
    worked = Worked(lab, tmp_path)
    yield worked
    worked.kill()


def head(path: str = "/", length: int = 0, **headers: str) -> str:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: web\r\nContent-Length: {length}\r\n{fields}\r\n"


def test_a_restart_under_load_costs_what_was_inside_the_process_and_nothing_else(worked: Worked) -> None:
    worked.start()
    load = worked.lab.start_in(
        OUT.name, sys.executable, "-m", "tests.feature.routing.load", DEV.address, str(HTTP)
    )
    for _ in range(ROUNDS):
        worked.wait_for(20)
        worked.kill()
        worked.start()
    told, _ = load.communicate(timeout=30)
    result = json.loads(told)
    assert result["good"] > ROUNDS * 20
    # A request may be lost in a process that dies, and the next in what the kernel has not closed of it yet.
    assert len(result["cut"]) <= 2 * ROUNDS * CLIENTS
    assert all("reset reason: connection termination" in text for text in result["cut"]), result["cut"]
    twice = [path for path, times in Counter(worked.reached()).items() if times > 1]
    assert not twice, "what reached the application was sent again"


@pytest.mark.parametrize("size", [0, 100_000, (1 << 20) - 10])
def test_a_request_waits_with_its_body(worked: Worked, size: int) -> None:
    worked.lab.tell(
        OUT.name, do="http", address=DEV.address, port=HTTP, head=head("/waiting", size), length=size
    )
    worked.start()
    answer = worked.lab.hear(OUT.name)
    assert (answer["status"], answer["body"]) == ("200 OK", f"dev {size}")
    assert worked.reached() == ["/waiting"]


def test_a_body_that_is_too_long_is_told_so(worked: Worked) -> None:
    answer = worked.ask(head=head(length=3 << 20), length=3 << 20)
    assert answer["status"].startswith("503") and "more than 1 MiB cannot wait" in answer["body"]
    worked.start()
    assert worked.ask(head=head(length=3 << 20), length=3 << 20)["body"] == f"dev {3 << 20}"


def test_the_wait_ends_with_what_to_look_at(worked: Worked) -> None:
    answer = worked.ask(address=SHORT.address, head=head())
    assert answer["status"].startswith("503")
    assert f"no connection at port {HTTP}, and has not for up to 1 s" in answer["body"]
    assert "alcove logs" in answer["body"]


def test_a_probe_does_not_wait(worked: Worked) -> None:
    answer = worked.ask(head=head(User_Agent="kube-probe/1.36"))
    assert answer["status"].startswith("503")
    worked.start()
    assert worked.ask(head=head(User_Agent="kube-probe/1.36"))["status"] == "200 OK"


def test_a_callers_proxy_leads_to_an_instance_that_is_not_ready(worked: Worked) -> None:
    worked.lab.tell(AMY.name, do="http", address=FORGOTTEN, port=80, head=head("/amy"))
    worked.start()
    answer = worked.lab.hear(AMY.name)
    assert (answer["status"], answer["body"]) == ("200 OK", "dev 0")
    assert ["x-alcove-route", "web.dev"] in answer["headers"]


def test_grpc_waits(worked: Worked) -> None:
    worked.lab.tell(OUT.name, do="grpc", address=DEV.address, port=GRPC, host="web", metadata=[])
    worked.start()
    assert worked.lab.hear(OUT.name)["pod"] == "dev"


def test_a_websocket_waits(worked: Worked) -> None:
    asked = head(Upgrade="websocket", Connection="Upgrade").replace("POST", "GET")
    worked.lab.tell(OUT.name, do="http", address=DEV.address, port=HTTP, head=asked)
    worked.start()
    assert worked.lab.hear(OUT.name)["status"] == "101 Switching Protocols"


def test_raw_tcp_waits_also_when_the_server_speaks_first(worked: Worked) -> None:
    worked.lab.tell(OUT.name, do="tcp", address=DEV.address, port=TCP, say="well")
    worked.start()
    assert worked.lab.hear(OUT.name) == {"first": "dev", "second": "well"}


def test_raw_tcp_does_not_wait_for_ever(worked: Worked) -> None:
    answer = worked.ask(do="tcp", address=SHORT.address, port=TCP, say="well")
    assert answer == {"first": "", "second": ""} or "error" in answer


def test_an_undeclared_port_waits_too(worked: Worked) -> None:
    """Nothing is known of the pod's own port when no Service leads there."""
    answer = worked.ask(address=SHORT.address, port=7777, head=head())
    assert "no connection at port 7777" in answer["body"]
