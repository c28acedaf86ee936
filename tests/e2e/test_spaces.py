"""Spaces on a cluster, by the real commands: a newcomer's session, and a user with one namespace only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.busybox import IMAGE
from tests.e2e.conftest import FOREIGN
from tests.e2e.kubectl import Kubectl, Outcome

pytestmark = pytest.mark.timeout(120)

BINDING = "rolebinding/alcove-space"
OBEDIENT = ("sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait")
"""A command that ends when it is told to, so that nobody waits for a grace period."""


@dataclass(frozen=True)
class Alcove:
    """The command, as one user has it."""

    kubeconfig: Path
    settings: Path

    def try_run(self, *arguments: str, answers: str = "") -> Outcome:
        """Run a command that may fail."""
        done = subprocess.run(
            [sys.executable, "-m", "alcove", *arguments],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "XDG_CONFIG_HOME": str(self.settings)},
            input=answers,
            capture_output=True,
            text=True,
            timeout=100,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def __call__(self, *arguments: str, answers: str = "") -> Outcome:
        """Run a command that must succeed."""
        outcome = self.try_run(*arguments, answers=answers)
        assert outcome.code == 0, f"alcove {' '.join(arguments)}: {outcome.stderr}"
        return outcome

    def rows(self) -> dict[str, dict[str, Any]]:
        """Give the list of spaces by name."""
        return {row["name"]: row for row in json.loads(self("space", "list", "-o", "json").stdout)}


@pytest.fixture
def alcove(kubeconfig: Path, tmp_path: Path) -> Alcove:
    return Alcove(kubeconfig, tmp_path / "settings")


@pytest.fixture
def names(cluster: Kubectl) -> Iterator[dict[str, str]]:
    """Names of namespaces of the test's own; what is left of them is removed afterwards."""
    chosen = {name: f"{name}-{uuid.uuid4().hex[:8]}" for name in ("dev", "alice", "bob")}
    yield chosen
    cluster("delete", "namespace", *chosen.values(), "--ignore-not-found", "--wait=false")


def test_a_newcomers_session(alcove: Alcove, cluster: Kubectl, names: dict[str, str]) -> None:
    dev, alice = names["dev"], names["alice"]
    child = f"{dev}/{alice}"
    assert f"Space '{dev}' created" in alcove("space", "create", dev).stderr
    assert f"Space '{child}' created" in alcove("space", "create", child).stderr
    for space, services in ((dev, ("web", "db")), (alice, ("web",))):
        for service in services:
            cluster.within(space)("create", "service", "clusterip", service, "--tcp=80")

    assert f"Space '{child}' is selected" in alcove("space", "select", child).stderr
    rows = alcove.rows()
    assert rows[alice]["selected"] and rows[alice]["parent"] == dev and not rows[dev]["selected"]
    assert f"*  {child}" in alcove("space", "list").stdout
    assert child in alcove("show-context").stdout
    shown = json.loads(alcove("space", "show", "-o", "json").stdout)
    assert shown["chain"] == [alice, dev]
    assert shown["services"] == {"own": [], "overrides": {"web": dev}, "inherits": {"db": dev}}

    assert "nothing changed" in alcove("space", "create", child).stderr
    refused = alcove.try_run("space", "remove", dev, "-y")
    assert refused.code == 4 and child in refused.stderr
    asked = alcove("space", "remove", alice, answers="y\n")
    assert "1 service" in asked.stderr and "are gone" in asked.stderr
    assert cluster.try_run("get", "namespace", alice).code != 0
    assert "nothing to remove" in alcove("space", "remove", alice).stderr
    alcove("space", "remove", dev, "-y")


def test_the_account_of_a_space_may_act_in_it_and_nowhere_else(
    alcove: Alcove, cluster: Kubectl, names: dict[str, str]
) -> None:
    for name in (names["alice"], names["bob"]):
        alcove("space", "create", name)
    account = f"--as=system:serviceaccount:{names['alice']}:alcove-space"
    for right in ("create deployments.apps", "list secrets", "create rolebindings.rbac.authorization.k8s.io"):
        here = cluster.within(names["alice"]).try_run("auth", "can-i", *right.split(), account)
        there = cluster.within(names["bob"]).try_run("auth", "can-i", *right.split(), account)
        assert (here.stdout.strip(), there.stdout.strip()) == ("yes", "no")


def test_a_namespace_becomes_a_space_and_an_ordinary_one_again(
    alcove: Alcove, cluster: Kubectl, names: dict[str, str]
) -> None:
    name = names["dev"]
    cluster("create", "namespace", name)
    inside = cluster.within(name)
    inside("create", "deployment", "web", f"--image={IMAGE}", "--", *OBEDIENT)
    inside("rollout", "status", "deployment/web", "--timeout=60s")
    (before,) = inside.read("pods")["items"]

    declined = alcove.try_run("space", "create", name, answers="n\n")
    assert declined.code == 130 and "will be configured as the space" in declined.stderr
    assert name not in alcove.rows()
    assert "web" in alcove("space", "create", name, answers="y\n").stderr
    assert "Deployment 'web' restarted" in alcove("space", "create", name, "--restart").stderr
    inside("wait", "--for=delete", f"pod/{before['metadata']['name']}", "--timeout=60s")
    inside("rollout", "status", "deployment/web", "--timeout=60s")

    assert name in alcove.rows()
    alcove("space", "remove", name, "--no-delete")
    assert name not in alcove.rows()
    assert inside.try_run("get", BINDING).code != 0
    assert inside.read("deployment/web")["status"]["readyReplicas"] == 1
    assert "nothing to remove" in alcove("space", "remove", name, "--no-delete").stderr


