"""Faults in the middle of a sync, a build and a restart: then both trees are equal, or it is told why not.

The workstation reaches the cluster by a relay of the test; the test looks at the cluster on a way of its own.
Without ALCOVE_E2E_ALL only the most telling combinations run.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.e2e.conftest import FOREIGN, alcove
from tests.e2e.kubectl import Kubectl
from tests.e2e.spaces import Object, Spaces, until
from tests.e2e.upfaults import Bench, Relay, differences, kill, open_relay
from tests.e2e.ups import Desk, Running

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]

SPACE = "faults"
HUB = "app.kubernetes.io/component=hub"
ALL = bool(os.environ.get("ALCOVE_E2E_ALL"))

HELD_AFTER = 600_000
"""Bytes of a sync that pass before the relay holds it."""


@pytest.fixture(scope="module")
def bench(
    spaces: Spaces,
    kubeconfig: Path,
    enabled: Kubectl,
    cluster_directory: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    home = tmp_path_factory.mktemp("desk")
    spaces.make({SPACE: ""})
    with open_relay(kubeconfig, home / "kubeconfig") as relay:
        desk = Desk(home / "kubeconfig", home, spaces.kubectl(SPACE))
        desk("space", "select", spaces.namespace(SPACE))
        folder = desk.copy("python", "shop")
        folder.save("build.sh", "true\n")
        folder.save("data/first", "first")
        folder.configure(set_up)
        desk.up(folder)
        yield Bench(desk, folder, relay, enabled, None if FOREIGN else cluster_directory / "data")


def set_up(document: Object) -> None:
    """Run a script of the folder before each restart."""
    iterate = document["configurations"]["develop"]["container"]["iterate"]
    iterate["buildCommands"] = [["sh", "build.sh"]]


# ------------------------------------------------------------------------------------------------- moments


def sync(bench: Bench, running: Running) -> None:
    """Get to where some of many files have been sent, and no more goes through."""
    bench.relay.hold_after(HELD_AFTER)
    bench.save_many()
    bench.save()
    bench.relay.wait_held()


def build(bench: Bench, running: Running) -> None:
    """Get into a build: of an image in which a step takes its time."""
    mark = make_mark()
    steps = [
        f"RUN echo {mark}; sleep 2\n" if line.startswith("RUN echo half-way") else line
        for line in (bench.folder.path / "Dockerfile.develop").read_text().splitlines(keepends=True)
    ]
    if not any(mark in line for line in steps):
        at = next(place for place, line in enumerate(steps) if line.startswith("COPY"))
        steps.insert(at, f"RUN echo {mark}; sleep 2\n")
    since = running.mark
    bench.save()
    bench.folder.save("Dockerfile.develop", "".join(steps))
    running.event("line", since, source="build", text=mark)


def restart(bench: Bench, running: Running) -> None:
    """Get into a restart: the command has been stopped, and what builds is at work."""
    mark = make_mark()
    since = running.mark
    bench.folder.save("build.sh", f"echo {mark}; sleep 2\n")
    bench.save()
    running.event("line", since, source="command", text=mark)


def make_mark() -> str:
    """Give a text that no step of a build had before: those are not run again."""
    return f"half-way-{uuid.uuid4().hex[:8]}"


MOMENTS = {one.__name__: one for one in (sync, build, restart)}

# -------------------------------------------------------------------------------------------------- faults


@contextlib.contextmanager
def network_is_cut(bench: Bench, running: Running) -> Iterator[None]:
    bench.relay.cut()
    running.wait(lambda: find_notice(running, "saves wait until it is back"), "nothing is said")
    yield
    bench.relay.restore()


@contextlib.contextmanager
def network_stalls(bench: Bench, running: Running) -> Iterator[None]:
    bench.relay.stall()
    expect_silence(bench.relay.port)
    yield
    bench.relay.restore()


@contextlib.contextmanager
def connections_are_forgotten(bench: Bench, running: Running) -> Iterator[None]:
    bench.relay.stall()
    yield
    bench.relay.restore(forget=True)


@contextlib.contextmanager
def hub_is_killed(bench: Bench, running: Running) -> Iterator[None]:
    pod = one_pod(bench.space, HUB)
    kill("alcove hub", f"HOSTNAME={name_of(pod)} ")
    bench.relay.restore()
    yield


@contextlib.contextmanager
def hubs_pod_is_deleted(bench: Bench, running: Running) -> Iterator[None]:
    delete_now(bench.space, HUB)
    bench.relay.restore()
    yield


@contextlib.contextmanager
def hub_loses_its_store(bench: Bench, running: Running) -> Iterator[None]:
    bench.space("delete", "deployment/alcove-hub", "--cascade=foreground", "--grace-period=0", "--wait=false")
    bench.space("delete", "pvc/alcove-hub", "--ignore-not-found", "--wait=false")
    delete_now(bench.space, HUB)
    bench.relay.restore()
    yield


@contextlib.contextmanager
def control_plane_is_killed(bench: Bench, running: Running) -> Iterator[None]:
    delete_now(bench.cluster.within("azds"), "app.kubernetes.io/component=controlplane")
    bench.relay.restore()
    yield


@contextlib.contextmanager
def pod_is_evicted(bench: Bench, running: Running) -> Iterator[None]:
    for pod in bench.desk.pods(bench.folder):
        name, namespace = name_of(pod), pod["metadata"]["namespace"]
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
        bench.space("create", "--raw", path, "-f", "-", stdin=body)
    bench.relay.restore()
    yield


@contextlib.contextmanager
def container_is_killed(bench: Bench, running: Running) -> Iterator[None]:
    session = bench.desk.session(bench.folder)["metadata"]["name"]
    kill("alcove-agent run", f"--session {session}")
    bench.relay.restore()
    yield


@contextlib.contextmanager
def builder_is_killed(bench: Bench, running: Running) -> Iterator[None]:
    delete_now(bench.cluster.within("azds-build"), "app.kubernetes.io/component=builder")
    bench.relay.restore()
    yield


@contextlib.contextmanager
def api_is_frozen(bench: Bench, running: Running) -> Iterator[None]:
    pid = find_daemon(bench)
    bench.relay.restore()
    os.kill(pid, signal.SIGSTOP)
    try:
        expect_silence(bench.relay.port)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def cluster_is_killed(bench: Bench, running: Running) -> Iterator[None]:
    """All of it: every pod ends, and is started again with the next daemon."""
    os.kill(find_daemon(bench), signal.SIGKILL)
    yield
    bench.relay.restore()
    alcove("cluster", "start", "--data-dir", str(bench.data), kubeconfig=bench.space.kubeconfig)


def find_daemon(bench: Bench) -> int:
    arguments = ("cluster", "status", "-o", "json", "--data-dir", str(bench.data))
    return int(json.loads(alcove(*arguments, kubeconfig=bench.space.kubeconfig))["pid"])


Fault = Callable[[Bench, Running], AbstractContextManager[None]]
FAULTS: dict[str, Fault] = {
    one.__name__: one
    for one in (
        network_is_cut,
        network_stalls,
        connections_are_forgotten,
        hub_is_killed,
        hubs_pod_is_deleted,
        hub_loses_its_store,
        control_plane_is_killed,
        pod_is_evicted,
        container_is_killed,
        builder_is_killed,
        api_is_frozen,
        cluster_is_killed,
    )
}
EMBEDDED_ONLY = {"api_is_frozen", "cluster_is_killed"}
TELLING = {
    ("network_is_cut", "sync"),
    ("connections_are_forgotten", "sync"),
    ("hub_is_killed", "build"),
    ("hub_loses_its_store", "restart"),
    ("control_plane_is_killed", "build"),
    ("pod_is_evicted", "restart"),
    ("container_is_killed", "restart"),
    ("builder_is_killed", "build"),
    ("api_is_frozen", "sync"),
}


def find_notice(running: Running, part: str) -> Object | None:
    """Give the last event that says something, if any does."""
    found = [one for one in running.events if part in str(one.get("message", ""))]
    return found[-1] if found else None


def expect_silence(port: int, seconds: float = 3) -> None:
    """See that nothing answers at a port for so long."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(b"\x16\x03\x01\x00\x01\x00")
        with pytest.raises(TimeoutError):
            connection.recv(1)


