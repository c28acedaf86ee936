"""The webhook in front of a real API server: the pods that are stored, whoever creates them.

The server runs in the test, registered by url on this machine's loopback. There are no images of the proxy
here, so pods need not start: what counts is the object that the API server keeps.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import json
import os
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from alcove.admission import signing
from alcove.admission.configuration import UrlTarget, render_configuration
from alcove.admission.facts import SpaceFacts, observe_spaces
from alcove.admission.inject import inject
from alcove.admission.server import AdmissionServer, ServerIdentity, listening
from alcove.admission.settings import ClusterDns, Images, InjectionSettings
from alcove.admission.verdicts import Skipped, Verdict
from alcove.kube.access import load_access
from alcove.kube.client import KubeClient
from alcove.kube.http import open_client
from alcove.kube.resources import NAMESPACES, Resource
from alcove.model import SpaceName
from alcove.pki import KeyPair
from tests.e2e.kubectl import Kubectl
from tests.e2e.test_kubectl import deployment, pod

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

SETTINGS = InjectionSettings(
    version="0.0.0-e2e",
    images=Images("alcove/proxy:e2e", "alcove/proxy:e2e"),
    control_plane="127.0.0.1",
    dns=ClusterDns(("10.96.0.10",), node_searches=("corp.example",)),
)
LIMIT_RANGES = Resource("", "v1", "limitranges", "LimitRange")
OURS = ["alcove-init", "alcove-proxy"]
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
FAR_PAST, FAR_FUTURE = 1_600_000_000.0, 4_000_000_000.0
Object = dict[str, Any]


class ListedSpaces:
    """Spaces as the API server lists them at the moment they are asked for."""

    observed = True

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def find(self, namespace: str) -> SpaceFacts | None:
        namespaces = await self._client.list(NAMESPACES)
        return observe_spaces(namespaces.items, (await self._client.list(LIMIT_RANGES)).items).get(namespace)


@dataclass(frozen=True)
class Space:
    """A child space, its parent, and kubectl in a thread, so that the test can answer the API server."""

    kubectl: Kubectl
    parent: str

    @property
    def name(self) -> str:
        return self.kubectl.namespace

    async def run(self, *arguments: str, stdin: Object | None = None) -> str:
        return await asyncio.to_thread(functools.partial(self.kubectl, *arguments, stdin=stdin))

    async def create(self, item: Object) -> Object:
        """Create an object; give it as stored."""
        stored: Object = json.loads(await self.run("create", "-o", "json", "-f", "-", stdin=item))
        return stored

    async def dry_run(self) -> Object:
        """Give a pod as it would be stored."""
        told = await self.run(
            "create", "--dry-run=server", "-o", "json", "-f", "-", stdin=pod("probe", "sleep 1")
        )
        stored: Object = json.loads(told)
        return stored

    async def pod_of(self, selector: str) -> Object:
        """Give the pod that a controller creates, as soon as it is there."""
        watching = "wait", "pod", "-l", selector, "--for=create", "--timeout=30s"
        await self.run(*watching)
        found = json.loads(await self.run("get", "pods", "-l", selector, "-o", "json"))
        first: Object = found["items"][0]
        return first


@pytest.fixture
def space(cluster: Kubectl) -> Iterator[Space]:
    parent, child = (f"e2e-{role}-{uuid.uuid4().hex[:6]}" for role in ("parent", "child"))
    with contextlib.ExitStack() as stack:
        for name, more in ((parent, []), (child, [f"azds.io/parent-space={parent}"])):
            cluster("create", "namespace", name)
            stack.callback(cluster, "delete", "namespace", name, "--wait=false")
            cluster("label", "namespace", name, "azds.io/space=true", *more)
            cluster("wait", "serviceaccount/default", "-n", name, "--for=create", "--timeout=20s")
        yield Space(cluster.within(child), parent)


@pytest.fixture
def authority() -> KeyPair:
    return signing.make_authority(FAR_PAST, FAR_FUTURE)


@pytest.fixture
def identity(authority: KeyPair) -> ServerIdentity:
    return ServerIdentity(signing.make_server(authority, FAR_PAST, FAR_FUTURE, names=["127.0.0.1"]))


@contextlib.asynccontextmanager
async def registered(space: Space, configuration: Object) -> AsyncIterator[None]:
    """Have a configuration for the block; an API server may take a moment to follow it."""
    await space.run("create", "-f", "-", stdin=configuration)
    try:
        yield
    finally:
        kind, name = "mutatingwebhookconfiguration", configuration["metadata"]["name"]
        await space.run("delete", kind, name)


@contextlib.asynccontextmanager
async def bound() -> AsyncIterator[tuple[socket.socket, UrlTarget]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, UrlTarget(f"https://127.0.0.1:{listener.getsockname()[1]}")


@pytest.fixture
async def webhook(
    space: Space, kubeconfig: Path, authority: KeyPair, identity: ServerIdentity
) -> AsyncIterator[None]:
    """Run Alcove's webhook until the test ends, known to the API server."""
    access = await load_access(os.environ, kubeconfig=kubeconfig)
    configuration_name = f"alcove-{space.name}"
    async with bound() as (listener, target), open_client(access) as client:
        server = AdmissionServer(ListedSpaces(client), lambda: SETTINGS, facts_seconds=1.5)
        configuration = render_configuration(target, authority.certificate, name=configuration_name)
        async with server.serve(listener, identity), registered(space, configuration):
            await until_first_init_container_is(space, OURS[0])
            yield


