"""The real kubectl against the cluster: every command that docs/embedded.md lists.

Each test is a session a user could type, in a namespace of its own.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.busybox import IMAGE
from tests.e2e.conftest import FOREIGN, answers
from tests.e2e.kubectl import Kubectl
from tests.e2e.spaces import until

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

HTTP = "mkdir -p /tmp/www && hostname > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"


def deployment(name: str, replicas: int = 1, command: str = HTTP, **labels: str) -> dict[str, Any]:
    """Give a Deployment that serves its pod's name at 8080."""
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    container = {
        "name": "web",
        "image": IMAGE,
        "command": ["sh", "-c", command],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": probe,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels or {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
            },
        },
    }


def pod(name: str, script: str, **spec: Any) -> dict[str, Any]:
    """Give a pod of one busybox container."""
    container = {"name": "main", "image": IMAGE, "command": ["sh", "-c", script]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1, **spec},
    }


def start_client(kubectl: Kubectl) -> None:
    """Run a pod that can fetch by name; a static busybox cannot resolve names reliably, Python can."""
    kubectl("run", "client", "--image=python:3.12-slim", "--restart=Never", "--", "sleep", "600")
    kubectl("wait", "pod/client", "--for=condition=Ready", "--timeout=120s")


def fetch(kubectl: Kubectl, url: str) -> str:
    """Give what a URL answers inside of the cluster."""
    program = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"
    return kubectl("exec", "client", "--", "python3", "-c", program, url)


def test_discovery_and_help_for_people(kubectl: Kubectl) -> None:
    assert "Server Version" in kubectl("version")
    assert "running at" in kubectl("cluster-info")
    assert "deployments" in kubectl("api-resources", "--api-group=apps", "-o", "name")
    assert "apps/v1" in kubectl("api-versions").split()
    assert "replicas" in kubectl("explain", "deployment.spec")
    assert "imagePullPolicy" in kubectl("explain", "pod.spec.containers", "--recursive")
    assert kubectl("get", "--raw", "/readyz") == "ok"
    assert "Ready" in kubectl("get", "nodes", "-o", "wide")
    assert "Capacity" in kubectl("describe", "node")


def test_create_of_each_kind(kubectl: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "app.conf").write_text("colour=blue\n")
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.crt"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=a",
            "-days",
            "1",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )
    made = [
        ("configmap", "c", "--from-literal=a=1", f"--from-file={tmp_path / 'app.conf'}"),
        ("secret", "generic", "s", "--from-literal=password=p"),
        ("secret", "tls", "t", f"--cert={certificate}", f"--key={key}"),
        (
            "secret",
            "docker-registry",
            "r",
            "--docker-username=u",
            "--docker-password=p",
            "--docker-server=x.example",
        ),
        ("serviceaccount", "robot"),
        ("role", "reader", "--verb=get,list", "--resource=pods"),
        ("rolebinding", "robot-reads", "--role=reader", f"--serviceaccount={kubectl.namespace}:robot"),
        ("quota", "q", "--hard=pods=50"),
        ("deployment", "web", f"--image={IMAGE}", "--replicas=0", "--", "sleep", "1"),
        ("job", "once", f"--image={IMAGE}", "--", "true"),
        ("service", "clusterip", "cip", "--tcp=80:8080"),
        ("service", "nodeport", "np", "--tcp=80:8080"),
        ("service", "externalname", "ext", "--external-name=example.com"),
        ("ingress", "in", "--rule=a.example/*=cip:80"),
        ("poddisruptionbudget", "pdb", "--selector=app=web", "--min-available=1"),
    ]
    for arguments in made:
        assert "created" in kubectl("create", *arguments)
    assert kubectl.read("secret", "s")["data"] == {"password": "cA=="}
    assert kubectl.read("configmap", "c")["data"]["app.conf"] == "colour=blue\n"
    assert kubectl.read("service", "np")["spec"]["ports"][0]["nodePort"] >= 30000
    kubectl("wait", "job/once", "--for=condition=Complete", "--timeout=30s")
    listed = kubectl("get", "all")
    assert "deployment.apps/web" in listed and "job.batch/once" in listed
    assert len(kubectl("create", "token", "robot").strip().split(".")) == 3


