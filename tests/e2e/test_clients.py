"""Clients that nobody here wrote: the Helm SDK, kopf and kubernetes-asyncio."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import helm_python
import pytest
from kubernetes_asyncio import client, config, watch
from kubernetes_asyncio.stream import WsApiClient

from tests.e2e.busybox import IMAGE
from tests.e2e.kubectl import Kubectl
from tests.e2e.test_kubectl import deployment, pod

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

OPERATOR = """
import kopf

@kopf.on.create("gadgets.example.com")
async def created(name, namespace, spec, patch, **_):
    patch.status["greeting"] = f"made {spec['size']}"

@kopf.on.update("gadgets.example.com", field="spec.size")
async def updated(new, patch, **_):
    patch.status["greeting"] = f"now {new}"

@kopf.on.delete("gadgets.example.com")
async def deleted(name, logger, **_):
    logger.info(f"goodbye {name}")
"""


def write_chart(directory: Path) -> Path:
    """Write a chart of a Deployment, a Service and a hook."""
    chart = directory / "web"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 0.1.0\n")
    (chart / "values.yaml").write_text(f"replicas: 1\nimage: {IMAGE}\n")
    (chart / "templates" / "web.yaml").write_text("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}-web"}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: web, image: "{{ .Values.image }}", command: [sleep, "600"]}
---
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}-web"}
spec:
  selector: {app: "{{ .Release.Name }}"}
  ports: [{port: 80}]
---
apiVersion: batch/v1
kind: Job
metadata:
  name: "{{ .Release.Name }}-before"
  annotations: {helm.sh/hook: pre-install, helm.sh/hook-delete-policy: hook-succeeded}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: before, image: "{{ .Values.image }}", command: ["true"]}
""")
    return chart


def test_helm_installs_upgrades_rolls_back_and_uninstalls(
    kubectl: Kubectl, kubeconfig: Path, tmp_path: Path
) -> None:
    chart = write_chart(tmp_path)
    with helm_python.Config(kubeconfig_path=kubeconfig, namespace=kubectl.namespace) as helm:
        helm.install(chart, "demo", namespace=kubectl.namespace, wait="watcher", timeout=60)
        assert kubectl.read("deployment", "demo-web")["status"]["readyReplicas"] == 1
        assert kubectl("get", "jobs", "-o", "name") == ""
        helm.upgrade(chart, "demo", {"replicas": 2}, namespace=kubectl.namespace, wait="watcher", timeout=60)
        assert kubectl.read("deployment", "demo-web")["status"]["readyReplicas"] == 2
        helm.rollback("demo", version=1, wait="watcher", timeout=60)
        assert kubectl.read("deployment", "demo-web")["spec"]["replicas"] == 1
        assert [entry["revision"] for entry in helm.history("demo")] == [1, 2, 3]
        helm.uninstall("demo", wait="watcher", timeout=60)
    assert kubectl("get", "deployments,services", "-o", "name") == ""


def test_kopf_runs_an_operator_with_finalizers_and_status(
    kubectl: Kubectl, cluster: Kubectl, kubeconfig: Path, tmp_path: Path
) -> None:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "gadgets", "singular": "gadget", "kind": "Gadget"}
    definition: dict[str, Any] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }
    cluster("apply", "-f", "-", stdin=definition)
    cluster("wait", "crd/gadgets.example.com", "--for=condition=Established", "--timeout=20s")
    (tmp_path / "operator.py").write_text(OPERATOR)
    kopf = shutil.which("kopf", path=str(Path(sys.executable).parent))
    assert kopf
    argv = [kopf, "run", "-n", kubectl.namespace, str(tmp_path / "operator.py"), "--standalone"]
    gadget = {
        "apiVersion": "example.com/v1",
        "kind": "Gadget",
        "metadata": {"name": "g"},
        "spec": {"size": 3},
    }
    with subprocess.Popen(
        argv, env={**os.environ, "KUBECONFIG": str(kubeconfig)}, stderr=subprocess.PIPE
    ) as run:
        try:
            kubectl("apply", "-f", "-", stdin=gadget)
            kubectl("wait", "gadget/g", "--for=jsonpath={.status.greeting}=made 3", "--timeout=30s")
            kubectl("patch", "gadget", "g", "--type=merge", "-p", '{"spec":{"size":5}}')
            kubectl("wait", "gadget/g", "--for=jsonpath={.status.greeting}=now 5", "--timeout=30s")
            assert kubectl.read("gadget", "g")["metadata"]["finalizers"]
            kubectl("delete", "gadget", "g", "--timeout=30s")
        finally:
            run.terminate()
            said = run.communicate(timeout=15)[1].decode()
    assert "goodbye g" in said
    cluster("delete", "crd", "gadgets.example.com")


async def test_kubernetes_asyncio_creates_watches_patches_execs_and_reads_logs(
    kubectl: Kubectl, kubeconfig: Path
) -> None:
    namespace = kubectl.namespace
    await config.load_kube_config(str(kubeconfig))
    async with client.ApiClient() as api:
        core: Any = client.CoreV1Api(api)  # it takes plain dicts, its annotations do not say so
        apps: Any = client.AppsV1Api(api)
        await apps.create_namespaced_deployment(namespace, deployment("web"))
        async with watch.Watch() as watching:
            async for event in watching.stream(
                apps.list_namespaced_deployment, namespace, timeout_seconds=60
            ):
                if event["object"].status.ready_replicas == 1:
                    break
        await apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 0}})
        assert (await apps.read_namespaced_deployment("web", namespace)).spec.replicas == 0
        await core.create_namespaced_pod(namespace, pod("box", "echo ready; sleep 600"))
        async with watch.Watch() as watching:
            async for event in watching.stream(core.list_namespaced_pod, namespace, timeout_seconds=60):
                if event["object"].metadata.name == "box" and event["object"].status.phase == "Running":
                    break
        assert await core.read_namespaced_pod_log("box", namespace) == "ready\n"
        with pytest.raises(client.ApiException) as caught:
            await core.read_namespaced_pod("nope", namespace)
        assert caught.value.status == 404
    async with WsApiClient() as streams:
        core = client.CoreV1Api(streams)
        answer = await core.connect_get_namespaced_pod_exec(
            "box", namespace, command=["echo", "hello"], stdout=True, stderr=True, stdin=False, tty=False
        )
    assert answer == "hello\n"