async def until_first_init_container_is(space: Space, name: str) -> None:
    """Ask until the API server follows a configuration; it promises to, but not when."""
    for _ in range(100):
        if name in init_names(await space.dry_run())[:1]:
            return
    raise AssertionError(f"the API server does not call the webhook that adds {name}")


def init_names(item: Object) -> list[str]:
    return [one["name"] for one in item["spec"].get("initContainers") or ()]


@pytest.mark.usefixtures("webhook")
async def test_pods_of_a_deployment_in_a_child_space_are_injected(space: Space) -> None:
    shop = deployment("shop")
    shop["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = {"tcpSocket": {"port": "http"}}
    await space.create(shop)
    stored = await space.pod_of("app=shop")
    assert init_names(stored) == OURS
    assert [one["name"] for one in stored["spec"]["containers"]] == ["web"]
    assert stored["spec"]["containers"][0]["livenessProbe"]["httpGet"]["path"] == "/tcp/8080"
    assert stored["spec"]["dnsConfig"]["searches"][:2] == [
        f"{space.name}.svc.cluster.local",
        f"{space.parent}.svc.cluster.local",
    ]
    facts = SpaceFacts(SpaceName(space.name), (SpaceName(space.parent),))
    assert inject(stored, facts, SETTINGS) == Skipped(Verdict.IN_ORDER)


@pytest.mark.usefixtures("webhook")
async def test_the_accounts_token_reaches_the_users_containers_only(space: Space) -> None:
    spec = (await space.create(pod("shop", "sleep 1")))["spec"]
    mounts = {
        one["name"]: {mount["mountPath"]: mount["name"] for mount in one["volumeMounts"]}
        for one in [*spec["initContainers"], *spec["containers"]]
    }
    assert mounts["main"].keys() == {ACCOUNT}
    assert mounts["main"][ACCOUNT].startswith("kube-api-access-")
    assert [mounts[name][ACCOUNT] for name in OURS] == ["alcove-mask", "alcove-mask"]


@pytest.mark.usefixtures("webhook")
async def test_pods_that_opt_out_or_must_not_be_injected_are_created_as_they_are(space: Space) -> None:
    silent = pod("silent", "sleep 1")
    silent["metadata"]["labels"]["azds.io/no-proxy"] = "true"
    assert init_names(await space.create(silent)) == []
    await space.run("label", "namespace", space.name, "pod-security.kubernetes.io/enforce=baseline")
    await space.create(deployment("strict"))
    assert init_names(await space.pod_of("app=strict")) == []


@pytest.mark.usefixtures("webhook")
async def test_a_limit_range_does_not_make_injected_pods_invalid(space: Space) -> None:
    bounds = {
        "type": "Container",
        "min": {"cpu": "100m"},
        "max": {"memory": "64Mi", "ephemeral-storage": "1Gi"},
        "maxLimitRequestRatio": {"cpu": "2"},
    }
    await space.create(
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "bounds"},
            "spec": {"limits": [bounds]},
        }
    )
    shop = pod("shop", "sleep 1")
    shop["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "100m"}}
    stored = await space.create(shop)
    assert init_names(stored) == OURS
    proxy = stored["spec"]["initContainers"][1]["resources"]
    assert proxy["requests"]["cpu"] == "250m"
    assert proxy["limits"]["ephemeral-storage"] == "1Gi"


@pytest.mark.usefixtures("webhook")
async def test_a_dry_run_shows_the_pod_and_leaves_nothing(space: Space) -> None:
    assert init_names(await space.dry_run()) == OURS
    assert await space.run("get", "pods", "-o", "name") == ""


async def test_a_webhook_that_does_not_answer_costs_nobody_a_pod(space: Space, authority: KeyPair) -> None:
    async with bound() as (listener, target):
        listener.close()
        configuration = render_configuration(target, authority.certificate, name=f"alcove-{space.name}")
        async with registered(space, configuration):
            assert init_names(await space.create(pod("shop", "sleep 1"))) == []


@pytest.mark.usefixtures("webhook")
async def test_the_order_holds_when_another_webhook_adds_an_init_container(
    space: Space, authority: KeyPair, identity: ServerIdentity
) -> None:
    async with bound() as (listener, target):
        configuration = render_configuration(target, authority.certificate, name=f"zz-{space.name}")
        async with listening(intruding(), listener, identity), registered(space, configuration):
            await until_intruded(space)
            stored = await space.create(pod("shop", "sleep 1"))
    assert init_names(stored) == [*OURS, "intruder"]
    probe = stored["spec"]["initContainers"][2]["startupProbe"]
    assert probe["httpGet"]["path"] == "/tcp/7"


async def until_intruded(space: Space) -> None:
    for _ in range(100):
        if "intruder" in init_names(await space.dry_run()):
            return
    raise AssertionError("the API server does not call the other webhook")


def intruding() -> web.Application:
    """Give a webhook that puts an init container in front of all others, once."""

    async def answer(request: web.Request) -> web.Response:
        asked = (await request.json())["request"]
        response: Object = {"uid": asked["uid"], "allowed": True}
        if "intruder" not in init_names(asked["object"]):
            container = {
                "name": "intruder",
                "image": "busybox:1.36",
                "restartPolicy": "Always",
                "startupProbe": {"tcpSocket": {"port": 7}},
            }
            patch = [{"op": "add", "path": "/spec/initContainers/0", "value": container}]
            encoded = base64.b64encode(json.dumps(patch).encode()).decode()
            response |= {"patchType": "JSONPatch", "patch": encoded}
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        return web.json_response(review)

    application = web.Application()
    application.router.add_post("/inject", answer)
    return application
