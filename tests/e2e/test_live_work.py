"""What live work needs of a cluster: late images, ports of pods that begin, roles, volumes, careful rollouts.

Everything goes through the API, so that all but the node's own door for images holds on any cluster.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alcove import __version__
from alcove.kube.access import load_access
from alcove.kube.client import KubeClient
from alcove.kube.errors import UnreachableError
from alcove.kube.http import open_client
from tests.e2e.busybox import IMAGE
from tests.e2e.conftest import FOREIGN
from tests.e2e.kubectl import Kubectl
from tests.e2e.spaces import until
from tests.e2e.test_clients import write_chart
from tests.e2e.test_kubectl import deployment, pod

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
embedded_only = pytest.mark.skipif(bool(FOREIGN), reason="asks the embedded cluster's node")

SESSION = "s0123456789abcdef00000001"
ALCOVE = f"alcove/alcove:{__version__}"
DOCKERFILE = f'FROM {IMAGE}\nARG WORD\nCOPY . /app\nENV WORD=$WORD\nENTRYPOINT ["sh", "/app/run"]\n'
BUILD = """
import asyncio, io, json, sys, tarfile
import aiohttp

async def main(name, dockerfile, *arguments):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, text in (("Dockerfile", dockerfile), ("run", "echo the word is $WORD; sleep 600")):
            member = tarfile.TarInfo(path)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    query = [("name", name), *(("arg", argument) for argument in arguments)]
    connector = aiohttp.UnixConnector("/run/alcove/images.sock")
    async with aiohttp.ClientSession(connector=connector) as http:
        async with http.post("http://node/build", params=query, data=packed.getvalue()) as response:
            async for line in response.content:
                print(line.decode(), end="")

asyncio.run(main(*sys.argv[1:]))
"""


def apply(kubectl: Kubectl, *items: dict[str, Any]) -> None:
    kubectl("apply", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": list(items)})


def waiting_for(image: str, name: str = "late", **spec: Any) -> dict[str, Any]:
    """Give a pod of an image that is never pulled."""
    made = pod(name, "", **spec)
    made["spec"]["containers"] = [{"name": "main", "image": image, "imagePullPolicy": "Never"}]
    return made


def show(kubectl: Kubectl, name: str, path: str) -> str:
    """Give a field of a pod's status."""
    return kubectl("get", "pod", name, "-o", f"jsonpath={{.status.{path}}}")


def reason(kubectl: Kubectl, name: str) -> str:
    return show(kubectl, name, "containerStatuses[0].state.waiting.reason")


def begins(kubectl: Kubectl, name: str) -> bool:
    """Tell whether an init container of the pod runs."""
    return "running" in show(kubectl, name, "initContainerStatuses")


# ------------------------------------------------------------------------------------------------- images


def builder(kubectl: Kubectl) -> dict[str, Any]:
    """Give a pod that reaches the node's door for images, with no more rights than it needs."""
    node = kubectl.read("nodes")["items"][0]
    endpoint = node["metadata"]["annotations"]["alcove.dev/image-endpoint"]
    assert node["status"]["nodeInfo"]["containerRuntimeVersion"] == f"alcove://{__version__}"
    made = pod("builder", "")
    made["spec"]["containers"] = [
        {
            "name": "main",
            "image": f"alcove/builder:{__version__}",
            "command": ["sleep", "600"],
            "securityContext": {"runAsUser": 0, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "door", "mountPath": "/run/alcove/images.sock"}],
        }
    ]
    path = endpoint.removeprefix("unix://")
    made["spec"]["volumes"] = [{"name": "door", "hostPath": {"path": path, "type": "Socket"}}]
    return made


