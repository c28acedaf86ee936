"""What goes wrong with the embedded cluster: kills, taken ports, bad directories. Nothing is lost or left."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e import busybox
from tests.e2e.kubectl import Kubectl, find_kubectl
from tests.e2e.test_kubectl import deployment

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


class Embedded:
    """One cluster of a test's own."""

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        self.kubeconfig = directory / "kubeconfig"

    def try_alcove(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "alcove", "cluster", *arguments, "--data-dir", str(self.data)]
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)

    def alcove(self, *arguments: str) -> str:
        done = self.try_alcove(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def pid(self) -> int:
        return int(json.loads(self.alcove("status", "-o", "json"))["pid"])

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(find_kubectl(), self.kubeconfig, "default")


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Embedded]:
    cluster = Embedded(tmp_path)
    yield cluster
    cluster.try_alcove("reset", "-y")
    for pid in processes_of(str(cluster.data)):  # of a test that failed halfway
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a condition, with a bound."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        pause.wait(0.05)


def processes_of(mark: str) -> list[int]:
    """Give the pids whose command line or environment holds a mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in told:
                found.append(int(entry.name))
    return found


def family_of(pid: int) -> set[int]:
    """Give a process and everything it has started, in whatever generation."""
    found = {pid}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found |= family_of(int(child))
    return found


def network_namespaces() -> dict[str, set[int]]:
    """Give which processes are in which network namespace."""
    found: dict[str, set[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found.setdefault(str((entry / "ns" / "net").readlink()), set()).add(int(entry.name))
    return found


def machine_links() -> str:
    """Give the network links of the machine itself."""
    return subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout


class Footprint:
    """What a running cluster holds, so that it can be seen to be gone."""

    def __init__(self, embedded: Embedded) -> None:
        self._data = str(embedded.data)
        self.family = family_of(embedded.pid)
        own = Path("/proc/self/ns/net").readlink()
        self.namespaces = {
            name for name, pids in network_namespaces().items() if pids & self.family and name != str(own)
        }
        assert len(self.family) >= 3 and self.namespaces, "a cluster with pods has processes and namespaces"

    def is_gone(self) -> bool:
        """Tell whether no process, network namespace or mount of it is left."""
        alive = {pid for pid in self.family if Path(f"/proc/{pid}").exists()}
        held = self.namespaces & set(network_namespaces())
        return not alive and not held and self._data not in Path("/proc/self/mountinfo").read_text()


def test_a_killed_daemon_loses_nothing_acknowledged_and_leaves_nothing(
    embedded: Embedded, tmp_path: Path
) -> None:
    links = machine_links()
    mark = f"mark-{uuid.uuid4().hex}"
    embedded.alcove("start")
    embedded.alcove("load-image", str(busybox.write_archive(tmp_path / "b.tar")), busybox.IMAGE)
    kubectl = embedded.kubectl
    kubectl("apply", "-f", "-", stdin=deployment("web", command=f"export M={mark}; exec sleep 600"))
    acknowledged: list[str] = []
    pid = embedded.pid

    def write() -> None:
        for number in range(10_000):
            done = kubectl.try_run("create", "configmap", f"c-{number}")
            if done.code != 0:
                return
            acknowledged.append(f"c-{number}")

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: len(acknowledged) >= 8 and bool(processes_of(mark)))
    footprint = Footprint(embedded)
    os.kill(pid, signal.SIGKILL)
    writer.join(timeout=60)
    wait_until(footprint.is_gone)
    assert not processes_of(mark) and machine_links() == links
    embedded.alcove("start")
    names = {item["metadata"]["name"] for item in kubectl.read("configmaps")["items"]}
    assert set(acknowledged) <= names
    wait_until(lambda: bool(processes_of(mark)))


def test_reset_leaves_the_machine_as_it_was(embedded: Embedded, tmp_path: Path) -> None:
    links, files = machine_links(), set(tmp_path.iterdir())
    embedded.alcove("start")
    embedded.alcove("load-image", str(busybox.write_archive(tmp_path / "b.tar")), busybox.IMAGE)
    kubectl = embedded.kubectl
    kubectl("apply", "-f", "-", stdin=deployment("web", replicas=3))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    footprint = Footprint(embedded)
    embedded.alcove("reset", "-y")
    (tmp_path / "b.tar").unlink()
    wait_until(footprint.is_gone)
    assert machine_links() == links
    assert set(tmp_path.iterdir()) == files


def test_objects_survive_a_stop_and_pods_run_again(embedded: Embedded, tmp_path: Path) -> None:
    embedded.alcove("start")
    embedded.alcove("load-image", str(busybox.write_archive(tmp_path / "b.tar")), busybox.IMAGE)
    kubectl = embedded.kubectl
    kubectl("apply", "-f", "-", stdin=deployment("web"))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    server = json.loads(embedded.alcove("status", "-o", "json"))["server"]
    embedded.alcove("stop")
    assert kubectl.try_run("get", "pods").code == 1
    embedded.alcove("start")
    status = json.loads(embedded.alcove("status", "-o", "json"))
    assert status["ready"] and status["server"] == server and status["dataDir"] == str(embedded.data)
    wait_until(lambda: kubectl.read("deployment", "web")["status"].get("readyReplicas") == 1)


def test_a_taken_port_is_named(embedded: Embedded) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = embedded.try_alcove("start", "--port", port)
    assert done.returncode == 4
    assert port in done.stderr and "hint:" in done.stderr


def test_a_second_daemon_on_the_same_data_is_refused(embedded: Embedded) -> None:
    embedded.alcove("start")
    assert "already" in embedded.try_alcove("start").stderr
    (embedded.data / "daemon.json").unlink()
    done = embedded.try_alcove("start")
    assert done.returncode == 4 and "another" in done.stderr
    assert embedded.kubectl.try_run("get", "namespaces").code == 0
    for pid in processes_of(str(embedded.data)):
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not processes_of(str(embedded.data)))


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 500])
def test_a_damaged_database_is_an_error_and_is_not_overwritten(embedded: Embedded, content: bytes) -> None:
    embedded.alcove("start")
    embedded.alcove("stop")
    database = embedded.data / "cluster.db"
    for journal in embedded.data.glob("cluster.db-*"):
        journal.unlink()
    if not content:
        content = database.read_bytes()[:200] + b"\xff" * 4000
    database.write_bytes(content)
    done = embedded.try_alcove("start")
    assert done.returncode != 0 and "cluster.db" in done.stderr and "hint:" in done.stderr
    assert database.read_bytes() == content


def test_a_file_in_the_place_of_the_directory_is_a_usage_error(embedded: Embedded) -> None:
    embedded.data.write_text("a file")
    done = embedded.try_alcove("start")
    assert done.returncode == 2 and str(embedded.data) in done.stderr
    embedded.data.unlink()


def test_a_directory_that_cannot_be_written_is_named(embedded: Embedded) -> None:
    embedded.data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(embedded.data)], check=True)
    try:
        done = embedded.try_alcove("start")
    finally:
        subprocess.run(["umount", str(embedded.data)], check=True)
    assert done.returncode == 1
    assert str(embedded.data) in done.stderr and "Read-only" in done.stderr and "hint:" in done.stderr


def test_a_full_disk_refuses_writes_and_keeps_what_there_is(embedded: Embedded) -> None:
    embedded.data.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(embedded.data)], check=True)
    try:
        embedded.alcove("start")
        kubectl = embedded.kubectl
        kubectl("create", "configmap", "kept")
        (embedded.data / "ballast").write_bytes(b"")
        with (embedded.data / "ballast").open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"x" * 4096)
            except OSError:
                pass
        literal = f"--from-literal=a={'x' * 100_000}"
        outcomes = (kubectl.try_run("create", "configmap", f"big-{number}", literal) for number in range(80))
        refused = next(outcome for outcome in outcomes if outcome.code)
        assert "storage" in refused.stderr.lower() or "disk" in refused.stderr.lower()
        assert kubectl.read("configmap", "kept")
        (embedded.data / "ballast").unlink()
        kubectl("create", "configmap", "after")
    finally:
        embedded.try_alcove("stop")
        subprocess.run(["umount", str(embedded.data)], check=True)


def test_two_clusters_live_side_by_side(embedded: Embedded, tmp_path: Path) -> None:
    other = Embedded(tmp_path / "other")
    other.data.parent.mkdir()
    try:
        embedded.alcove("start")
        other.alcove("start")
        embedded.kubectl("create", "configmap", "only-here")
        assert other.kubectl.try_run("get", "configmap", "only-here").code == 1
    finally:
        other.alcove("reset", "-y")
    assert embedded.kubectl("get", "--raw", "/readyz") == "ok"


def test_the_files_are_the_users_alone_and_the_api_is_on_loopback(embedded: Embedded) -> None:
    embedded.alcove("start")
    assert embedded.data.stat().st_mode & 0o077 == 0
    port = int(json.loads(embedded.alcove("status", "-o", "json"))["server"].rpartition(":")[2])
    listening = subprocess.run(
        ["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[3] for line in listening.splitlines()} == {f"127.0.0.1:{port}"}


def test_the_foreground_daemon_ends_with_ctrl_c(embedded: Embedded) -> None:
    argv = [
        sys.executable,
        "-m",
        "alcove",
        "cluster",
        "start",
        "--foreground",
        "--data-dir",
        str(embedded.data),
    ]
    environment = {**os.environ, "KUBECONFIG": str(embedded.kubeconfig)}
    with subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: json.loads(embedded.alcove("status", "-o", "json"))["ready"])
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode in {0, 130} and "Traceback" not in said


def test_without_root_it_says_that_it_needs_it(embedded: Embedded) -> None:
    argv = [sys.executable, "-m", "alcove", "cluster", "start", "--data-dir", str(embedded.data)]
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *argv]
    environment = {**os.environ, "KUBECONFIG": str(embedded.kubeconfig)}
    done = subprocess.run(powerless, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "because: " in done.stderr and "hint: it needs root" in done.stderr


def test_a_missing_program_is_named(embedded: Embedded, tmp_path: Path) -> None:
    only = tmp_path / "bin"
    only.mkdir()
    for program in ("ip", "setpriv"):
        found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        assert found
        (only / program).symlink_to(found)
    argv = [sys.executable, "-m", "alcove", "cluster", "start", "--data-dir", str(embedded.data)]
    environment = {**os.environ, "KUBECONFIG": str(embedded.kubeconfig), "PATH": str(only)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and "nft" in done.stderr and "hint: install nftables" in done.stderr
