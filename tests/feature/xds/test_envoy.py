"""A real Envoy does what was published, keeps doing it, and says what it refuses."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.feature.xds.certificates import Authority
from tests.feature.xds.envoys import NODE, Envoy, cluster, endpoints, listener, open_envoy, routes
from tests.feature.xds.traffic import Traffic, open_application, open_traffic

from alcove.aio import open_background
from alcove.xds.publisher import NodeStatus, Publisher
from alcove.xds.resources import CLUSTER, ROUTES, Resource, Snapshot
from alcove.xds.server import open_server


@dataclass(frozen=True)
class Stage:
    """One Envoy, two applications behind it, and what it has been given."""

    publisher: Publisher
    envoy: Envoy
    traffic: Traffic
    resources: dict[str, Resource]

    async def push(self, *changed: Resource, drop: tuple[str, ...] = ()) -> NodeStatus:
        """Replace resources (keys: type and name) and wait until Envoy has answered."""
        self.resources.update({_key(resource): resource for resource in changed})
        for key in drop:
            del self.resources[key]
        sequence = self.publisher.publish(NODE, Snapshot(self.resources.values()))
        return await self.publisher.wait_acked(NODE, sequence)


def _key(resource: Resource) -> str:
    return f"{resource.type_url.rpartition('.')[2]} {resource.name}"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    authority, publisher = Authority(), Publisher()
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(open_application("first"))
        second = await stack.enter_async_context(open_application("second"))
        given = [
            *(cluster("first"), endpoints("first", first), cluster("second"), endpoints("second", second)),
            *(listener(tmp_path / "in.sock"), routes("first")),
        ]
        server = await stack.enter_async_context(open_server(publisher, authority.of_server()))
        publisher.publish(NODE, Snapshot(given))
        envoy = await stack.enter_async_context(
            open_envoy(tmp_path, server.address, pair=authority.of_node(NODE), authority=authority.pem)
        )
        await envoy.see("starting worker 0")
        traffic = await stack.enter_async_context(open_traffic(tmp_path / "in.sock"))
        yield Stage(publisher, envoy, traffic, {_key(resource): resource for resource in given})


async def test_requests_follow_the_routes(stage: Stage) -> None:
    assert await stage.traffic.ask() == "first"
    status = await stage.push(routes("second"))
    assert status.refusals == ()
    assert await stage.traffic.ask() == "second"


async def test_a_change_of_everything_loses_no_request(stage: Stage) -> None:
    async with open_application("third") as third, open_background(name="test") as background:
        background.start(stage.traffic.ask_forever(), name="traffic")
        await stage.traffic.more(5)
        dropped = ("Cluster first", "ClusterLoadAssignment first")
        await stage.push(cluster("third"), endpoints("third", third), routes("third"), drop=dropped)
        await stage.traffic.more(5)
    answers = stage.traffic.answers
    assert set(answers) == {"first", "third"}
    assert answers == sorted(answers)


async def test_a_changed_cluster_is_warm_at_once(stage: Stage) -> None:
    # Were its endpoints not sent again, Envoy would hold its answer back for 15 s.
    status = await stage.push(cluster("first", connect_timeout="3s"))
    assert status.refusals == ()
    assert await stage.traffic.ask() == "first"


async def test_a_refused_resource_is_named_and_the_old_one_serves(stage: Stage, tmp_path: Path) -> None:
    sent = stage.publisher.status(NODE).responses
    bad = routes("second", prefix_rewrite="/\n")
    status = await stage.push(bad, cluster("third"), endpoints("third", 1))
    assert [(refusal.type_url, refusal.names) for refusal in status.refusals] == [(ROUTES, ("in",))]
    assert status.refusals[0].error
    assert await stage.traffic.ask() == "first"
    assert (await stage.push(drop=("Cluster third", "ClusterLoadAssignment third"))).responses == sent + 5
    assert (await stage.push(routes("second"))).refusals == ()
    assert await stage.traffic.ask() == "second"


async def test_one_bad_cluster_holds_no_other_back(stage: Stage) -> None:
    async with open_application("third") as third:
        bad = cluster("bad", outlier_detection={"max_ejection_percent": 1000})
        status = await stage.push(bad, cluster("third"), endpoints("third", third), routes("third"))
        assert [(refusal.type_url, refusal.names) for refusal in status.refusals] == [(CLUSTER, ("bad",))]
        assert await stage.traffic.ask() == "third"


async def test_a_removed_listener_stops_listening(stage: Stage) -> None:
    status = await stage.push(drop=("Listener in", "RouteConfiguration in"))
    assert status.refusals == ()
    await stage.envoy.see("lds: remove listener 'in'")
