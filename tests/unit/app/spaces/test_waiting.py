"""Waiting until a namespace is gone."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.app.spaces.worlds import BoundedClient, namespace, put

from alcove.app.spaces.plans import Ending
from alcove.app.spaces.waiting import holding, wait_until_gone
from alcove.errors import UnavailableError
from alcove.kube import resources
from alcove.kube.client import Object
from alcove.kube.fake import FakeKubeClient
from alcove.model import SpaceName

FOREVER = 15.0


def held() -> Object:
    item = namespace("dev")
    item["metadata"]["finalizers"] = ["example.com/keep"]
    return item


async def ending_of(client: FakeKubeClient) -> Ending:
    found = await client.get(resources.NAMESPACES, "dev")
    return Ending(SpaceName("dev"), found["metadata"]["uid"])


async def test_a_namespace_that_is_gone_is_not_waited_for() -> None:
    await wait_until_gone(FakeKubeClient(), Ending(SpaceName("dev"), "uid"), seconds=FOREVER)


async def test_another_namespace_of_the_name_does_not_count() -> None:
    client = FakeKubeClient()
    await put(client, namespace("dev"))
    await wait_until_gone(client, Ending(SpaceName("dev"), "another"), seconds=FOREVER)


async def test_the_end_is_seen_when_the_last_finalizer_goes() -> None:
    client = FakeKubeClient()
    await put(client, held())
    ending = await ending_of(client)
    await client.delete(resources.NAMESPACES, "dev")
    async with asyncio.timeout(FOREVER), asyncio.TaskGroup() as group:
        group.create_task(wait_until_gone(client, ending, seconds=FOREVER))
        await client.patch(resources.NAMESPACES, "dev", {"metadata": {"finalizers": None}})


async def test_what_holds_it_is_told_when_it_does_not_go() -> None:
    client = FakeKubeClient()
    await put(client, held())
    ending = await ending_of(client)
    await client.delete(resources.NAMESPACES, "dev")
    with pytest.raises(UnavailableError, match="still being deleted") as caught:
        await wait_until_gone(client, ending, seconds=0.01)
    assert "example.com/keep" in caught.value.cause and caught.value.exit_code == 3


async def test_who_may_not_watch_is_told_that_it_has_begun() -> None:
    client = BoundedClient()
    client.denied = {("list", "namespaces")}
    with pytest.raises(UnavailableError, match="not known") as caught:
        await wait_until_gone(client, Ending(SpaceName("dev"), "uid"), seconds=FOREVER)
    assert "has begun" in caught.value.cause


def test_only_conditions_that_hold_are_told() -> None:
    conditions = [
        {
            "type": "NamespaceContentRemaining",
            "status": "True",
            "message": "Some resources are remaining: pods.",
        },
        {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "all is well"},
        {"type": "Silent", "status": "True"},
    ]
    item = {"metadata": {}, "spec": {"finalizers": ["kubernetes"]}, "status": {"conditions": conditions}}
    assert list(holding(item)) == ["Some resources are remaining: pods.", "Silent"]
    assert list(holding({})) == []
