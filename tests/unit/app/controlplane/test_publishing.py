"""Objects in, what every proxy is to have out: with real compilers and a publisher, without a network."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from tests.unit.app.observation.objects import endpoint_slice, namespace, port, service

from alcove.app.controlplane.publishing import RoutePublisher
from alcove.app.controlplane.watching import ObjectStore, watched_by_controlplane
from alcove.kube.client import Object, WatchEvent
from alcove.pki import KeyPair
from alcove.routing.envoy.names import ProxySettings
from alcove.xds.publisher import Publisher
from alcove.xds.resources import ROUTES, Resource

WATCHES = [each.name for each in watched_by_controlplane("azds")]
NODE = "uid-web/amy/web"


class World:
    """A store that has listed everything, and what is published from it."""

    def __init__(self) -> None:
        self.store = ObjectStore(WATCHES)
        self.publisher = Publisher()
        self.encoded: list[str] = []
        self.routes = RoutePublisher(
            self.store, self.publisher, self, settings=ProxySettings(), fallback=KeyPair(b"", b"")
        )

    def encode(self, type_url: str, name: str, version: str, body: Mapping[str, object]) -> Resource:
        self.encoded.append(name)
        return Resource(type_url, name, version, msgspec.json.encode(body))

    def forget(self) -> None:
        """Keep nothing anyway."""

    def add(self, watch: str, *items: Object) -> None:
        for item in items:
            self.store.take(watch, WatchEvent("ADDED", item))

    def sync(self) -> None:
        for name in WATCHES:
            self.store.take(name, WatchEvent("SYNCED", {}))

    def routes_of(self, node: str) -> str:
        with self.publisher.connect(node) as seat:
            assert seat.latest
            return seat.latest.snapshot[ROUTES]["outbound"].body.decode()


def shop() -> World:
    world = World()
    world.add("namespaces", namespace("dev"), namespace("amy", "dev"))
    world.add("services", service("web.dev", port(80, "http"), address="10.96.0.1"))
    world.add("slices", endpoint_slice("web.dev", "10.42.0.9", ports={"http": 8080}))
    world.add(
        "proxies",
        {
            "metadata": {"name": "web", "namespace": "amy", "uid": "uid-web"},
            "status": {"phase": "Running", "podIP": "10.42.0.7"},
        },
    )
    return world


def test_nothing_is_published_before_everything_was_listed() -> None:
    world = shop()
    assert not world.routes.build()
    assert world.publisher.statuses() == []
    world.sync()
    assert world.routes.build()
    assert [each.node_id for each in world.publisher.statuses()] == [NODE]


def test_an_override_changes_the_routes_and_nothing_else_is_encoded_again() -> None:
    world = shop()
    world.sync()
    world.routes.build()
    assert "10.96.0.2:80" not in world.routes_of(NODE)
    world.encoded.clear()
    world.add("services", service("web.amy", port(80, "http"), address="10.96.0.2"))
    world.add("slices", endpoint_slice("web.amy", "10.42.0.8", ports={"http": 8080}))
    assert world.routes.build()
    assert "10.96.0.2:80" in world.routes_of(NODE)
    assert "outbound" in world.encoded
    assert "orig" not in world.encoded


def test_a_change_that_means_nothing_builds_nothing() -> None:
    world = shop()
    world.sync()
    world.routes.build()
    sequence = world.publisher.status(NODE).sequence
    world.add("nodes", {"metadata": {"name": "n1"}, "status": {"conditions": []}})
    assert not world.routes.build()
    assert world.publisher.status(NODE).sequence == sequence


def test_a_pod_that_is_gone_is_forgotten() -> None:
    world = shop()
    world.sync()
    world.routes.build()
    gone = {"metadata": {"name": "web", "namespace": "amy"}}
    world.store.take("proxies", WatchEvent("DELETED", gone))
    assert world.routes.build()
    assert world.publisher.statuses() == []


def test_two_replicas_publish_the_same_versions() -> None:
    one, two = shop(), shop()
    for world in (one, two):
        world.sync()
        world.routes.build()
    assert one.publisher.status(NODE).version == two.publisher.status(NODE).version
