from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.app.hub.workstations import Hub, serving
from tests.unit.app.hub.worlds import Space
from tests.unit.app.up.worlds import UserClient, hub_pod, open_user

from alcove.app.up import calling
from alcove.app.up.calling import CallError, HubClient, checked
from alcove.errors import UnavailableError
from alcove.kube import resources
from alcove.sessions import calls
from alcove.sessions.wire import LostError


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with serving(Space(tmp_path)) as hub:
        yield hub


async def test_the_hub_answers(hub: Hub) -> None:
    calls_ = HubClient(await open_user(hub), "dev")
    assert (await calls_.wait(seconds=20)).namespace == "dev"
    assert await calls_.ask(calls.List()) == calls.Sessions(())


async def test_a_refusal_has_its_parts_and_its_code(hub: Hub) -> None:
    with pytest.raises(CallError, match="there is no session 'x'") as caught:
        await HubClient(await open_user(hub), "dev").ask(calls.Down("x"))
    assert caught.value.exit_code == 4 and caught.value.hint == "alcove up starts one"


async def test_a_space_without_a_hub(hub: Hub) -> None:
    client = await open_user()
    with pytest.raises(LostError, match="the space 'dev' has no hub"):
        await HubClient(client, "dev").ask(calls.List())
    with pytest.raises(UnavailableError) as caught:
        await HubClient(client, "dev").wait(seconds=0)
    assert caught.value.cause == "the space has no hub" and "kubectl describe" in caught.value.hint


async def test_a_hub_that_has_moved_is_found_again(hub: Hub) -> None:
    client = await open_user(hub)
    mine = HubClient(client, "dev")
    await mine.ask(calls.List())
    await client.delete(resources.PODS, "alcove-hub-1", namespace="dev")
    await client.create(resources.PODS, hub_pod("alcove-hub-2"))
    client.hubs["alcove-hub-2"] = hub.port
    with pytest.raises(LostError):
        await mine.ask(calls.List())
    assert await mine.ask(calls.List()) == calls.Sessions(())


async def test_a_cluster_that_is_away_is_a_lost_hub(hub: Hub) -> None:
    client = await open_user(hub)
    mine = HubClient(client, "dev")
    client.unreachable = True
    with pytest.raises(LostError):
        await mine.ask(calls.List())
    client.unreachable = False
    await mine.ask(calls.List())


async def waited(client: UserClient, monkeypatch: pytest.MonkeyPatch) -> tuple[UnavailableError, list[str]]:
    """Wait for a hub that does not come; give why, and what was said meanwhile."""
    monkeypatch.setattr(calling, "_PATIENCE", 0.0)
    said: list[str] = []
    with pytest.raises(UnavailableError) as caught:
        await HubClient(client, "dev").wait(seconds=20, tell=said.append)
    return caught.value, said


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (
            {
                "phase": "Pending",
                "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes fit"}],
            },
            "it cannot be scheduled: 0/1 nodes fit",
        ),
        (
            {
                "phase": "Running",
                "containerStatuses": [{"name": "hub", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
            },
            "container hub: CrashLoopBackOff",
        ),
    ],
)
async def test_what_keeps_a_hub_from_starting_is_told(
    monkeypatch: pytest.MonkeyPatch, status: dict[str, Any], trouble: str
) -> None:
    client = await open_user()
    await client.create(resources.PODS, hub_pod(**status))
    error, said = await waited(client, monkeypatch)
    assert error.cause == trouble and said == [f"The hub does not start yet: {trouble}"]


async def test_a_deployment_that_may_make_no_pod_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    client = await open_user()
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    item = {"metadata": {"name": "alcove-hub", "namespace": "dev"}, "status": {"conditions": [failure]}}
    await client.create(resources.DEPLOYMENTS, item)
    assert (await waited(client, monkeypatch))[0].cause == "exceeded quota"


def test_only_what_ends_a_call_is_raised() -> None:
    assert checked(calls.Problem("m")) == calls.Problem("m")
    with pytest.raises(CallError, match="m"):
        checked(calls.Problem("m", final=True))
