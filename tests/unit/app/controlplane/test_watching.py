from __future__ import annotations

from tests.unit.app.controlplane.clients import RefusingClient

from alcove import aio
from alcove.app.controlplane.watching import ObjectStore, Watched, follow_cluster, watched_by_controlplane
from alcove.app.observation.fetching import SERVICE_CIDRS
from alcove.kube import errors, resources
from alcove.kube.client import WatchEvent
from alcove.kube.fake import FakeKubeClient

WATCHES = (Watched("namespaces", resources.NAMESPACES), Watched("services", resources.SERVICES))


async def until(store: ObjectStore, names: set[str]) -> None:
    """Wait until the namespaces are these; the test's time-out is the bound."""
    with store.changes() as changed:
        while not store.observed or {key["metadata"]["name"] for key in store.items("namespaces")} != names:
            changed.clear()
            await changed.wait()


async def test_a_store_follows_a_cluster_through_interruptions() -> None:
    client, store = FakeKubeClient(), ObjectStore(each.name for each in WATCHES)
    async with aio.open_background(name="test") as background:
        background.start(follow_cluster(client, store, WATCHES), name="follow")
        await until(store, {"default"})
        await client.create(resources.NAMESPACES, {"metadata": {"name": "dev", "managedFields": []}})
        await until(store, {"default", "dev"})
        client.break_watches()
        client.forget_history()
        await client.delete(resources.NAMESPACES, "dev")
        await until(store, {"default"})


def test_nothing_counts_as_observed_before_everything_was_listed() -> None:
    store = ObjectStore(["one", "two"])
    assert store.pending == ("one", "two")
    store.take("one", WatchEvent("SYNCED", {}))
    assert not store.observed
    store.take("two", WatchEvent("SYNCED", {}))
    assert store.observed


def test_what_is_not_told_again_after_a_new_beginning_is_gone_and_stays_until_then() -> None:
    store = ObjectStore(["pods"])
    old, kept = {"metadata": {"name": "old"}}, {"metadata": {"name": "kept"}}
    for item in (old, kept):
        store.take("pods", WatchEvent("ADDED", item))
    store.take("pods", WatchEvent("SYNCED", {}))
    store.begin("pods")
    store.take("pods", WatchEvent("ADDED", kept))
    assert len(store.items("pods")) == 2
    store.take("pods", WatchEvent("SYNCED", {}))
    assert store.items("pods") == [kept]


def test_bookkeeping_is_left_out() -> None:
    store = ObjectStore(["pods"])
    store.take("pods", WatchEvent("ADDED", {"metadata": {"name": "a", "managedFields": [{}]}}))
    assert store.find("pods", "", "a") == {"metadata": {"name": "a"}}


async def test_a_resource_that_is_not_served_counts_as_empty() -> None:
    store = ObjectStore(["ranges"])
    watches = (Watched("ranges", SERVICE_CIDRS, optional=True),)
    old = RefusingClient(errors.NotFoundError("the server could not find the requested resource", code=404))
    async with aio.open_background(name="test") as background:
        background.start(follow_cluster(old, store, watches), name="follow")
        with store.changes() as changed:
            while not store.observed:
                changed.clear()
                await changed.wait()


def test_each_watch_has_a_name_of_its_own() -> None:
    names = [each.name for each in watched_by_controlplane("azds")]
    assert len(set(names)) == len(names)
