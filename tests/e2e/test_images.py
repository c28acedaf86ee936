"""The images that are made without Docker, loaded under other names: their containers have nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alcove import __version__
from tests.e2e.conftest import FOREIGN, alcove
from tests.e2e.kubectl import Kubectl

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(bool(FOREIGN), reason="images are loaded into the embedded cluster"),
]

ALCOVE, PROXY = "made-alcove:test", "made-proxy:test"
_LOCKED = {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False}


@pytest.fixture(scope="module")
def images(kubeconfig: Path, cluster_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Both images, in the cluster."""
    directory = tmp_path_factory.mktemp("images")
    alcove("images", "build", "--output", str(directory), kubeconfig=kubeconfig)
    data = ("--data-dir", str(cluster_directory / "data"))
    for file, name in (("alcove.tar", ALCOVE), ("proxy.tar", PROXY)):
        alcove("cluster", "load-image", str(directory / file), name, *data, kubeconfig=kubeconfig)


def run(kubectl: Kubectl, name: str, container: Mapping[str, Any], *, phase: str = "Succeeded") -> str:
    """Run one container to its end; give its log."""
    security = {**_LOCKED, "capabilities": {"drop": ["ALL"]}, **container.get("securityContext", {})}
    own = {"name": "main", "imagePullPolicy": "Never", **container, "securityContext": security}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "containers": [own]},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    kubectl("wait", f"pod/{name}", f"--for=jsonpath={{.status.phase}}={phase}", "--timeout=30s")
    return kubectl("logs", name)


def test_the_control_planes_image_runs_alcove_with_arguments_alone(images: None, kubectl: Kubectl) -> None:
    said = run(kubectl, "version", {"image": ALCOVE, "args": ["--version"]})
    assert said.strip() == f"alcove {__version__}"


def test_the_control_planes_image_has_everything_that_is_imported(images: None, kubectl: Kubectl) -> None:
    program = """
import aiohttp, cryptography.x509, grpc, kubernetes_asyncio.client, msgspec, os, socket, sqlite3, ssl
from envoy.config.listener.v3 import listener_pb2
address = socket.getaddrinfo("kubernetes.default.svc.cluster.local", 443, socket.AF_INET)[0][4][0]
print(os.getuid(), address, bool(ssl.create_default_context().get_ca_certs()))
"""
    said = run(kubectl, "imports", {"image": ALCOVE, "command": ["python3", "-c", program]})
    address = kubectl("get", "service", "kubernetes", "-n", "default", "-o", "jsonpath={.spec.clusterIP}")
    assert said.split() == ["65532", address, "True"]


@pytest.mark.parametrize("image", [PROXY, f"alcove/proxy:{__version__}"], ids=["made", "built-in"])
def test_the_proxys_image_runs_its_programs(images: None, kubectl: Kubectl, image: str) -> None:
    as_proxy = {"image": image, "securityContext": {"runAsUser": 57417, "runAsNonRoot": True}}
    said = run(kubectl, "envoy", {**as_proxy, "command": ["/opt/alcove/bin/envoy", "--version"]})
    assert "/opt/alcove/bin/envoy  version:" in said
    agent = {**as_proxy, "command": ["/opt/alcove/bin/alcove-agent"]}
    assert "usage: alcove-agent" in run(kubectl, "agent", agent, phase="Failed")
    rules = "table inet t { chain c { type nat hook output priority -100; tcp dport 80 redirect to :81; }; }"
    as_init = {"runAsUser": 0, "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}
    nft = {"image": image, "command": ["nft", "--echo", f"add {rules}"], "securityContext": as_init}
    assert "redirect to :81" in run(kubectl, "nft", nft)


def test_the_built_in_image_of_the_control_plane_runs_with_arguments_alone(
    kubeconfig: Path, kubectl: Kubectl
) -> None:
    user = {"runAsUser": 65532, "runAsNonRoot": True}
    own = {"image": f"alcove/alcove:{__version__}", "args": ["--version"], "securityContext": user}
    assert run(kubectl, "version", own).strip() == f"alcove {__version__}"