def test_what_holds_a_removal_is_told(alcove: Alcove, cluster: Kubectl, names: dict[str, str]) -> None:
    name = names["dev"]
    alcove("space", "create", name)
    inside = cluster.within(name)
    inside("create", "configmap", "held")
    inside("patch", "configmap", "held", "-p", '{"metadata":{"finalizers":["example.com/keep"]}}')
    # Kubernetes looks at what is left of a namespace in rounds of some seconds.
    stuck = alcove.try_run("space", "remove", name, "-y", "--timeout", "30" if FOREIGN else "3")
    assert stuck.code == 3 and "example.com/keep" in stuck.stderr, stuck.stderr
    inside("patch", "configmap", "held", "-p", '{"metadata":{"finalizers":null}}')
    alcove("space", "remove", name)  # it waits for the rest, if there is any
    assert cluster.try_run("get", "namespace", name).code != 0


# -------------------------------------------------------------- a user whose rights end with one namespace


@dataclass(frozen=True)
class Developer:
    """A user with the role admin in one space, and no other right."""

    alcove: Alcove
    kubectl: Kubectl
    space: str
    others: str
    """The space of somebody else."""


@pytest.fixture
def developer(alcove: Alcove, cluster: Kubectl, names: dict[str, str], tmp_path: Path) -> Developer:
    dev, alice = names["dev"], names["alice"]
    alcove("space", "create", dev)
    alcove("space", "create", f"{dev}/{alice}")
    inside = cluster.within(alice)
    inside("create", "serviceaccount", "developer")
    inside("create", "rolebinding", "developer", "--clusterrole=admin", f"--serviceaccount={alice}:developer")
    config = cluster("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
    token = inside("create", "token", "developer").strip()
    path = tmp_path / "developer"
    path.write_text(json.dumps(_with_token(json.loads(config), token)))
    own = Alcove(path, tmp_path / "developers-settings")
    return Developer(own, replace(cluster, kubeconfig=path, namespace=alice), alice, dev)


def _with_token(config: dict[str, Any], token: str) -> dict[str, Any]:
    context = {**config["contexts"][0]["context"], "user": "developer"}
    return {
        **config,
        "users": [{"name": "developer", "user": {"token": token}}],
        "contexts": [{"name": config["contexts"][0]["name"], "context": context}],
    }


def test_a_developer_works_in_their_own_space(developer: Developer) -> None:
    path = f"{developer.others}/{developer.space}"
    assert f"Space '{path}' is selected" in developer.alcove("space", "select", developer.space).stderr
    listed = developer.alcove("space", "list")
    assert f"*  {path}" in listed.stdout and "may not list" in listed.stderr
    shown = developer.alcove("space", "show")
    assert "not known" in shown.stderr and developer.others in shown.stdout
    assert "nothing changed" in developer.alcove("space", "create", path).stderr

    kubectl = developer.kubectl
    web = ["--", "sh", "-c", "echo hello > /tmp/index.html; httpd -f -p 8080 -h /tmp"]
    kubectl("run", "web", f"--image={IMAGE}", "--restart=Never", "--command", *web)
    kubectl("wait", "pod", "web", "--for=condition=Ready", "--timeout=60s")
    with kubectl.running("port-forward", "pod/web", ":8080") as forward:
        assert forward.stdout is not None
        assert "Forwarding from" in forward.stdout.readline()


def test_a_developer_cannot_read_change_or_forward_into_another_space(
    developer: Developer, cluster: Kubectl
) -> None:
    there = cluster.within(developer.others)
    there("run", "web", f"--image={IMAGE}", "--restart=Never", "--command", "--", "sleep", "600")
    there("wait", "pod", "web", "--for=condition=Ready", "--timeout=60s")
    for command in (["select"], ["show"], ["remove", "-y"], ["remove", "--no-delete"]):
        refused = developer.alcove.try_run("space", *command, developer.others)
        assert refused.code == 4 and "may not see" in refused.stderr

    outside = developer.kubectl.within(developer.others)
    forward = f"/api/v1/namespaces/{developer.others}/pods/web/portforward?ports=80"
    for arguments in (
        ["get", "pods"],
        ["get", "secrets"],
        ["create", "configmap", "x"],
        ["label", "namespace", developer.others, "azds.io/space-"],
        ["delete", "pod", "web"],
        ["port-forward", "pod/web", ":80"],
        ["get", "--raw", forward],
        ["exec", "web", "--", "true"],
    ):
        refused = outside.try_run(*arguments)
        assert refused.code != 0 and "orbidden" in refused.stderr, arguments
    assert there.read("pod/web")["status"]["phase"] == "Running"


def test_a_developer_is_told_which_right_is_missing_and_the_hint_gives_it(
    developer: Developer, cluster: Kubectl, names: dict[str, str]
) -> None:
    refused = developer.alcove.try_run("space", "create", names["bob"])
    assert refused.code == 1 and "you may not create namespaces" in refused.stderr
    removal = ("space", "remove", developer.space, "--no-delete")
    refused = developer.alcove.try_run(*removal)
    assert refused.code == 1 and f"you may not patch namespaces (here '{developer.space}')" in refused.stderr
    assert developer.kubectl.try_run("get", BINDING).code == 0
    grants = [line.split()[1:] for line in refused.stderr.splitlines() if line.startswith("  kubectl ")]
    assert len(grants) == 2
    for grant in grants:
        cluster(*grant)
    assert "ordinary namespace again" in developer.alcove(*removal).stderr
    assert developer.kubectl.try_run("get", BINDING).code != 0
