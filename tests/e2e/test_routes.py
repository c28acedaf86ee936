"""Why requests go where they go, asked as a user does about a real cluster's objects."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.busybox import IMAGE
from tests.e2e.kubectl import Kubectl, Outcome

pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True)
class Explain:
    """``alcove routes explain``, as one user has it."""

    kubeconfig: Path
    settings: Path

    def try_run(self, *arguments: str) -> Outcome:
        """Ask what may be refused."""
        done = subprocess.run(
            [sys.executable, "-m", "alcove", "routes", "explain", *arguments],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "XDG_CONFIG_HOME": str(self.settings)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def __call__(self, *arguments: str) -> dict[str, Any]:
        """Ask what must be answered; give the document."""
        outcome = self.try_run(*arguments, "-o", "json")
        assert outcome.code == 0, outcome.stderr
        document: dict[str, Any] = json.loads(outcome.stdout)
        return document


@pytest.fixture
def explain(kubeconfig: Path, tmp_path: Path) -> Explain:
    return Explain(kubeconfig, tmp_path / "settings")


@pytest.fixture
def spaces(cluster: Kubectl) -> Iterator[tuple[str, str]]:
    """A root and its child, made with labels alone; removed afterwards."""
    root, child = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("dev", "amy"))
    for name in (root, child):
        cluster("create", "namespace", name)
        cluster("label", "namespace", name, "azds.io/space=true")
    cluster("label", "namespace", child, f"azds.io/parent-space={root}")
    yield root, child
    cluster("delete", "namespace", root, child, "--wait=false")


def make_service(inside: Kubectl, name: str, instance: str) -> None:
    """Make a Service that nobody selects pods for, and say by hand who is behind it."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }
    instances = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{name}-by-hand", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [instance], "conditions": {"ready": True}}],
        "ports": [{"name": "http", "port": 8080}],
    }
    for item in (service, instances):
        inside("create", "-f", "-", stdin=item)


def test_overrides_and_what_falls_back(explain: Explain, cluster: Kubectl, spaces: tuple[str, str]) -> None:
    root, child = spaces
    for space, name, instance in ((root, "web", 1), (root, "api", 2), (child, "api", 3)):
        make_service(cluster.within(space), name, f"10.254.0.{instance}")
    address = cluster.within(child).read("service", "api")["spec"]["clusterIP"]
    header = ("--header", f"azds-route-as: {child}")

    for host in (f"api.{root}", f"api.{root}.svc", f"api.{root}.svc.cluster.local."):
        found = explain(f"http://{host}/", *header)
        assert (found["addressed"], found["answer"], found["reason"]) == (root, child, "OVERRIDDEN")
        assert found["sockets"] == ["10.254.0.3:8080"] and found["chain"] == [child, root]
    assert explain(f"http://web.{root}", *header)["reason"] == "INHERITED"
    assert explain(f"http://{address}", *header)["reason"] == "OWN"
    assert explain(f"http://api.{root}")["answer"] == root

    told = explain.try_run(f"http://web.{child}")
    assert told.code == 4 and f"web.{root}" in told.stderr

    aliases = json.dumps({address: {"service": "api"}})
    cluster.within(child)("delete", "service", "api")
    cluster("annotate", "namespace", child, f"alcove.dev/aliases={aliases}")
    removed = explain(f"http://{address}", *header)
    assert (removed["answer"], removed["reason"]) == (root, "FALLEN_BACK")


def test_a_pod_asks_for_its_space_and_headless_instances_are_found(
    explain: Explain, cluster: Kubectl, spaces: tuple[str, str]
) -> None:
    root, child = spaces
    inside = cluster.within(child)
    inside("create", "service", "clusterip", "web", "--clusterip=None", "--tcp=80:8080")
    inside("run", "web", f"--image={IMAGE}", "--labels=app=web", "--", "sleep", "600")
    cluster.within(root)("create", "service", "clusterip", "web", "--tcp=80:8080")
    inside("wait", "pod/web", "--for=condition=Ready", "--timeout=60s")
    ip = inside.read("pod", "web")["status"]["podIP"]
    ready = "--for=jsonpath={.endpoints[0].conditions.ready}=true"
    inside("wait", "endpointslices", "-l", "kubernetes.io/service-name=web", ready, "--timeout=60s")

    found = explain("--from", f"{child}/web", f"http://web.{root}")
    assert (found["key"], found["carrier"]) == (child, "caller's space")
    assert (found["answer"], found["sockets"]) == (child, [f"{ip}:8080"])
    told = explain.try_run("--from", f"{child}/we", f"http://web.{root}")
    assert told.code == 4 and f"did you mean {child}/web?" in told.stderr
    inside("delete", "pod", "web", "--grace-period=0", "--force")


def test_a_child_enters_by_its_prefix(explain: Explain, cluster: Kubectl, spaces: tuple[str, str]) -> None:
    root, child = spaces
    for number, space in enumerate(spaces, 1):
        make_service(cluster.within(space), "web", f"10.254.0.{number}")
    host = f"{root}.web.example.test"
    cluster.within(root)("create", "ingress", "web", "--class=alcove", f"--rule={host}/*=web:80")

    assert explain(f"https://{host}/x")["answer"] == root
    found = explain(f"https://{child}.s.{host}/x")
    assert (found["key"], found["carrier"], found["answer"]) == (child, "entry host", child)
    table = explain.try_run(f"http://{child}.s.{host}")
    assert table.code == 0 and f"answers     web of {child}" in table.stdout
    assert f"{child} has a version of web of its own" in table.stdout
