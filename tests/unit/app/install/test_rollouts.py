"""When a Deployment is complete, how long that is waited for, and what is said when it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.app.install.worlds import InstallClient, complete, controllers, create_all
from tests.unit.app.spaces.worlds import namespace, put

from alcove.app.install.rollouts import lacking, wait_for_balancer, wait_until_ready
from alcove.app.install.suffixes import Balancer
from alcove.errors import UnavailableError
from alcove.kube import resources
from alcove.kube.client import Object

FOREVER = 15.0
NAMES = ["alcove-controlplane", "alcove-gateway"]
DONE: dict[str, Any] = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "observedGeneration": 3}


def deployment(name: str = "alcove-controlplane", **status: Any) -> Object:
    meta = {"name": name, "namespace": "azds", "generation": 3}
    return {"metadata": meta, "spec": {"replicas": 2}, "status": status}


@pytest.fixture
async def client() -> InstallClient:
    client = InstallClient()
    await put(client, namespace("azds", space=False))
    return client


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (DONE, ""),
        ({}, "not been looked at"),
        (DONE | {"observedGeneration": 2}, "not been looked at"),
        (DONE | {"updatedReplicas": 1}, "1 of 2 pods are new"),
        (DONE | {"replicas": 3}, "old pods are still ending"),
        (DONE | {"availableReplicas": 1}, "1 of 2 pods are available"),
    ],
)
def test_what_a_rollout_lacks(status: dict[str, Any], told: str) -> None:
    found = lacking(deployment(**status))
    assert told in found and bool(told) == bool(found)


async def test_it_returns_once_all_are_complete(client: InstallClient) -> None:
    async with controllers(client):
        await create_all(client, resources.DEPLOYMENTS, map(deployment, NAMES))
        await wait_until_ready(client, NAMES, seconds=FOREVER)
    stored = await client.get(resources.DEPLOYMENTS, NAMES[0], namespace="azds")
    assert stored["status"] == complete(stored)


async def test_what_keeps_it_is_told_with_the_end_of_the_log(client: InstallClient) -> None:
    await create_all(client, resources.DEPLOYMENTS, [deployment(availableReplicas=0)])
    labels = {"app.kubernetes.io/name": "alcove", "app.kubernetes.io/component": "controlplane"}
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    ended = {"terminated": {"exitCode": 3, "reason": "Error"}}
    status = {"containerStatuses": [{"name": "controlplane", "state": waiting, "lastState": ended}]}
    pod = {"metadata": {"name": "p", "namespace": "azds", "labels": labels}, "status": status}
    await create_all(client, resources.PODS, [pod])
    client.logs["azds", "p"] = b"".join(b"line %d\n" % number for number in range(9))
    with pytest.raises(UnavailableError, match="not ready after") as caught:
        await wait_until_ready(client, NAMES, seconds=0.05)
    told = caught.value.cause
    assert "alcove-gateway: it is not there" in told
    assert "p/controlplane: CrashLoopBackOff, exit code 3" in told
    assert "| line 8" in told and "line 3" not in told


async def test_whoever_may_not_see_pods_is_told_so(client: InstallClient) -> None:
    client.denied = {("list", "pods")}
    with pytest.raises(UnavailableError) as caught:
        await wait_until_ready(client, NAMES, seconds=0.01)
    assert "you may not see the pods" in caught.value.cause


async def test_an_address_is_awaited_and_its_lack_is_no_error(client: InstallClient, tmp_path: Path) -> None:
    meta = {"name": "alcove-gateway", "namespace": "azds"}
    await create_all(client, resources.SERVICES, [{"metadata": meta, "spec": {"type": "LoadBalancer"}}])
    assert not await wait_for_balancer(client, seconds=0.01)
    async with controllers(client, address={"ip": "20.1.2.3"}):
        assert await wait_for_balancer(client, seconds=FOREVER) == Balancer("20.1.2.3")