@pytest.fixture
def build(kubectl: Kubectl) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Builds in a pod; gives what was answered."""
    apply(kubectl, builder(kubectl))
    kubectl("wait", "pod/builder", "--for=condition=Ready", "--timeout=30s")

    def run(name: str, *arguments: str, dockerfile: str = DOCKERFILE) -> list[dict[str, Any]]:
        argv = [sys.executable, "-c", BUILD, name, dockerfile, *arguments]
        return [json.loads(line) for line in kubectl("exec", "builder", "--", *argv).splitlines()]

    yield run


@embedded_only
def test_a_pod_builds_an_image_that_another_one_waits_for(
    kubectl: Kubectl, build: Callable[..., list[dict[str, Any]]]
) -> None:
    image = f"{kubectl.namespace}/web:{SESSION}-1"
    apply(kubectl, waiting_for(image))
    until(lambda: reason(kubectl, "late") == "ErrImageNeverPull")
    until(lambda: "Error: ErrImageNeverPull" in kubectl("describe", "pod", "late"))
    assert f'Container image "{image}" is not present with pull policy of Never' in kubectl(
        "describe", "pod", "late"
    )
    lines = build(image, "WORD=alcove")
    assert lines[0] == {"line": f"Step 1/5 : FROM {IMAGE}"}
    assert lines[-1]["image"]["entrypoint"] == ["sh", "/app/run"]
    kubectl("wait", "pod/late", "--for=condition=Ready", "--timeout=5s")
    until(lambda: kubectl("logs", "late") == "the word is alcove\n")


@embedded_only
def test_an_image_is_looked_up_when_init_containers_have_ended(
    kubectl: Kubectl, build: Callable[..., list[dict[str, Any]]]
) -> None:
    image = f"{kubectl.namespace}/web:{SESSION}-1"
    script = "until [ -e /gate/open ]; do sleep 0.1; done"
    mounts = [{"name": "gate", "mountPath": "/gate"}]
    gate = {"name": "gate", "image": IMAGE, "command": ["sh", "-c", script], "volumeMounts": mounts}
    apply(kubectl, waiting_for(image, initContainers=[gate], volumes=[{"name": "gate", "emptyDir": {}}]))
    until(lambda: begins(kubectl, "late"))
    build(image, "WORD=late")
    kubectl("exec", "late", "-c", "gate", "--", "touch", "/gate/open")
    kubectl("wait", "pod/late", "--for=condition=Ready", "--timeout=30s")
    assert "ErrImageNeverPull" not in kubectl("describe", "pod", "late")


@embedded_only
def test_builds_of_a_session_replace_each_other_but_for_those_that_pods_use(
    kubectl: Kubectl, build: Callable[..., list[dict[str, Any]]]
) -> None:
    images = [f"{kubectl.namespace}/web:{SESSION}-{number}" for number in range(1, 4)]
    build(images[0], "WORD=one")
    apply(kubectl, waiting_for(images[0], "one"))
    kubectl("wait", "pod/one", "--for=condition=Ready", "--timeout=30s")
    for image in images[1:]:
        build(image, f"WORD={image}")

    def starts(image: str) -> bool:
        kubectl("delete", "pod", "again", "--ignore-not-found", "--grace-period=0", "--force")
        apply(kubectl, waiting_for(image, "again"))
        until(
            lambda: (
                reason(kubectl, "again")
                or kubectl(
                    "get", "pod", "again", "-o", "jsonpath={.status.containerStatuses[0].state.running}"
                )
            )
        )
        return not reason(kubectl, "again")

    until(lambda: not starts(images[1]))
    assert starts(images[0]) and starts(images[2])


@embedded_only
def test_a_build_that_fails_says_where(kubectl: Kubectl, build: Callable[..., list[dict[str, Any]]]) -> None:
    lines = build("x/y:1", dockerfile=f"FROM {IMAGE}\nRUN echo trying && false\n")
    assert {"line": "trying"} in lines
    assert "Dockerfile:2" in lines[-1]["error"]
    answer = build("x/y:1", dockerfile="FROM nope\nCOPY none /\n")[-1]
    assert set(answer) == {"error", "hint"}


# -------------------------------------------------------------------------------------------------- ports


@pytest.fixture
async def client(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with open_client(await load_access({}, kubeconfig=kubeconfig)) as client:
        yield client
    await asyncio.sleep(0.5)  # a WebSocket's TLS says goodbye after the client has gone


async def test_ports_are_reached_while_init_containers_run(kubectl: Kubectl, client: KubeClient) -> None:
    serve = {"name": "serve", "image": IMAGE, "command": ["sh", "-c", "mkdir /w && httpd -f -p 8080 -h /w"]}
    apply(kubectl, pod("begins", "sleep 600", initContainers=[serve]))
    until(lambda: begins(kubectl, "begins"))
    assert show(kubectl, "begins", "phase") == "Pending"
    async with client.connect(kubectl.namespace, "begins", 8080) as stream:
        await stream.write(b"GET / HTTP/1.0\r\n\r\n")
        assert (await stream.read()).startswith(b"HTTP/1")
    with pytest.raises(UnreachableError, match="refused"):
        async with client.connect(kubectl.namespace, "begins", 8081) as stream:
            await stream.read()


async def test_a_port_carries_much_both_ways(kubectl: Kubectl, client: KubeClient) -> None:
    apply(kubectl, pod("echo", "nc -l -p 7000 -e cat; sleep 600"))
    kubectl("wait", "pod/echo", "--for=condition=Ready", "--timeout=30s")
    sent = bytes(range(256)) * 256
    async with client.connect(kubectl.namespace, "echo", 7000) as stream:
        for _ in range(64):
            await stream.write(sent)
            received = b""
            while len(received) < len(sent):
                received += await stream.read()
            assert received == sent


# -------------------------------------------------------------------------------------- sessions and roles


def session_definition(group: str) -> dict[str, Any]:
    phases = {"type": "string", "enum": ["Building", "Running"]}
    properties = {
        "spec": {"type": "object", "required": ["service"], "properties": {"service": {"type": "string"}}},
        "status": {"type": "object", "properties": {"phase": phases}},
    }
    columns = [("Service", "string", ".spec.service"), ("Phase", "string", ".status.phase")]
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path} for name, kind, path in columns
        ],
    }
    names = {"plural": "sessions", "singular": "session", "kind": "Session", "listKind": "SessionList"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"sessions.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def aggregated_role(group: str, into: str, verbs: list[str]) -> dict[str, Any]:
    labels = {f"rbac.authorization.k8s.io/aggregate-to-{into}": "true"}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"{group}-{into}", "labels": labels},
        "rules": [{"apiGroups": [group], "resources": ["sessions", "sessions/status"], "verbs": verbs}],
    }


@pytest.fixture
def group(kubectl: Kubectl, cluster: Kubectl) -> Iterator[str]:
    """A group with Sessions, and the roles for them that admin, edit and view gather."""
    group = f"{kubectl.namespace}.example.com"
    roles = [
        aggregated_role(group, into, verbs)
        for into, verbs in (("admin", ["*"]), ("edit", ["get", "create", "patch"]), ("view", ["get", "list"]))
    ]
    apply(cluster, session_definition(group), *roles)
    cluster("wait", f"crd/sessions.{group}", "--for=condition=Established", "--timeout=20s")
    yield group
    cluster("delete", "crd", f"sessions.{group}")
    cluster("delete", "clusterrole", *(role["metadata"]["name"] for role in roles))


def test_sessions_are_shown_and_their_status_is_apart(kubectl: Kubectl, group: str) -> None:
    one = {
        "apiVersion": f"{group}/v1",
        "kind": "Session",
        "metadata": {"name": "s"},
        "spec": {"service": "web"},
    }
    resource = f"sessions.{group}"
    apply(kubectl, one)
    with kubectl.running("get", resource, "--watch", "--output-watch-events", "--no-headers") as watching:
        assert watching.stdout is not None
        assert "ADDED" in watching.stdout.readline()
        status = ("patch", resource, "s", "--subresource=status", "--type=merge", "-p")
        kubectl(*status, '{"status":{"phase":"Building"}}')
        assert "MODIFIED" in watching.stdout.readline()
    kubectl("patch", resource, "s", "--type=merge", "-p", '{"status":{"phase":"Running"}}')
    rows = [line.split() for line in kubectl("get", resource).splitlines()]
    assert rows == [["NAME", "SERVICE", "PHASE"], ["s", "web", "Building"]]
    refused = kubectl.try_run(*status, '{"status":{"phase":"Nope"}}')
    assert refused.code == 1 and "status.phase" in refused.stderr


SPACE_MAY = (
    "list secrets",
    "create secrets",
    "create deployments.apps",
    "create services",
    "create ingresses.networking.k8s.io",
    "create roles.rbac.authorization.k8s.io",
    "create persistentvolumeclaims",
    "create pods --subresource=portforward",
    "create pods --subresource=exec",
    "get pods --subresource=log",
    "create pods --subresource=eviction",
)


def test_the_account_of_a_space_may_do_what_its_admins_may(kubectl: Kubectl, group: str) -> None:
    kubectl("create", "serviceaccount", "space")
    account = f"{kubectl.namespace}:space"
    kubectl("create", "rolebinding", "space", "--clusterrole=admin", f"--serviceaccount={account}")
    robot = f"--as=system:serviceaccount:{account}"
    wanted = (
        *SPACE_MAY,
        f"deletecollection sessions.{group}",
        f"patch sessions.{group} --subresource=status",
    )

    def may(what: str) -> bool:
        return kubectl.try_run("auth", "can-i", *what.split(), robot).stdout.strip() == "yes"

    until(lambda: may(wanted[-1]))
    assert [what for what in wanted if not may(what)] == []
    assert not may("get nodes") and not may("create namespaces")
    kubectl("create", "role", "own", "--verb=get,list", "--resource=secrets", robot)
    kubectl("create", "rolebinding", "own", "--role=own", f"--serviceaccount={account}", robot)
    refused = kubectl.try_run("create", "role", "more", "--verb=get", "--resource=nodes", robot)
    assert refused.code == 1 and "escalat" in refused.stderr + "escalat" * (
        "not currently held" in refused.stderr
    )


def test_viewers_see_sessions_and_change_none(kubectl: Kubectl, group: str) -> None:
    for role in ("view", "edit"):
        kubectl("create", "serviceaccount", role)
        account = f"{kubectl.namespace}:{role}"
        kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--serviceaccount={account}")

    def may(role: str, verb: str) -> bool:
        robot = f"--as=system:serviceaccount:{kubectl.namespace}:{role}"
        return kubectl.try_run("auth", "can-i", verb, f"sessions.{group}", robot).stdout.strip() == "yes"

    until(lambda: may("edit", "create") and may("view", "list"))
    assert may("edit", "list") and not may("view", "create") and not may("edit", "delete")


# ------------------------------------------------------------------------------------- helm inside of a pod

SCRATCH = "/scratch"
HELM = """
import asyncio, os, sys
import helm_python
from alcove.kube import access, http
from alcove.kube.client import Selection