def one_pod(kubectl: Kubectl, selector: str) -> Object:
    """Give the one pod that runs with a label."""

    def find() -> Object | None:
        items = kubectl.read("pods", "-l", selector)["items"]
        running = [one for one in items if one["status"].get("phase") == "Running"]
        return dict(running[0]) if len(running) == 1 else None

    return until(find, seconds=60) or {}


def name_of(pod: Object) -> str:
    return str(pod["metadata"]["name"])


def delete_now(kubectl: Kubectl, selector: str) -> None:
    """Delete pods without grace."""
    kubectl("delete", "pods", "-l", selector, "--grace-period=0", "--force", "--wait=false")


def combinations() -> Iterator[object]:
    for fault in FAULTS:
        for moment in MOMENTS:
            if (ALL or (fault, moment) in TELLING) and not (FOREIGN and fault in EMBEDDED_ONLY):
                yield pytest.param(fault, moment, id=f"{fault}-{moment}")


@pytest.mark.parametrize(("fault", "moment"), [*combinations()])
def test_what_is_saved_is_live_after(bench: Bench, fault: str, moment: str) -> None:
    with bench.following() as running:
        MOMENTS[moment](bench, running)
        with FAULTS[fault](bench, running):
            bench.tidy()
            version = bench.save()
        bench.expect(version)
        bench.folder.save("build.sh", "true\n")
        bench.expect(bench.save())
        until(lambda: bench.phase() == "Running")


def process_is_killed(bench: Bench) -> None:
    kill("alcove up", f"TMPDIR={bench.desk.home}")