def test_apply_on_the_client_side(kubectl: Kubectl) -> None:
    manifest = deployment("web", replicas=0)
    assert "created" in kubectl("apply", "-f", "-", stdin=manifest)
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=manifest)
    manifest["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "COLOUR", "value": "red"}]
    changed = kubectl.try_run("diff", "-f", "-", stdin=manifest)
    assert changed.code == 1 and "COLOUR" in changed.stdout
    assert "configured" in kubectl("apply", "-f", "-", stdin=manifest)
    assert kubectl.try_run("diff", "-f", "-", stdin=manifest).code == 0
    assert "configured" in kubectl(
        "apply", "--dry-run=server", "-f", "-", stdin=deployment("web", replicas=0)
    )
    assert "COLOUR" in kubectl("get", "deployment", "web", "-o", "yaml")
    assert "deleted" in kubectl("delete", "-f", "-", stdin=manifest)


def test_apply_on_the_server_side_with_conflicts(kubectl: Kubectl) -> None:
    manifest = deployment("web", replicas=0)
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", "-", stdin=manifest)
    manifest["spec"]["replicas"] = 1
    refused = kubectl.try_run("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=manifest)
    assert refused.code == 1
    assert "conflict with" in refused.stderr and ".spec.replicas" in refused.stderr
    kubectl("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", stdin=manifest)
    managers = {
        entry["manager"]
        for entry in kubectl.read("deployment", "web", "--show-managed-fields")["metadata"]["managedFields"]
    }
    assert {"kubectl", "other"} <= managers


def test_patch_label_annotate_set_edit_replace(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=deployment("web", replicas=0))
    kubectl(
        "patch",
        "deployment",
        "web",
        "-p",
        '{"spec":{"template":{"spec":{"containers":[{"name":"web","tty":true}]}}}}',
    )
    container = kubectl.read("deployment", "web")["spec"]["template"]["spec"]["containers"]
    assert len(container) == 1 and container[0]["tty"] and container[0]["image"] == IMAGE
    kubectl("patch", "deployment", "web", "--type=merge", "-p", '{"metadata":{"annotations":{"a":"b"}}}')
    kubectl(
        "patch",
        "deployment",
        "web",
        "--type=json",
        "-p",
        '[{"op":"remove","path":"/metadata/annotations/a"}]',
    )
    kubectl("label", "deployment", "web", "tier=front")
    assert "web" in kubectl("get", "deployments", "-l", "tier in (front,back)", "-o", "name")
    kubectl("label", "deployment", "web", "tier-")
    kubectl("annotate", "deployment", "web", "note=hello", "--overwrite")
    kubectl("set", "image", "deployment/web", "web=busybox:other")
    kubectl("set", "env", "deployment/web", "MODE=fast")
    kubectl("set", "resources", "deployment/web", "--limits=cpu=1,memory=64Mi")
    found = kubectl.read("deployment", "web")
    assert found["metadata"]["annotations"]["note"] == "hello"
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "busybox:other"
    found["spec"]["minReadySeconds"] = 3
    assert "replaced" in kubectl("replace", "-f", "-", stdin=found)
    stale = kubectl.try_run("replace", "-f", "-", stdin=found)
    assert stale.code == 1 and "the object has been modified" in stale.stderr


def test_rollout_scale_and_services(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=deployment("web", replicas=2))
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("expose", "deployment", "web", "--port=80", "--target-port=http")
    start_client(kubectl)
    assert fetch(kubectl, "http://web").startswith("web-")
    assert fetch(kubectl, f"http://web.{kubectl.namespace}.svc.cluster.local").startswith("web-")
    kubectl("scale", "deployment/web", "--replicas=3")
    kubectl("wait", "deployment/web", "--for=jsonpath={.status.readyReplicas}=3", "--timeout=30s")
    kubectl("set", "env", "deployment/web", "ROUND=2")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert "2" in kubectl("rollout", "history", "deployment/web")
    kubectl("rollout", "undo", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert "env" not in kubectl.read("deployment", "web")["spec"]["template"]["spec"]["containers"][0]
    kubectl("rollout", "restart", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("rollout", "pause", "deployment/web")
    kubectl("rollout", "resume", "deployment/web")
    assert "web" in kubectl("get", "endpoints,endpointslices", "-o", "name")


def test_logs(kubectl: Kubectl) -> None:
    script = "for i in 1 2 3; do echo line $i; done; sleep 1; echo last; sleep 600"
    kubectl("apply", "-f", "-", stdin=pod("talker", script))
    kubectl("wait", "pod/talker", "--for=condition=Ready", "--timeout=30s")
    assert kubectl("logs", "talker", "--tail=1").strip() in {"line 3", "last"}
    with kubectl.running("logs", "-f", "talker") as following:
        assert following.stdout is not None
        assert [following.stdout.readline().strip() for _ in range(4)] == [
            "line 1",
            "line 2",
            "line 3",
            "last",
        ]
    assert "T" in kubectl("logs", "talker", "--timestamps").split()[0]
    assert "last" in kubectl("logs", "-l", "app=talker", "--since=1h")
    kubectl("apply", "-f", "-", stdin=pod("crasher", "echo dying; exit 3", restartPolicy="OnFailure"))
    kubectl(
        "wait", "pod/crasher", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "--timeout=30s"
    )
    assert kubectl("logs", "crasher", "--previous").strip() == "dying"


def test_exec_with_stdin_and_exit_codes(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=pod("box", "sleep 600"))
    kubectl("wait", "pod/box", "--for=condition=Ready", "--timeout=30s")
    assert kubectl("exec", "box", "--", "echo", "hello").strip() == "hello"
    assert kubectl("exec", "-i", "box", "--", "tr", "a-z", "A-Z", stdin="shout").strip() == "SHOUT"
    failed = kubectl.try_run("exec", "box", "--", "sh", "-c", "echo oops >&2; exit 42")
    assert failed.code == 42 and "oops" in failed.stderr
    big = "x" * 1_000_000
    assert kubectl("exec", "-i", "box", "--", "cat", stdin=big) == big
    missing = kubectl.try_run("exec", "box", "--", "no-such-program")
    assert missing.code != 0 and "no-such-program" in missing.stderr


def test_cp_in_both_directions(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl("apply", "-f", "-", stdin=pod("box", "sleep 600"))
    kubectl("wait", "pod/box", "--for=condition=Ready", "--timeout=30s")
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.bin").write_bytes(bytes(range(256)) * 4096)
    kubectl("cp", str(source), "box:/tmp/copied")
    kubectl("cp", "box:/tmp/copied/a.bin", str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == (source / "a.bin").read_bytes()


def test_port_forward_under_load(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=deployment("web"))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080")
    with kubectl.running("port-forward", "service/web", ":80") as forward:
        assert forward.stdout is not None
        port = int(forward.stdout.readline().split("127.0.0.1:")[1].split()[0])
        answers: list[str] = []

        def ask() -> None:
            for _ in range(25):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
                    answers.append(response.read().decode().strip())

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    assert len(answers) == 200 and all(answer.startswith("web-") for answer in answers)


def test_wait_describe_events_and_selectors(kubectl: Kubectl) -> None:
    kubectl("run", "one", f"--image={IMAGE}", "--restart=Never", "--command", "--", "sleep", "600")
    kubectl("wait", "pod", "one", "--for=condition=Ready", "--timeout=30s")
    described = kubectl("describe", "pod", "one")
    assert "Started" in described and "QoS Class" in described
    assert "Scheduled" in kubectl("get", "events", "--field-selector=involvedObject.name=one")
    assert "Scheduled" in kubectl("events", "--for", "pod/one")
    assert kubectl("get", "pods", "--field-selector=status.phase=Running", "-o", "name").strip() == "pod/one"
    assert kubectl("get", "pod", "one", "-o", "jsonpath={.status.phase}") == "Running"
    columns = kubectl("get", "pods", "-o", "custom-columns=N:.metadata.name", "--no-headers")
    assert columns.strip() == "one"
    assert "NODE" in kubectl("get", "pods", "-o", "wide", "--show-labels")
    assert "one" in kubectl("get", "pods", "--sort-by=.metadata.name", "-A")
    kubectl("delete", "pod", "one", "--grace-period=1")
    kubectl("wait", "pod", "one", "--for=delete", "--timeout=20s")
    assert kubectl("get", "pods") == ""


def test_auth(kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "create", "deployments").strip() == "yes"
    kubectl("create", "serviceaccount", "robot")
    robot = f"--as=system:serviceaccount:{kubectl.namespace}:robot"
    assert kubectl.try_run("auth", "can-i", "list", "secrets", robot).stdout.strip() == "no"
    kubectl("create", "role", "reader", "--verb=list", "--resource=secrets")
    kubectl("create", "rolebinding", "reads", "--role=reader", f"--serviceaccount={kubectl.namespace}:robot")
    assert kubectl("auth", "can-i", "list", "secrets", robot).strip() == "yes"
    assert "secrets" in kubectl("auth", "can-i", "--list", robot)
    assert kubectl.try_run("get", "secrets", robot).code == 0
    refused = kubectl.try_run("get", "pods", robot)
    assert refused.code == 1 and "cannot list resource" in refused.stderr
    assert "system:authenticated" in kubectl("auth", "whoami")
    token = kubectl("create", "token", "robot").strip()
    server = kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    stranger = replace(kubectl, kubeconfig=Path("/dev/null"))
    access = ("--server", server, "--insecure-skip-tls-verify")
    assert f"{kubectl.namespace}:robot" in stranger(*access, "--token", token, "auth", "whoami", "-o", "json")
    refused = stranger.try_run(*access, "--token", token[:-2], "get", "secrets")
    assert refused.code == 1 and "Unauthorized" in refused.stderr + refused.stdout
    assert "clusterrole.rbac.authorization.k8s.io/x reconciled" in kubectl(
        "auth",
        "reconcile",
        "--dry-run=client",
        "-f",
        "-",
        stdin={
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "x"},
            "rules": [],
        },
    )


def test_common_errors_read_as_on_kubernetes(kubectl: Kubectl) -> None:
    def stderr(*arguments: str, stdin: dict[str, Any] | None = None) -> str:
        outcome = kubectl.try_run(*arguments, stdin=stdin)
        assert outcome.code == 1
        return outcome.stderr

    assert 'Error from server (NotFound): pods "nope" not found' in stderr("get", "pod", "nope")
    assert "the server doesn't have a resource type" in stderr("get", "unicorns")
    kubectl("create", "configmap", "c")
    assert 'configmaps "c" already exists' in stderr("create", "configmap", "c")
    unknown = deployment("web")
    unknown["spec"]["replikas"] = 1
    assert 'unknown field "spec.replikas"' in stderr("apply", "-f", "-", stdin=unknown)
    wrong = deployment("web")
    wrong["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    assert "`selector` does not match template `labels`" in stderr("create", "-f", "-", stdin=wrong)
    assert "RFC 1123" in stderr("create", "configmap", "Not_A_Name")
    assert 'namespaces "gone" not found' in stderr("create", "configmap", "c", "-n", "gone")
    typed = deployment("web")
    typed["spec"]["replicas"] = "many"
    assert "replicas" in stderr("create", "-f", "-", stdin=typed)


def test_custom_resources(kubectl: Kubectl, cluster: Kubectl) -> None:
    group = f"{kubectl.namespace}.example.com"
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "minimum": 1},
                    "colour": {"type": "string", "default": "blue"},
                },
            },
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"boxes.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "versions": [version],
            "names": {"plural": "boxes", "singular": "box", "kind": "Box", "shortNames": ["bx"]},
        },
    }
    cluster("apply", "-f", "-", stdin=definition)
    cluster("wait", f"crd/boxes.{group}", "--for=condition=Established", "--timeout=20s")
    box = {"apiVersion": f"{group}/v1", "kind": "Box", "metadata": {"name": "b"}, "spec": {"size": 3}}
    kubectl("apply", "-f", "-", stdin=box)
    assert kubectl.read("box", "b")["spec"] == {"size": 3, "colour": "blue"}
    assert kubectl("get", "bx", "--no-headers").split()[:2] == ["b", "3"]
    assert "colour" in kubectl("explain", "box.spec", f"--api-version={group}/v1")
    refused = kubectl.try_run("apply", "-f", "-", stdin={**box, "spec": {"size": 0}})
    assert refused.code == 1 and "spec.size" in refused.stderr
    kubectl("patch", "box", "b", "--subresource=status", "--type=merge", "-p", '{"status":{"full":true}}')
    assert kubectl.read("box", "b")["status"] == {"full": True}
    cluster("delete", "crd", f"boxes.{group}")
    assert kubectl.try_run("get", f"boxes.{group}").code == 1


def test_stateful_sets_and_volumes(kubectl: Kubectl) -> None:
    template = deployment("db")["spec"]["template"]
    template["spec"]["containers"][0]["volumeMounts"] = [{"name": "store", "mountPath": "/store"}]
    claim = {
        "metadata": {"name": "store"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    kubectl(
        "apply",
        "-f",
        "-",
        stdin={
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "db"},
            "spec": {"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"port": 8080}]},
        },
    )
    kubectl(
        "apply",
        "-f",
        "-",
        stdin={
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "db"},
            "spec": {
                "serviceName": "db",
                "replicas": 2,
                "selector": {"matchLabels": {"app": "db"}},
                "template": template,
                "volumeClaimTemplates": [claim],
            },
        },
    )
    kubectl("rollout", "status", "statefulset/db", "--timeout=60s")
    kubectl("exec", "db-0", "--", "sh", "-c", "echo kept > /store/file")
    kubectl("delete", "pod", "db-0")
    kubectl("wait", "pod/db-0", "--for=condition=Ready", "--timeout=30s")
    assert kubectl("exec", "db-0", "--", "cat", "/store/file").strip() == "kept"
    start_client(kubectl)
    assert fetch(kubectl, "http://db-1.db:8080").strip() == "db-1"
    assert kubectl("get", "pvc", "-o", "jsonpath={.items[*].status.phase}") == "Bound Bound"


def test_deletion_with_owners_finalizers_and_namespaces(kubectl: Kubectl, cluster: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=deployment("web"))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("delete", "deployment", "web", "--cascade=foreground", "--timeout=30s")
    assert kubectl("get", "pods,replicasets", "-o", "name") == ""
    kubectl("apply", "-f", "-", stdin=deployment("kept"))
    kubectl("rollout", "status", "deployment/kept", "--timeout=60s")
    kubectl("delete", "deployment", "kept", "--cascade=orphan")
    assert "pod/kept" in kubectl("get", "pods", "-o", "name")
    held = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "held", "finalizers": ["example.com/hold"]},
    }
    kubectl("create", "-f", "-", stdin=held)
    kubectl("delete", "configmap", "held", "--wait=false")
    assert kubectl.read("configmap", "held")["metadata"]["deletionTimestamp"]
    kubectl("patch", "configmap", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    kubectl("wait", "configmap/held", "--for=delete", "--timeout=10s")
    kubectl("delete", "all", "--all", "--wait=false")
    cluster("create", "namespace", f"{kubectl.namespace}-b")
    cluster("delete", "namespace", f"{kubectl.namespace}-b", "--timeout=30s")
    assert cluster.try_run("get", "namespace", f"{kubectl.namespace}-b").code == 1


def test_a_watch_shows_changes_as_they_happen(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "first")
    with kubectl.running("get", "configmaps", "--watch", "-o", "json") as watching:
        assert watching.stdout is not None
        decoder, text, seen = json.JSONDecoder(), "", []
        kubectl("create", "configmap", "second")
        while "second" not in seen:
            text = (text + watching.stdout.readline()).lstrip()
            try:
                item, end = decoder.raw_decode(text)
            except json.JSONDecodeError:
                continue
            seen.append(item["metadata"]["name"])
            text = text[end:]
    assert "first" in seen


@pytest.mark.skipif(bool(FOREIGN), reason="another cluster's node ports are not on this machine's loopback")
def test_a_node_port_answers_on_the_machines_loopback(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=deployment("web"))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("expose", "deployment", "web", "--type=NodePort", "--port=80", "--target-port=8080")
    port = kubectl.read("service", "web")["spec"]["ports"][0]["nodePort"]
    until(lambda: answers("127.0.0.1", port))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"200 OK" in connection.recv(4096)