with helm_python.Config(namespace=sys.argv[2]) as helm:
    helm.install(sys.argv[1], "inside", namespace=sys.argv[2], wait="watcher", timeout=60)
    print("installed", [one["name"] for one in helm.list()])

async def main():
    async with http.open_client(await access.load_access(os.environ)) as client:
        services = await client.find_resource("v1", "Service")
        found = await client.list(services, Selection(sys.argv[2]))
        print("seen", [one["metadata"]["name"] for one in found.items])

asyncio.run(main())
"""


@embedded_only
def test_helm_works_in_a_pod_with_the_rights_of_its_account(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl("create", "serviceaccount", "space")
    kubectl(
        "create",
        "rolebinding",
        "space",
        "--clusterrole=admin",
        f"--serviceaccount={kubectl.namespace}:space",
    )
    hub = pod("hub", "", serviceAccountName="space")
    hub["spec"]["containers"] = [
        {
            "name": "main",
            "image": ALCOVE,
            "command": ["sleep", "600"],
            "securityContext": {"runAsUser": 65532, "runAsNonRoot": True},
            "volumeMounts": [{"name": "scratch", "mountPath": SCRATCH}],
        }
    ]
    hub["spec"]["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    apply(kubectl, hub)
    kubectl("wait", "pod/hub", "--for=condition=Ready", "--timeout=30s")
    kubectl("cp", str(write_chart(tmp_path)), f"hub:{SCRATCH}/web")
    argv = [sys.executable, "-c", HELM, f"{SCRATCH}/web", kubectl.namespace]
    said = kubectl("exec", "hub", "--", "env", f"HOME={SCRATCH}", *argv, seconds=90)
    assert said.splitlines() == ["installed ['inside']", "seen ['inside-web']"]
    assert kubectl.read("deployment", "inside-web")["status"]["readyReplicas"] == 1


# ----------------------------------------------------------------------------------------- volumes, rollouts


def test_what_a_claim_holds_outlives_the_pods_of_a_deployment(kubectl: Kubectl) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "store"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    keeps = deployment("keeps", command="echo again >> /store/file; cat /store/file; sleep 600")
    spec = keeps["spec"]["template"]["spec"]
    spec["securityContext"] = {"runAsUser": 57417, "runAsNonRoot": True, "fsGroup": 57417}
    spec["containers"][0]["volumeMounts"] = [{"name": "store", "mountPath": "/store"}]
    del spec["containers"][0]["readinessProbe"]
    spec["volumes"] = [{"name": "store", "persistentVolumeClaim": {"claimName": "store"}}]
    keeps["spec"]["strategy"] = {"type": "Recreate"}
    apply(kubectl, claim, keeps)
    kubectl("rollout", "status", "deployment/keeps", "--timeout=60s")
    kubectl("rollout", "restart", "deployment/keeps")
    kubectl("rollout", "status", "deployment/keeps", "--timeout=60s")
    until(lambda: kubectl("logs", "deployment/keeps") == "again\nagain\n")
    kubectl("delete", "deployment", "keeps")
    kubectl("delete", "pvc", "store", "--timeout=60s")
    assert kubectl("get", "pvc", "-o", "name") == ""


def test_a_version_that_never_becomes_ready_leaves_the_old_one_serving(kubectl: Kubectl) -> None:
    web = deployment("web")
    web["spec"]["progressDeadlineSeconds"] = 3
    apply(kubectl, web)
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    before = kubectl.read("pods", "-l", "app=web")["items"][0]["metadata"]["name"]
    never = {"name": "never", "image": IMAGE, "command": ["sleep", "600"]}
    web["spec"]["template"]["spec"]["initContainers"] = [never]
    apply(kubectl, web)
    failed = kubectl.try_run("rollout", "status", "deployment/web", "--timeout=30s")
    assert failed.code == 1 and "exceeded its progress deadline" in failed.stderr
    found = kubectl.read("pods", "-l", "app=web")["items"]
    pods = {one["metadata"]["name"]: one["status"]["phase"] for one in found}
    assert pods.pop(before) == "Running"
    assert list(pods.values()) == ["Pending"]
    assert kubectl.read("deployment", "web")["status"]["availableReplicas"] == 1
    kubectl("delete", "pod", *pods, "--timeout=20s")
    kubectl("rollout", "undo", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert kubectl.read("pods", "-l", "app=web")["items"][0]["metadata"]["name"] == before


def test_a_pod_can_be_evicted(kubectl: Kubectl) -> None:
    apply(kubectl, pod("goes", "sleep 600"))
    kubectl("wait", "pod/goes", "--for=condition=Ready", "--timeout=30s")
    path = f"/api/v1/namespaces/{kubectl.namespace}/pods/goes/eviction"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "goes"}}
    answer = json.loads(kubectl("create", "--raw", path, "-f", "-", stdin=eviction))
    assert (answer["kind"], answer["status"]) == ("Status", "Success")
    kubectl("wait", "pod/goes", "--for=delete", "--timeout=30s")
    refused = kubectl.try_run("create", "--raw", path, "-f", "-", stdin=eviction)
    assert refused.code == 1 and "not found" in refused.stderr
