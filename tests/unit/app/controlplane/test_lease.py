from __future__ import annotations

from typing import Any

import pytest

from alcove.app.controlplane import lease
from alcove.app.controlplane.lease import Candidate, Move, plan_move
from alcove.app.controlplane.settings import LeaseSettings
from alcove.kube import errors, resources
from alcove.kube.fake import FakeKubeClient

SETTINGS = LeaseSettings(duration=15, renew=5)


def held(by: str, seconds: int = 15) -> dict[str, Any]:
    return {"spec": {"holderIdentity": by, "leaseDurationSeconds": seconds}}


@pytest.mark.parametrize(
    ("found", "seen_for", "move"),
    [
        (None, 0, Move.CREATE),
        (held("me"), 0, Move.RENEW),
        (held("me"), 100, Move.RENEW),
        (held("you"), 14.9, Move.WAIT),
        (held("you"), 15, Move.TAKE),
        (held("you", 60), 15, Move.WAIT),
        (held(""), 0, Move.TAKE),
        ({"spec": {}}, 0, Move.TAKE),
    ],
)
def test_moves(found: Any, seen_for: float, move: Move) -> None:
    assert plan_move(found, "me", seen_for=seen_for, settings=SETTINGS) is move


@pytest.fixture
async def client() -> FakeKubeClient:
    client = FakeKubeClient()
    await client.create(resources.NAMESPACES, {"metadata": {"name": "azds"}})
    return client


def candidate(client: FakeKubeClient, name: str) -> Candidate:
    return Candidate(client, "azds", name, settings=SETTINGS)


async def test_one_of_two_holds_it_and_the_other_takes_over_when_it_is_silent(client: FakeKubeClient) -> None:
    one, two = candidate(client, "one"), candidate(client, "two")
    assert await one.campaign(0, 1_700_000_000)
    assert not await two.campaign(1, 1_700_000_001)
    assert one.holds(9) and not two.holds(9)
    assert not one.holds(10)
    assert not await two.campaign(15.9, 1_700_000_015)
    assert await two.campaign(16, 1_700_000_016)
    found = await client.get(resources.LEASES, lease.NAME, namespace="azds")
    assert found["spec"]["holderIdentity"] == "two"
    assert found["spec"]["leaseTransitions"] == 1
    assert not await one.campaign(17, 1_700_000_017)
    assert not one.holds(17)


async def test_renewal_keeps_it(client: FakeKubeClient) -> None:
    one, two = candidate(client, "one"), candidate(client, "two")
    for moment in range(0, 60, 5):
        assert await one.campaign(moment, 1_700_000_000 + moment)
        assert not await two.campaign(moment, 1_700_000_000 + moment)


async def test_what_is_given_back_is_free_at_once(client: FakeKubeClient) -> None:
    one, two = candidate(client, "one"), candidate(client, "two")
    await one.campaign(0, 1_700_000_000)
    await one.resign()
    assert await two.campaign(1, 1_700_000_001)
    await one.resign()
    assert (await client.get(resources.LEASES, lease.NAME, namespace="azds"))["spec"][
        "holderIdentity"
    ] == "two"


async def test_without_the_api_server_it_is_held_until_it_runs_out(client: FakeKubeClient) -> None:
    one = candidate(client, "one")
    await one.campaign(0, 1_700_000_000)
    client.unreachable = True
    with pytest.raises(errors.UnreachableError):
        await one.campaign(5, 1_700_000_005)
    assert one.holds(9.9)
    assert not one.holds(10)
    await one.resign()
