"""The canary: who answers at which stage, what is said when somebody else does, and that nothing stays."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.unit.app.install.test_statuses import RECORD, seen
from tests.unit.app.install.test_trials import gateway_pod
from tests.unit.app.install.worlds import InstallClient, complete, create_all, ready
from tests.unit.app.spaces.worlds import namespace, put

from alcove.app.install import canary
from alcove.app.install.checks import Trial
from alcove.app.install.rendering import render_objects
from alcove.app.install.settings import InstallSettings
from alcove.app.install.statuses import Installation
from alcove.kube import resources
from alcove.kube.client import ExecOptions, Object
from alcove.kube.fake import FakeExec, FakeKubeClient
from alcove.kube.resources import Resource

ONCE = canary.Patience(ready=0.2, stage=0, pause=0)
NO_GATEWAY = {"recorded": RECORD | {"endpoint": "none"}}
INSIDE = ["canary: own space", "canary: routing key", "canary: child space", "canary: fallback"]
OUTSIDE = ["canary: gateway", "canary: child host"]


class Running(InstallClient):
    """A cluster with an answer for each request that the pods of the canary make."""

    def __init__(self, root: Sequence[str], child: Sequence[str], *, injects: bool = True) -> None:
        super().__init__()
        self._answers = {False: root, True: child}
        self._injects = injects
        self.run = self._run

    def _run(self, namespace: str, _pod: str, options: ExecOptions) -> FakeExec:
        assert options.command == ("alcove", "canary", "ask")
        told = self._answers[namespace.endswith("-child")]
        return FakeExec("".join(f"{json.dumps({'body': {'name': name}})}\n" for name in told).encode())

    async def create(self, resource: Resource, item: Object, *, dry_run: bool = False) -> Object:
        if resource == resources.PODS:
            labels = {"alcove.dev/injected": "true"} if self._injects else {}
            meta = {**item["metadata"], "labels": {**item["metadata"]["labels"], **labels}}
            item = {**item, "metadata": meta, "status": {"conditions": ready()}}
        stored = await super().create(resource, item, dry_run=dry_run)
        if resource == resources.NAMESPACES:
            account = {"metadata": {"name": "default", "namespace": item["metadata"]["name"]}}
            await FakeKubeClient.create(self, resources.SERVICE_ACCOUNTS, account)
        return stored


def installed(**changes: object) -> Installation:
    deployments = {
        item["metadata"]["name"]: {**item, "status": complete({"metadata": {"generation": 1}, **item})}
        for item in render_objects(InstallSettings())
        if item["kind"] == "Deployment" and not item["metadata"].update(generation=1)
    }
    return seen(**{"deployments": deployments, **changes})


async def flown(client: FakeKubeClient, installation: Installation) -> list[Trial]:
    return [trial async for trial in canary.fly(client, installation, "abc", patience=ONCE)]


def answer(request: bytes) -> bytes:
    """Answer as the gateway passes it on."""
    name = b"child" if b"Host: alcove-canary-abc-child.s." in request else b"root"
    return b"HTTP/1.1 200 OK\r\nX-Canary: %s\r\n\r\n" % name


async def left(client: FakeKubeClient) -> list[str]:
    found = (await client.list(resources.NAMESPACES)).items
    return [item["metadata"]["name"] for item in found if "canary" in item["metadata"]["name"]]


async def test_every_stage_is_answered_and_nothing_stays() -> None:
    client = Running(["root", "child"], ["child", "root"])
    await put(client, namespace("azds", space=False))
    await create_all(client, resources.PODS, [gateway_pod()])
    client.ports["azds", "gw", 8080] = answer
    trials = await flown(client, installed(pods=[gateway_pod()]))
    assert [trial.name for trial in trials] == INSIDE + OUTSIDE
    assert not [trial for trial in trials if trial.problem]
    assert await left(client) == []


async def test_without_a_gateway_its_stages_are_left_out() -> None:
    trials = await flown(Running(["root", "child"], ["child", "root"]), installed(**NO_GATEWAY))
    assert [trial.name for trial in trials] == INSIDE


async def test_the_wrong_answer_is_told_with_what_to_look_at() -> None:
    client = Running(["root", "root"], ["child", "nobody"])
    trials = await flown(client, installed(**NO_GATEWAY))
    assert [bool(trial.problem) for trial in trials] == [False, True, False, True]
    assert "with the key of the child is answered by root, not by child" in trials[1].problem
    assert "resolv.conf" in trials[3].hint and await left(client) == []


async def test_a_gateway_that_is_not_there_is_told() -> None:
    trials = await flown(Running(["root", "child"], ["child", "root"]), installed())
    assert "no pod of the gateway is ready" in trials[-1].problem


async def test_a_client_that_ends_is_told() -> None:
    trials = await flown(Running([], []), installed())
    assert "the client in the pod has ended" in trials[0].problem


async def test_a_pod_without_a_proxy_ends_it() -> None:
    client = Running([], [], injects=False)
    (trial,) = await flown(client, installed())
    assert "got no proxy" in trial.problem and await left(client) == []


async def test_who_may_not_make_namespaces_skips_it() -> None:
    client = Running([], [])
    client.denied = {("create", "namespaces")}
    (trial,) = await flown(client, installed())
    assert trial.skipped and not trial.problem
    (nothing,) = await flown(client, seen(deployments={}))
    assert nothing.skipped