def process_group_is_killed(bench: Bench) -> None:
    kill("alcove up", f"TMPDIR={bench.desk.home}", how=lambda pid: os.killpg(os.getpgid(pid), signal.SIGKILL))


DEATHS = {one.__name__: one for one in (process_is_killed, process_group_is_killed)}
TELLING_DEATHS = {("process_is_killed", "sync")}


@pytest.mark.parametrize(
    ("death", "moment"),
    [(death, moment) for death in DEATHS for moment in MOMENTS if ALL or (death, moment) in TELLING_DEATHS],
)
def test_what_a_dead_workstation_had_sent_goes_on(bench: Bench, death: str, moment: str) -> None:
    with bench.leaving() as running:
        before = bench.number
        MOMENTS[moment](bench, running)
        DEATHS[death](bench)
    bench.relay.restore()
    sent = before if moment == "sync" else bench.number
    until(lambda: bench.remote()["answer"]["version"] == f"v{sent}", seconds=60, every=0.2)
    until(lambda: bench.phase() == "Running")
    with bench.following():
        bench.expect(f"v{bench.number}")
        bench.folder.save("build.sh", "true\n")
        bench.expect(bench.save())


@pytest.mark.parametrize("spoil", [Relay.cut, Relay.stall] if ALL else [Relay.stall])
def test_ctrl_c_ends_up_although_the_cluster_cannot_be_reached(
    bench: Bench, spoil: Callable[[Relay], None]
) -> None:
    with bench.leaving() as running:
        spoil(bench.relay)
        if spoil is Relay.cut:
            running.wait(lambda: find_notice(running, "saves wait"), "nothing is said")
        else:
            bench.save()
            expect_silence(bench.relay.port)
        assert running.interrupt() == 0, running.told()
    with bench.following():
        bench.expect(f"v{bench.number}")


# ------------------------------------------------------------------------------------------- the hub's store

LIMIT = 2_500_000
"""Bytes that the store of a hub has in these tests: less than ``save_many`` makes."""


def limited_by_its_setting(bench: Bench) -> None:
    bench.space("set", "env", "deployment/alcove-hub", f"ALCOVE_STORE_LIMIT={LIMIT}")


def limited_by_its_disk(bench: Bench) -> None:
    put_store(bench, {"emptyDir": {"medium": "Memory", "sizeLimit": str(LIMIT)}})


def put_store(bench: Bench, source: Object) -> None:
    """Give the hub's store another volume."""
    spec = bench.space.read("deployment/alcove-hub")["spec"]["template"]["spec"]
    at = next(place for place, one in enumerate(spec["volumes"]) if one["name"] == "store")
    path = f"/spec/template/spec/volumes/{at}"
    patch = [{"op": "replace", "path": path, "value": {"name": "store", **source}}]
    bench.space("patch", "deployment/alcove-hub", "--type=json", "-p", json.dumps(patch))


@contextlib.contextmanager
def small_store(bench: Bench, limit: Callable[[Bench], None]) -> Iterator[None]:
    """Have a hub with little room for the block."""
    template = bench.space.read("deployment/alcove-hub")["spec"]["template"]["spec"]
    source = next(one for one in template["volumes"] if one["name"] == "store")
    limit(bench)
    try:
        wait_rolled_out(bench)
        yield
    finally:
        if limit is limited_by_its_disk:
            put_store(bench, {key: value for key, value in source.items() if key != "name"})
        else:
            bench.space("set", "env", "deployment/alcove-hub", "ALCOVE_STORE_LIMIT-")
        wait_rolled_out(bench)


def wait_rolled_out(bench: Bench) -> None:
    bench.space("rollout", "status", "deployment/alcove-hub", "--timeout=90s", seconds=100)


@pytest.mark.parametrize(
    ("limit", "moment"),
    [
        (limit, moment)
        for limit in (limited_by_its_setting, limited_by_its_disk)
        for moment in MOMENTS
        if ALL or (limit is limited_by_its_disk and moment == "sync")
    ],
)
def test_a_full_store_is_told_and_what_was_there_goes_on(
    bench: Bench, limit: Callable[[Bench], None], moment: str
) -> None:
    bench.remove_many()
    with bench.following() as running:
        build(bench, running)  # what the image was built from is kept as well
        bench.expect(f"v{bench.number}")
        with small_store(bench, limit):
            bench.expect(bench.save())
            if moment != "sync":
                MOMENTS[moment](bench, running)
            taken, version = bench.local(), bench.number
            since = running.mark
            bench.save_many()
            bench.save()
            told = running.event("problem", since)
            assert "no room" in told["message"] and told["cause"] and told["hint"], told
            until(lambda: bench.remote()["answer"]["version"] == f"v{version}", seconds=60, every=0.2)
            assert not differences(taken, bench.remote()["tree"])
            bench.remove_many()
            bench.folder.save("build.sh", "true\n")
            bench.expect(bench.save())
        bench.expect(bench.save())
