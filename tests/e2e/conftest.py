"""One cluster for all end-to-end tests: an embedded one, or the one that ALCOVE_E2E_KUBECONFIG names."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import busybox
from tests.e2e.kubectl import Kubectl, find_kubectl

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


def alcove(*arguments: str, kubeconfig: Path) -> str:
    """Run the alcove command as a user does; give its stdout."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    done = subprocess.run(
        [sys.executable, "-m", "alcove", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
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
