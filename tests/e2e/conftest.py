"""One cluster for all end-to-end tests: an embedded one, or the one that ALCOVE_E2E_KUBECONFIG names."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e import busybox
from tests.e2e.kubectl import Kubectl, find_kubectl
from tests.e2e.spaces import HTTP, REGISTRY, Spaces, open_spaces

Entrance = Mapping[int, tuple[str, int]]
"""Host and port by the port of the gateway's Service."""
FOREIGN = os.environ.get("ALCOVE_E2E_KUBECONFIG", "")


@pytest.fixture(scope="session")
def cluster_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="session")
def kubeconfig(cluster_directory: Path) -> Iterator[Path]:
    if FOREIGN:
        yield Path(FOREIGN)
        return
    path = cluster_directory / "kubeconfig"
    alcove("cluster", "start", "--data-dir", str(cluster_directory / "data"), kubeconfig=path)
    archive = busybox.write_archive(cluster_directory / "busybox.tar")
    alcove(
        "cluster",
        "load-image",
        str(archive),
        busybox.IMAGE,
        "--data-dir",
        str(cluster_directory / "data"),
        kubeconfig=path,
    )
    yield path
    alcove("cluster", "reset", "-y", "--data-dir", str(cluster_directory / "data"), kubeconfig=path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests that need an enabled cluster come last: the others are of clusters that are not."""
    items.sort(key=lambda item: "enabled" in getattr(item, "fixturenames", ()))


def alcove(*arguments: str, kubeconfig: Path, settings: Path | None = None, seconds: float = 60) -> str:
    """Run the alcove command as a user does; give its stdout."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    environment |= {"XDG_CONFIG_HOME": str(settings)} if settings else {}
    done = subprocess.run(
        [sys.executable, "-m", "alcove", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def cluster(kubeconfig: Path) -> Kubectl:
    return Kubectl(find_kubectl(), kubeconfig, "default")


@pytest.fixture
def kubectl(cluster: Kubectl) -> Iterator[Kubectl]:
    """Kubectl in a namespace of the test's own, removed afterwards."""
    namespace = f"e2e-{uuid.uuid4().hex[:8]}"
    cluster("create", "namespace", namespace)
    cluster("wait", f"namespace/{namespace}", "--for=jsonpath={.status.phase}=Active", "--timeout=10s")
    yield cluster.within(namespace)
    cluster("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="session")
def enabled(kubeconfig: Path, cluster: Kubectl, cluster_directory: Path) -> Iterator[Kubectl]:
    """The cluster with Alcove in it; one that was enabled before stays so."""
    before = cluster.try_run("get", "configmap/alcove", "-n", "azds").code == 0
    space, settings = f"e2e-root-{uuid.uuid4().hex[:6]}", cluster_directory / "settings"
    wishes = ["--space", space, "--image-registry", REGISTRY, "--timeout", "120"]
    if not before:
        alcove("enable", "-y", *wishes, kubeconfig=kubeconfig, settings=settings, seconds=180)
    yield cluster
    cluster("delete", "namespace", space, "--wait=false", "--ignore-not-found")
    if FOREIGN and not before:
        alcove("disable", "-y", kubeconfig=kubeconfig, settings=settings, seconds=180)


@pytest.fixture(scope="module")
def spaces(enabled: Kubectl, kubeconfig: Path) -> Iterator[Spaces]:
    """Spaces of the module's own."""
    with open_spaces(kubeconfig, enabled) as spaces:
        yield spaces


@pytest.fixture(scope="session")
def gateway(enabled: Kubectl) -> Iterator[Entrance]:
    """Where the gateway is reached from this machine."""
    within = enabled.within("azds")
    service = within.read("service/alcove-gateway")
    ports = {one["port"]: one["nodePort"] for one in service["spec"]["ports"]}
    if not FOREIGN:
        yield {port: ("127.0.0.1", number) for port, number in ports.items()}
        return
    balancers = service["status"].get("loadBalancer", {}).get("ingress", [])
    address = next((one["ip"] for one in balancers if "ip" in one), "")
    if address and answers(address, HTTP):
        yield {port: (address, port) for port in ports}
        return
    with within.running("port-forward", "service/alcove-gateway", *(f":{port}" for port in ports)) as forward:
        assert forward.stdout is not None
        told: dict[int, int] = {}
        while len(told) < len(ports):
            line = forward.stdout.readline()
            assert line, "the gateway cannot be reached"
            if found := re.search(r"127\.0\.0\.1:(\d+) -> (\d+)", line):
                told[int(found[2])] = int(found[1])
        targets = {one["port"]: one["targetPort"] for one in service["spec"]["ports"]}
        names = {"http": 8080, "https": 8443}
        yield {port: ("127.0.0.1", told[names.get(target, target)]) for port, target in targets.items()}


def answers(address: str, port: int) -> bool:
    """Tell whether somebody accepts connections there."""
    try:
        with socket.create_connection((address, port), timeout=3):
            return True
    except OSError:
        return False
