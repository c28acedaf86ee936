"""Pods of sessions on a cluster: what the webhook makes of them, and that requests wait for them.

There is no hub here: the test makes the pod by hand, and says itself over the agent's port that the image is
there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from alcove.admission.sessions import agent_ports
from alcove.agents.client import AgentClient
from alcove.agents.messages import Built
from alcove.kube.access import load_access
from alcove.kube.http import open_client
from alcove.sessions.ids import Tag, new_session_id
from tests.e2e import busybox
from tests.e2e.conftest import FOREIGN, alcove
from tests.e2e.spaces import HTTP, Asker, Object, Spaces, until

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]

IMPORT = os.environ.get("ALCOVE_E2E_IMPORT", "")
BUILD_PORT = 15080
SERVE = "echo hello from the session > /var/www/index.html; exec httpd -f -p 8080 -h /var/www"
PORT = {"name": "http", "port": HTTP, "targetPort": 8080}


@pytest.fixture(scope="module")
def tag(spaces: Spaces) -> Tag:
    """Give the tag of a session of the space ``worked``, in which there is a canary to ask with."""
    spaces.make({"worked": ""})
    spaces.deploy("worked")
    return Tag(new_session_id(spaces.namespace("worked"), "0badcafe"), 1)


@pytest.fixture(scope="module")
def image(tag: Tag, kubeconfig: Path, cluster_directory: Path) -> str:
    """Have the image on the node, as a builder would leave it there."""
    name = f"shop:{tag}"
    if FOREIGN and not IMPORT:
        pytest.skip("ALCOVE_E2E_IMPORT says with which command an archive's images come onto each node")
    if FOREIGN:
        archive = busybox.write_archive(cluster_directory / "shop.tar", f"docker.io/library/{name}")
        subprocess.run([IMPORT, str(archive)], check=True, stdout=subprocess.DEVNULL, timeout=60)
        return name
    archive = busybox.write_archive(cluster_directory / "shop.tar", name)
    data = ("--data-dir", str(cluster_directory / "data"))
    alcove("cluster", "load-image", str(archive), name, *data, kubeconfig=kubeconfig)
    return name


def session_pod(image: str, name: str = "web", **labels: str) -> Object:
    """Give a pod as a chart would make it."""
    container = {
        "name": "app",
        "image": image,
        "command": ["sh", "-c"],
        "args": [SERVE],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "failureThreshold": 1},
        "livenessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "failureThreshold": 1},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name} | labels},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "initContainers": [{"name": "migrate", "image": image, "command": ["true"]}],
            "containers": [container],
        },
    }


@contextlib.asynccontextmanager
async def speaking(kubeconfig: Path, pod: Object, session: str, port: int) -> AsyncIterator[AgentClient]:
    """Speak to an agent of a pod as a hub does."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    async with (
        open_client(await load_access({"KUBECONFIG": str(kubeconfig)})) as client,
        client.connect(namespace, name, port) as stream,
        AgentClient.open(stream, session) as agent,
    ):
        yield agent


def state_of(pod: Object, container: str) -> str:
    """Give what a container is doing; empty while it is not known."""
    status = pod["status"]
    every = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    found: dict[str, Any] = next((one["state"] for one in every if one["name"] == container), {})
    return next(iter(found), "")


async def ask_while(asker: Asker, address: str, act: Any) -> Object:
    """Ask a Service, and do something before the answer can come; give the answer."""
    asker.start(do="http", url=f"http://{address}:{HTTP}/", headers=[])
    await act
    return await asyncio.to_thread(asker.finish)


async def test_a_pod_of_a_session_is_built_run_and_waited_for(
    spaces: Spaces, tag: Tag, image: str, kubeconfig: Path
) -> None:
    address = spaces.add_service("worked", "web", [PORT], selector={"app": "web"})
    spaces.add_pod("worked", session_pod(image))
    pod = spaces.pod("worked", "web")
    inits = [one["name"] for one in pod["spec"]["initContainers"]]
    assert inits == ["alcove-init", "alcove-proxy", "alcove-build", "migrate"]
    assert (
        pod["metadata"]["labels"].items()
        >= {
            "alcove.dev/session": tag.session,
            "alcove.dev/build": "1",
        }.items()
    )
    (app,) = pod["spec"]["containers"]
    assert app["imagePullPolicy"] == "Never" and "livenessProbe" not in app and "readinessProbe" in app
    assert app["command"][-3:] == ["sh", "-c", SERVE] and agent_ports(pod) == {"app": 15090}

    until(lambda: state_of(spaces.pod("worked", "web"), "alcove-build") == "running", seconds=60)
    assert state_of(spaces.pod("worked", "web"), "migrate") != "running"

    async def build() -> None:
        async with speaking(kubeconfig, pod, tag.session, BUILD_PORT) as agent:
            assert agent.hello.role == "build"
            await agent.log(b"it is built by hand\n")
            await agent.built(Built(cmd=("sh",), workdir="/", env=("PATH=/bin",)))

    async def restart() -> None:
        async with speaking(kubeconfig, pod, tag.session, 15090) as agent:
            await agent.stop()
            await asyncio.to_thread(until, lambda: not ready(spaces.pod("worked", "web")), seconds=30)
            assert await agent.start()

    with spaces.asker("worked") as asker:
        asker(do="nothing")
        first = await ask_while(asker, address, build())
        spaces.wait_ready("worked", "web")
        second = await ask_while(asker, address, restart())
    for answer in (first, second):
        assert (answer.get("status"), answer.get("text")) == (200, "hello from the session\n"), answer
    log = spaces.kubectl("worked")("logs", "web", "-c", "alcove-build")
    assert "it is built by hand" in log
    assert spaces.pod("worked", "web")["status"]["containerStatuses"][0]["restartCount"] == 0


def ready(pod: Object) -> bool:
    told = {one["type"]: one["status"] for one in pod["status"].get("conditions", ())}
    return told.get("Ready") == "True"


def test_a_pod_that_wants_no_proxy_is_built_all_the_same(spaces: Spaces, tag: Tag) -> None:
    item = session_pod(f"shop:{tag}", "bare", **{"azds.io/no-proxy": "true"})
    told = spaces.kubectl("worked")("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=item)
    stored = json.loads(told)
    assert [one["name"] for one in stored["spec"]["initContainers"]] == ["alcove-build", "migrate"]
    assert stored["metadata"]["labels"]["alcove.dev/session"] == tag.session
    assert stored["spec"]["containers"][0]["command"][0] == "/.alcove/bin/alcove-agent"


def test_a_session_of_another_space_is_not_built_here(spaces: Spaces, tag: Tag) -> None:
    theirs = Tag(new_session_id("somebody-else", "0badcafe"), 1)
    creating = ("create", "--dry-run=server", "-o", "json", "-f", "-")
    outcome = spaces.kubectl("worked").try_run(*creating, stdin=session_pod(f"shop:{theirs}", "theirs"))
    assert outcome.code == 0 and "a session of another space" in outcome.stderr
    assert "alcove-build" not in outcome.stdout
