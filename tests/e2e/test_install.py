"""Alcove into a cluster and out of it: by ``alcove enable``, and by its Helm chart."""

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

import helm_python
import pytest
import yaml

from tests.e2e.kubectl import Kubectl, Outcome
from tests.e2e.spaces import until
from tests.e2e.test_kubectl import deployment

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]

CHART = Path(__file__).parents[2] / "deploy" / "chart"
REGISTRY = os.environ.get("ALCOVE_E2E_REGISTRY", "")
ACCOUNT = "system:serviceaccount:azds:alcove-controlplane"
CLUSTER_WIDE = (
    "clusterroles,clusterrolebindings,ingressclasses,mutatingwebhookconfigurations,customresourcedefinitions"
)


@dataclass(frozen=True)
class Alcove:
    """The alcove command of a user with a directory and a kubeconfig of their own."""

    kubeconfig: Path
    directory: Path

    def try_run(self, *arguments: str) -> Outcome:
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "XDG_CONFIG_HOME": str(self.directory),
        }
        done = subprocess.run(
            [sys.executable, "-m", "alcove", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def __call__(self, *arguments: str) -> str:
        """Run a command that must succeed; give its stdout."""
        outcome = self.try_run(*arguments)
        assert outcome.code == 0, f"alcove {' '.join(arguments)}: {outcome.stderr}\n{outcome.stdout}"
        return outcome.stdout

    def read(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "-o", "json"))

    def enable(self, *arguments: str) -> str:
        """Enable, with the images that the cluster can get; give what was said."""
        images = ["--image-registry", REGISTRY] if REGISTRY else []
        outcome = self.try_run("enable", "-y", *images, *arguments)
        assert outcome.code == 0, outcome.stderr
        return outcome.stderr


@pytest.fixture(scope="module")
def free(cluster: Kubectl) -> None:
    """Make sure that nobody uses Alcove on a cluster that is not ours."""
    if cluster.try_run("get", "configmap", "alcove", "-n", "azds").code == 0:
        pytest.skip("Alcove is installed on this cluster already: these tests would remove it")


@pytest.fixture(scope="module")
def space(cluster: Kubectl) -> Iterator[str]:
    name = f"e2e-first-{uuid.uuid4().hex[:6]}"
    yield name
    cluster("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture(scope="module")
def alcove(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Alcove:
    return Alcove(kubeconfig, tmp_path_factory.mktemp("user"))


@pytest.fixture(scope="module")
def installed(free: None, cluster: Kubectl, alcove: Alcove, space: str) -> Iterator[Alcove]:
    """Enable the cluster for the tests of this module, over a namespace that others made."""
    cluster("create", "namespace", "azds")
    cluster("create", "configmap", "theirs", "-n", "azds")
    said = alcove.enable("--space", space)
    assert "Control plane and gateway are ready" in said and f"in the space '{space}'" in said
    yield alcove
    alcove("disable", "-y")


def test_a_namespace_of_others_was_replaced(installed: Alcove, cluster: Kubectl) -> None:
    assert cluster("get", "configmap", "theirs", "-n", "azds", "--ignore-not-found") == ""
    assert installed.read("show-context")["hostSuffix"]


def test_enabling_again_changes_nothing(installed: Alcove, cluster: Kubectl, space: str) -> None:
    def generations() -> list[int]:
        found = cluster.read("deployments", "-n", "azds")["items"]
        return [item["metadata"]["generation"] for item in found]

    before = generations()
    assert f"in the space '{space}'" in installed.enable()
    assert generations() == before


def test_status_and_doctor_find_all_well(installed: Alcove) -> None:
    status = installed.read("status")
    assert [part["status"] for part in status["components"]] == ["Ready", "Ready"]
    checks = installed.read("doctor")
    assert not [one for one in checks if one["result"] == "fail"]
    results = {one["check"]: one["result"] for one in checks}
    assert results["webhook"] == results["gateway answers"] == results["certificates"] == "ok"
    flown = {name: result for name, result in results.items() if name.startswith("canary")}
    assert len(flown) >= 4 and set(flown.values()) == {"ok"}


def test_pods_of_the_space_are_counted_and_listed(installed: Alcove, cluster: Kubectl, space: str) -> None:
    inside = cluster.within(space)
    inside("create", "-f", "-", stdin=deployment("web"))
    inside("expose", "deployment", "web", "--port", "80")
    inside("rollout", "status", "deployment/web", "--timeout=60s", seconds=90)
    (row,) = [one for one in installed.read("status")["spaces"] if one["space"] == space]
    assert (row["connected"], row["missed"], row["outdated"]) == (1, 0, 0)
    rows = installed.read("list-up")
    assert [(one["type"], one["status"]) for one in rows] == [("Service", "Running"), ("Pod", "Running")]
    assert rows[0]["name"] == "web"


@pytest.mark.parametrize(
    ("allowed", "question"),
    [
        (True, "list services --all-namespaces"),
        (True, "watch pods --all-namespaces"),
        (True, "create tokenreviews.authentication.k8s.io"),
        (True, "get secrets/alcove-certificates -n azds"),
        (True, "patch mutatingwebhookconfigurations/alcove"),
        (True, "create ingresses.networking.k8s.io --all-namespaces"),
        (True, "create pods -n azds-build"),
        (True, "delete pods -n azds-build"),
        (False, "get secrets --all-namespaces"),
        (False, "list secrets -n azds"),
        (False, "get secrets/other -n azds"),
        (False, "patch mutatingwebhookconfigurations/other"),
        (False, "delete mutatingwebhookconfigurations/alcove"),
        (False, "create pods --all-namespaces"),
        (False, "create pods -n azds"),
        (False, "create pods --subresource=exec -n azds-build"),
        (False, "get secrets -n azds-build"),
        (False, "patch sessions.alcove.dev --all-namespaces"),
        (False, "create deployments.apps -n azds"),
        (False, "create pods --subresource=exec --all-namespaces"),
        (False, "create pods --subresource=portforward --all-namespaces"),
        (False, "create serviceaccounts --subresource=token -n azds"),
        (False, "delete namespaces"),
        (False, "create namespaces"),
        (False, "patch services --all-namespaces"),
        (False, "create rolebindings.rbac.authorization.k8s.io --all-namespaces"),
        (False, "escalate clusterroles.rbac.authorization.k8s.io"),
        (False, "impersonate users"),
    ],
)
def test_the_control_plane_may_what_it_needs_and_no_more(
    installed: Alcove, cluster: Kubectl, allowed: bool, question: str
) -> None:
    outcome = cluster.try_run("auth", "can-i", *question.split(), f"--as={ACCOUNT}")
    assert outcome.stdout.splitlines()[-1] == ("yes" if allowed else "no"), outcome.stderr


def test_the_gateway_may_nothing(installed: Alcove, cluster: Kubectl) -> None:
    account = "--as=system:serviceaccount:azds:alcove-gateway"
    for question in ("get configmaps -n azds", "list pods -n azds", "get secrets -n azds"):
        assert cluster.try_run("auth", "can-i", *question.split(), account).stdout.strip() == "no"


@pytest.mark.parametrize(
    ("allowed", "question"),
    [
        (True, "create sessions.alcove.dev"),
        (True, "patch sessions.alcove.dev --subresource=status"),
        (True, "list pods -n azds-build"),
        (True, "get configmaps/alcove -n azds"),
        (False, "create pods -n azds-build"),
        (False, "create pods --subresource=exec -n azds-build"),
        (False, "list sessions.alcove.dev -n default"),
    ],
)
def test_the_account_of_a_space_may_what_a_hub_needs(
    installed: Alcove, cluster: Kubectl, space: str, allowed: bool, question: str
) -> None:
    account = f"--as=system:serviceaccount:{space}:alcove-space"
    groups = [f"--as-group=system:{one}" for one in ("serviceaccounts", "authenticated")]
    where = () if "-n" in question.split() else ("-n", space)
    outcome = cluster.try_run("auth", "can-i", *question.split(), *where, account, *groups)
    assert outcome.stdout.splitlines()[-1] == ("yes" if allowed else "no"), outcome.stderr


def test_everybody_learns_where_the_control_plane_is(installed: Alcove, cluster: Kubectl) -> None:
    def told() -> bool:
        found = cluster.within("azds").read("configmap", "alcove")["data"]
        return "BEGIN CERTIFICATE" in found.get("trust", "") and found["controlPlane"].endswith(":443")

    assert until(told)


def test_no_endpoint_takes_the_gateway_away_and_public_brings_it_back(
    installed: Alcove, cluster: Kubectl
) -> None:
    assert "Deployment 'alcove-gateway' removed" in installed.enable("-e", "none")
    assert (
        cluster("get", "deployment,service,pdb", "alcove-gateway", "-n", "azds", "--ignore-not-found") == ""
    )
    assert installed.read("status")["endpoint"] == "none" and not installed.read("show-context")["hostSuffix"]
    assert "are ready" in installed.enable("-e", "public")
    assert len(installed.read("status")["components"]) == 2


def test_a_user_of_one_namespace_is_told_what_is_missing(
    installed: Alcove, cluster: Kubectl, space: str, tmp_path: Path
) -> None:
    config = yaml.safe_load(cluster("config", "view", "--raw", "--flatten", "--minify"))
    token = cluster("create", "token", "alcove-space", "-n", space).strip()
    config["users"] = [{"name": "dev", "user": {"token": token}}]
    config["contexts"][0]["context"]["user"] = "dev"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    user = Alcove(tmp_path / "kubeconfig", tmp_path)
    refused = user.try_run("enable", "-y", "--space", space)
    assert refused.code == 4 and "you lack rights that installing takes" in refused.stderr
    assert user.try_run("disable", "-y").code == 1
    assert user.read("show-context")["hostSuffix"] == installed.read("show-context")["hostSuffix"]
    status = user.read("status")
    assert [part["status"] for part in status["components"]] == ["Ready", "Ready"]
    assert status["spaces"] is None


@pytest.mark.usefixtures("free")
def test_disabling_leaves_spaces_and_nothing_else(
    alcove: Alcove, cluster: Kubectl, installed: Alcove, space: str
) -> None:
    outcome = alcove.try_run("disable", "-y")
    assert outcome.code == 0 and "keep their proxies" in outcome.stderr
    assert cluster("get", "namespace", "azds", "azds-build", "--ignore-not-found") == ""
    assert cluster.within(space)("get", "serviceaccount", "alcove-space", "--ignore-not-found") == ""
    assert cluster("get", CLUSTER_WIDE, "-l", "app.kubernetes.io/name=alcove", "-o", "name") == ""
    assert cluster.read("namespace", space)["metadata"]["labels"]["azds.io/space"] == "true"
    assert cluster.within(space).read("deployment", "web")["status"]["readyReplicas"] == 1
    again = alcove.try_run("disable", "-y")
    assert again.code == 0 and "nothing to remove" in again.stderr


@pytest.fixture
def chart(free: None, installed: Alcove, cluster: Kubectl, kubeconfig: Path) -> Iterator[helm_python.Config]:
    installed("disable", "-y")
    values = {"imageRegistry": REGISTRY} if REGISTRY else {}
    with helm_python.Config(kubeconfig_path=kubeconfig, namespace="azds") as helm:
        helm.install(
            CHART, "mine", values, namespace="azds", create_namespace=True, wait="watcher", timeout=120
        )
        yield helm
        helm.uninstall("mine", wait="watcher", timeout=120)
    cluster("delete", "namespace", "azds", seconds=120)


def test_the_chart_installs_the_same_and_is_left_to_helm(
    chart: helm_python.Config, alcove: Alcove, cluster: Kubectl
) -> None:
    status = alcove.read("status")
    assert [part["status"] for part in status["components"]] == ["Ready", "Ready"]
    checks = alcove.read("doctor", "--no-canary")
    assert not [one for one in checks if one["result"] == "fail"]
    for command in ("enable", "disable"):
        refused = alcove.try_run(command, "-y")
        assert refused.code == 4 and "by Helm" in refused.stderr
