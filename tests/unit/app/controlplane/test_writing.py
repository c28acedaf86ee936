from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.unit.app.observation.objects import namespace, port, service

from alcove.admission.settings import Images, InjectionSettings
from alcove.app.controlplane.watching import ObjectStore, watched_by_controlplane
from alcove.app.controlplane.writing import GATEWAY_CONFIG, Writer, render_gateway_config
from alcove.app.observation.spaces import ALIASES_ANNOTATION
from alcove.kube import resources
from alcove.kube.client import WatchEvent
from alcove.kube.fake import FakeKubeClient

NOW = 1_800_000_000.0
SETTINGS = InjectionSettings("1", Images("i", "p"), control_plane="10.96.0.9", trust="PEM")


@pytest.fixture
async def client() -> FakeKubeClient:
    client = FakeKubeClient()
    for name in ("azds", "dev", "amy"):
        await client.create(resources.NAMESPACES, {"metadata": {"name": name}})
    return client


@pytest.fixture
def store() -> ObjectStore:
    names = [each.name for each in watched_by_controlplane("azds")]
    store = ObjectStore(names)
    for item in (namespace("dev"), namespace("amy", "dev")):
        store.take("namespaces", WatchEvent("ADDED", item))
    store.take("services", WatchEvent("ADDED", service("web.amy", port(80, "http"), address="10.96.0.2")))
    for name in names:
        store.take(name, WatchEvent("SYNCED", {}))
    return store


async def test_a_round_writes_aliases_and_the_gateways_bootstrap(
    client: FakeKubeClient, store: ObjectStore
) -> None:
    await Writer(client, store, "azds", injection=lambda: SETTINGS, clock=lambda: NOW).work()
    annotations = (await client.get(resources.NAMESPACES, "amy"))["metadata"]["annotations"]
    assert json.loads(annotations[ALIASES_ANNOTATION])["10.96.0.2"]["service"] == "web"
    config = await client.get(resources.CONFIG_MAPS, GATEWAY_CONFIG, namespace="azds")
    assert config["data"] == render_gateway_config(SETTINGS)


async def test_nothing_is_written_before_everything_was_listed(client: FakeKubeClient) -> None:
    store = ObjectStore(["namespaces"])
    await Writer(client, store, "azds", injection=lambda: SETTINGS, clock=lambda: NOW).work()
    assert (await client.list(resources.CONFIG_MAPS)).items == []


async def test_a_duty_that_fails_keeps_none_of_the_others_from_being_done(
    client: FakeKubeClient, store: ObjectStore
) -> None:
    await client.delete(resources.NAMESPACES, "amy")
    await Writer(client, store, "azds", injection=lambda: SETTINGS, clock=lambda: NOW).work()
    assert await client.get(resources.CONFIG_MAPS, GATEWAY_CONFIG, namespace="azds")


async def test_a_pod_that_was_missed_gets_an_event_once(client: FakeKubeClient, store: ObjectStore) -> None:
    pod = {"metadata": {"name": "old", "namespace": "amy"}, "spec": {"containers": [{"name": "a"}]}}
    await client.create(resources.PODS, pod)
    for _ in range(2):
        await Writer(client, store, "azds", injection=lambda: SETTINGS, clock=lambda: NOW).work()
    (event,) = (await client.list(resources.EVENTS)).items
    assert event["involvedObject"]["name"] == "old"
    assert "before its namespace became a space" in event["message"]
    assert "restart its workload" in event["message"]


def test_what_the_gateway_is_started_with_refers_to_nothing_that_is_not_filled_in() -> None:
    trust = "-----BEGIN CERTIFICATE-----\nAA$AA\n"
    config = render_gateway_config(replace(SETTINGS, trust=trust))
    assert config.keys() == {"exchange", "bootstrap"}
    for text in config.values():
        assert "$(" not in text
        assert json.loads(text)["static_resources"]["listeners"]
    assert "id" not in json.loads(config["bootstrap"])["node"]
    assert json.loads(config["exchange"])["static_resources"]["listeners"][0]["address"]["pipe"]["path"] == (
        "/var/run/secrets/alcove/identity/pod/exchange.sock"
    )
    assert json.dumps(trust)[1:-1] in config["exchange"]


async def test_everybody_can_learn_where_certificates_come_from_and_who_vouches(
    client: FakeKubeClient, store: ObjectStore
) -> None:
    made = {"metadata": {"name": "alcove", "namespace": "azds"}, "data": {"version": "1"}}
    await client.create(resources.CONFIG_MAPS, made)
    current = SETTINGS
    writer = Writer(client, store, "azds", injection=lambda: current, clock=lambda: NOW)
    await writer.work()
    found = await client.get(resources.CONFIG_MAPS, "alcove", namespace="azds")
    assert found["data"] == {"version": "1", "trust": "PEM", "controlPlane": "10.96.0.9:443"}
    current = replace(SETTINGS, trust="PEM and newer", control_plane="fd00::9")
    await writer.work()
    found = await client.get(resources.CONFIG_MAPS, "alcove", namespace="azds")
    assert (found["data"]["trust"], found["data"]["controlPlane"]) == ("PEM and newer", "[fd00::9]:443")


async def test_an_installation_that_is_gone_is_not_made_up_again(
    client: FakeKubeClient, store: ObjectStore
) -> None:
    await Writer(client, store, "azds", injection=lambda: SETTINGS, clock=lambda: NOW).work()
    found = [one["metadata"]["name"] for one in (await client.list(resources.CONFIG_MAPS)).items]
    assert found == [GATEWAY_CONFIG]
