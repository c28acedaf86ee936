"""When builders come and go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from alcove.admission.settings import ClusterDns, Images, InjectionSettings
from alcove.app.controlplane.builders import (
    WATCHES,
    BuilderKeeper,
    Creation,
    Observed,
    Plan,
    Removal,
    describe_action,
    plan_builders,
    waiting_on,
)
from alcove.app.controlplane.watching import ObjectStore
from alcove.builds.pods import BuilderSettings, builder_name, render_builder
from alcove.builds.runtimes import choose_runtime
from alcove.kube import errors, resources
from alcove.kube.client import Object, Selection, WatchEvent
from alcove.kube.fake import FakeKubeClient

NOW = 1_700_000_000.0
SETTINGS = BuilderSettings("alcove/builder:1", "Never", "10.96.0.9:443", "PEM")


def node(name: str = "node-1") -> Object:
    info = {"containerRuntimeVersion": "containerd://2.1", "kubeletVersion": "v1.36.2"}
    return {"metadata": {"name": name}, "status": {"nodeInfo": info}}


def session_pod(on: str | None = "node-1", *, state: Object | None = None, **status: Any) -> Object:
    waiting = {"name": "alcove-build", "state": state or {"running": {}}}
    return {
        "metadata": {"name": "web-0", "namespace": "dev", "labels": {"alcove.dev/session": "s"}},
        "spec": {"nodeName": on, "initContainers": [{"name": "alcove-init"}, {"name": "alcove-build"}]},
        "status": {"phase": "Pending", "initContainerStatuses": [waiting], **status},
    }


def builder(on: str = "node-1", **more: Any) -> Object:
    made = render_builder(on, choose_runtime(node()), SETTINGS)
    return {**made, "metadata": {**made["metadata"], "uid": "u-1", **more.pop("meta", {})}, **more}


def plan(
    pods: Iterable[Object] = (),
    builders: Iterable[Object] = (),
    *,
    nodes: Iterable[Object] = (node(),),
    now: float = NOW,
    idle: Mapping[str, float] | None = None,
) -> Plan:
    return plan_builders(Observed(pods, builders, nodes), SETTINGS, now, idle or {})


def removed(planned: Plan) -> list[str]:
    return [action.name for action in planned.actions if isinstance(action, Removal)]


def test_where_a_pod_waits_a_builder_is_made() -> None:
    (action,) = plan([session_pod(), session_pod()]).actions
    assert isinstance(action, Creation) and action.pod["spec"]["nodeName"] == "node-1"
    assert "node-1" in describe_action(action)


def test_where_there_is_one_nothing_is_done() -> None:
    assert plan([session_pod()], [builder()]) == Plan((), {})


@pytest.mark.parametrize(
    "pod",
    [
        session_pod(None),
        session_pod("node-of-nobody"),
        session_pod(state={"terminated": {"exitCode": 0}}),
        session_pod(phase="Running"),
        {**session_pod(), "metadata": {"name": "web-0", "deletionTimestamp": "2026-01-01T00:00:00Z"}},
        {"metadata": {"name": "web-0"}, "spec": {"nodeName": "node-1"}},
    ],
)
def test_no_builder_is_made_for_pods_that_do_not_wait_on_a_node(pod: Object) -> None:
    assert plan([pod]).actions == ()


def test_a_pod_waits_from_the_moment_at_which_it_has_a_node() -> None:
    assert waiting_on({**session_pod(), "status": {}}) == "node-1"
    assert waiting_on(session_pod(state={"terminated": {"exitCode": 1}})) == "node-1"


def test_a_builder_goes_after_ten_idle_minutes() -> None:
    first = plan(builders=[builder()])
    assert first == Plan((), {"node-1": NOW})
    later = plan(builders=[builder()], now=NOW + 599, idle=first.idle)
    assert later == Plan((), {"node-1": NOW})
    (action,) = plan(builders=[builder()], now=NOW + 600, idle=later.idle).actions
    assert action == Removal(builder_name("node-1"), "u-1") and "goes" in describe_action(action)


def test_whoever_waits_meanwhile_lets_the_minutes_begin_anew() -> None:
    busy = plan([session_pod()], [builder()], now=NOW + 300, idle={"node-1": NOW})
    assert busy.idle == {}
    assert plan(builders=[builder()], now=NOW + 700, idle=busy.idle).actions == ()


def test_a_builder_that_is_outdated_or_has_ended_is_replaced() -> None:
    outdated = builder(meta={"annotations": {}})
    ended = builder(status={"phase": "Failed"})
    for one in (outdated, ended):
        assert removed(plan([session_pod()], [one])) == [builder_name("node-1")]
    going = builder(meta={"annotations": {}, "deletionTimestamp": "2026-01-01T00:00:00Z"})
    assert plan([session_pod()], [going]).actions == ()


def test_a_builder_of_a_node_that_has_gone_goes() -> None:
    assert removed(plan(builders=[builder()], nodes=[])) == [builder_name("node-1")]


INJECTION = InjectionSettings(
    version="1",
    images=Images("alcove/proxy:1", "alcove/proxy:1", "Never"),
    control_plane="10.96.0.9",
    trust="PEM",
    dns=ClusterDns(("10.96.0.10",)),
)


def store_of(**observed: Iterable[Object]) -> ObjectStore:
    store = ObjectStore(["nodes", *(watch.name for watch in WATCHES)])
    for name in ("nodes", *(watch.name for watch in WATCHES)):
        for item in observed.get(name.replace("-", "_"), ()):
            store.take(name, WatchEvent("ADDED", item))
    return store


def keeper(client: FakeKubeClient, store: ObjectStore, **more: Any) -> BuilderKeeper:
    given = {"injection": lambda: INJECTION, "image": "alcove/builder:1", "pull_policy": "Never", **more}
    return BuilderKeeper(client, store, clock=lambda: NOW, **given)


async def cluster() -> FakeKubeClient:
    client = FakeKubeClient()
    await client.create(resources.NAMESPACES, {"metadata": {"name": "azds-build"}})
    return client


async def pods_of(client: FakeKubeClient) -> list[Object]:
    return list((await client.list(resources.PODS, Selection("azds-build"))).items)


async def test_what_is_planned_is_done_and_may_be_done_twice() -> None:
    client, store = await cluster(), store_of(nodes=[node()], session_pods=[session_pod()])
    for _ in range(2):
        await keeper(client, store).work()
    (made,) = await pods_of(client)
    assert made["metadata"]["name"] == builder_name("node-1")
    stale = {**made, "metadata": {**made["metadata"], "annotations": {}}}
    store = store_of(nodes=[node()], session_pods=[session_pod()], builders=[stale])
    for _ in range(2):
        await keeper(client, store).work()
    assert await pods_of(client) == []


async def test_the_builder_that_took_the_name_of_another_stays() -> None:
    client, store = await cluster(), store_of(nodes=[node()], session_pods=[session_pod()])
    await keeper(client, store).work()
    stale = builder(meta={"annotations": {}, "uid": "another"})
    await keeper(client, store_of(nodes=[node()], builders=[stale])).work()
    assert len(await pods_of(client)) == 1


@pytest.mark.parametrize("unknown", [{"image": ""}, {"injection": lambda: None}])
async def test_nothing_is_made_while_something_is_unknown(unknown: dict[str, Any]) -> None:
    client, store = await cluster(), store_of(nodes=[node()], session_pods=[session_pod()])
    await keeper(client, store, **unknown).work()
    assert await pods_of(client) == []


async def test_a_cluster_that_refuses_is_told_to_the_writer() -> None:
    client, store = await cluster(), store_of(nodes=[node()], session_pods=[session_pod()])
    client.unreachable = True
    with pytest.raises(errors.UnreachableError):
        await keeper(client, store).work()
    with pytest.raises(errors.NotFoundError):
        await keeper(FakeKubeClient(), store).work()
