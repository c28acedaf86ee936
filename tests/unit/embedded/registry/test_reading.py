"""Lists and watches: one revision, pages, selections, and what is told when it is too late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.embedded.registry.clusters import WIDGET_CRD, Cluster, names

from alcove.embedded.faults import ApiError
from alcove.embedded.objects import ResourceType
from alcove.embedded.ports import ListOptions, RawEvent, WatchOptions
from alcove.embedded.registry import lists, watches
from alcove.embedded.storage import ObjectStore

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
CONFIGMAPS = ResourceType("", "v1", "ConfigMap", "configmaps", "configmap", True, ())


async def fill(cluster: Cluster, *wanted: str) -> None:
    for name in wanted:
        await cluster.make("configmaps", name)


async def label(cluster: Cluster, name: str, value: str | None) -> None:
    await cluster.patch("configmaps", name, {"metadata": {"labels": {"l": value}}})


# --------------------------------------------------------------------------------------------------- lists


async def test_a_list_tells_the_present_revision(cluster: Cluster) -> None:
    await fill(cluster, "b", "a")
    page = cluster.list("configmaps")
    assert (names(page), page.revision) == (["a", "b"], cluster.store.revision)


async def test_pages_are_of_one_revision(cluster: Cluster) -> None:
    await fill(cluster, "a", "b", "c", "d")
    first = cluster.list("configmaps", limit=2)
    assert (names(first), first.remaining) == (["a", "b"], 2)
    await cluster.delete("configmaps", "c")
    await fill(cluster, "bb", "e")
    await label(cluster, "d", "x")
    second = cluster.list("configmaps", limit=2, continue_token=first.continue_token)
    assert (names(second), second.revision, second.continue_token) == (["c", "d"], first.revision, "")
    assert "labels" not in second.items[1].object["metadata"]


async def test_pages_go_over_namespaces(cluster: Cluster) -> None:
    await cluster.make("namespaces", "other")
    await fill(cluster, "a", "b")
    await cluster.make("configmaps", "a", namespace="other")
    token, seen = "", []
    while True:
        page = cluster.list("configmaps", None, limit=1, continue_token=token)
        seen += [stored.key[1:] for stored in page.items]
        if not (token := page.continue_token):
            break
    assert seen == [("default", "a"), ("default", "b"), ("other", "a")]


async def test_a_page_that_is_too_old_is_gone(cluster: Cluster) -> None:
    await fill(cluster, "a", "b")
    token = cluster.list("configmaps", limit=1).continue_token
    cluster.time += 10_000
    await fill(cluster, "c")
    cluster.time += 10_000
    cluster.registry.expire_events()
    with pytest.raises(ApiError) as raised:
        cluster.list("configmaps", continue_token=token)
    assert (raised.value.code, raised.value.reason) == (410, "Expired")
    assert "continue parameter is too old" in raised.value.message


async def test_an_exact_revision_shows_what_was_then(cluster: Cluster) -> None:
    await fill(cluster, "a")
    then = str(cluster.store.revision)
    await fill(cluster, "b")
    exact = cluster.list("configmaps", resource_version=then, resource_version_match="Exact")
    assert (names(exact), str(exact.revision)) == (["a"], then)
    newer = cluster.list("configmaps", resource_version=then, resource_version_match="NotOlderThan")
    assert names(newer) == names(cluster.list("configmaps", resource_version=then)) == ["a", "b"]
    assert names(cluster.list("configmaps", resource_version=then, limit=9)) == ["a"]


async def test_a_revision_to_come_is_a_timeout_to_retry(cluster: Cluster) -> None:
    with pytest.raises(ApiError) as raised:
        cluster.list("configmaps", resource_version="99999")
    assert (raised.value.code, raised.value.reason) == (504, "Timeout")
    assert raised.value.details["causes"][0]["reason"] == "ResourceVersionTooLarge"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"resource_version": "x"}, 400),
        ({"resource_version": "-1"}, 400),
        ({"resource_version_match": "Exact"}, 422),
        ({"resource_version_match": "Exact", "resource_version": "0"}, 422),
        ({"resource_version_match": "Nearly", "resource_version": "1"}, 422),
        ({"continue_token": "nonsense"}, 400),
        ({"continue_token": "nonsense", "resource_version": "1"}, 400),
        ({"label_selector": "a in"}, 400),
        ({"field_selector": "spec.foo=bar"}, 400),
    ],
)
async def test_options_that_make_no_sense_are_refused(
    cluster: Cluster, options: dict[str, Any], code: int
) -> None:
    with pytest.raises(ApiError) as raised:
        cluster.list("configmaps", **options)
    assert raised.value.code == code


@given(token=st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))))
def test_any_token_is_a_page_or_an_api_error(token: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = ObjectStore.open(tmp_path_factory.mktemp("store") / "objects.db")
    try:
        lists.list_page(store, CONFIGMAPS, None, ListOptions(continue_token=token))
    except ApiError as error:
        assert error.code in (400, 410)
    finally:
        store.close()


async def test_other_versions_show_the_same_objects(cluster: Cluster) -> None:
    await cluster.create(CRDS, WIDGET_CRD)
    beta = cluster.type("widgets.example.com", "v1beta1")
    item = {"metadata": {"name": "a"}, "spec": {"size": 1}}
    made = await cluster.registry.create(beta, "default", item, cluster.api._options)
    assert made.object["apiVersion"] == "example.com/v1beta1"
    assert cluster.get("widgets.example.com", "a")["apiVersion"] == "example.com/v1"
    (shown,) = cluster.registry.list(beta, None, ListOptions()).items
    assert msgspec.json.decode(shown.encoded) == shown.object == made.object


# ------------------------------------------------------------------------------------------------- watches


class Watcher:
    """A watch whose events a test takes one by one."""

    def __init__(self, cluster: Cluster, namespace: str | None = "default", **options: Any) -> None:
        kind = cluster.type("configmaps")
        self.events = cluster.registry.watch(kind, namespace, WatchOptions(**options))

    async def next(self) -> RawEvent:
        async with asyncio.timeout(5):
            return await anext(self.events)

    async def take(self, count: int) -> list[str]:
        return [_told(await self.next()) for _ in range(count)]


def _told(event: RawEvent) -> str:
    return f"{event.type} {event.stored.key.name}" if event.stored else event.type


async def collect(events: AsyncIterator[RawEvent]) -> list[str]:
    async with asyncio.timeout(5):
        return [_told(event) async for event in events]


@pytest.mark.parametrize("version", ["", "0"])
async def test_a_watch_begins_with_what_there_is(cluster: Cluster, version: str) -> None:
    await fill(cluster, "a", "b")
    watcher = Watcher(cluster, resource_version=version)
    await fill(cluster, "c")
    await cluster.delete("configmaps", "a")
    assert await watcher.take(4) == ["ADDED a", "ADDED b", "ADDED c", "DELETED a"]


async def test_a_watch_from_a_revision_gives_what_came_after(cluster: Cluster) -> None:
    await fill(cluster, "a")
    watcher = Watcher(cluster, resource_version=str(cluster.store.revision))
    await label(cluster, "a", "x")
    event = await watcher.next()
    assert _told(event) == "MODIFIED a"
    assert event.stored and msgspec.json.decode(event.stored.encoded) == cluster.get("configmaps", "a")


async def test_a_waiting_watcher_is_woken(cluster: Cluster) -> None:
    watcher = Watcher(cluster)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(watcher.next())
        await asyncio.sleep(0)
        await fill(cluster, "a")
    assert _told(waiting.result()) == "ADDED a"


async def test_a_watch_of_a_namespace_sees_no_other(cluster: Cluster) -> None:
    await cluster.make("namespaces", "other")
    watcher, everywhere = Watcher(cluster), Watcher(cluster, None)
    await cluster.make("configmaps", "a", namespace="other")
    await fill(cluster, "b")
    assert await watcher.take(1) == ["ADDED b"]
    assert await everywhere.take(2) == ["ADDED a", "ADDED b"]


async def test_objects_enter_and_leave_a_selection(cluster: Cluster) -> None:
    await fill(cluster, "a", "b")
    await label(cluster, "b", "x")
    watcher = Watcher(cluster, label_selector="l=x")
    await label(cluster, "a", "x")
    await cluster.patch("configmaps", "a", {"data": {"x": "y"}})
    await label(cluster, "a", "other")
    await cluster.patch("configmaps", "a", {"data": {"x": "z"}})
    await cluster.delete("configmaps", "a")
    await cluster.delete("configmaps", "b")
    told = await watcher.take(5)
    assert told == ["ADDED b", "ADDED a", "MODIFIED a", "DELETED a", "DELETED b"]


async def test_an_object_that_leaves_is_shown_as_it_was_under_the_new_revision(cluster: Cluster) -> None:
    await fill(cluster, "a")
    await label(cluster, "a", "x")
    watcher = Watcher(cluster, label_selector="l=x", resource_version=str(cluster.store.revision))
    await label(cluster, "a", None)
    event = await watcher.next()
    assert event.stored and event.stored.object["metadata"]["labels"] == {"l": "x"}
    assert event.stored.object["metadata"]["resourceVersion"] == str(cluster.store.revision)


async def test_a_field_selector_watches_one_object(cluster: Cluster) -> None:
    watcher = Watcher(cluster, field_selector="metadata.name=b")
    await fill(cluster, "a", "b", "c")
    await cluster.delete("configmaps", "b")
    assert await watcher.take(2) == ["ADDED b", "DELETED b"]


async def test_initial_events_end_with_a_bookmark(cluster: Cluster) -> None:
    await fill(cluster, "a")
    watcher = Watcher(
        cluster, send_initial_events=True, allow_bookmarks=True, resource_version_match="NotOlderThan"
    )
    await watcher.next()
    bookmark = await watcher.next()
    assert (bookmark.type, bookmark.initial_end) == ("BOOKMARK", True)
    assert bookmark.revision == cluster.store.revision


async def test_a_watch_ends_in_time_with_a_last_bookmark(cluster: Cluster) -> None:
    kind = cluster.type("configmaps")
    await fill(cluster, "a")
    quiet = WatchOptions(seconds=0.01)
    assert await collect(cluster.registry.watch(kind, None, quiet)) == ["ADDED a"]
    marked = WatchOptions(seconds=0.01, allow_bookmarks=True)
    assert await collect(cluster.registry.watch(kind, None, marked)) == ["ADDED a", "BOOKMARK"]


async def test_bookmarks_come_by_themselves(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "BOOKMARK_SECONDS", 0.001)
    watcher = Watcher(cluster, allow_bookmarks=True)
    await cluster.make("namespaces", "unrelated")
    bookmark = await watcher.next()
    assert (bookmark.type, bookmark.revision) == ("BOOKMARK", cluster.store.revision)


async def test_a_watch_from_too_long_ago_is_refused_at_once(cluster: Cluster) -> None:
    await fill(cluster, "a", "b")
    cluster.reopen()
    with pytest.raises(ApiError) as raised:
        Watcher(cluster, resource_version="1")
    assert raised.value.code == 410


async def test_a_watcher_that_lags_too_far_gets_an_error_and_the_end(cluster: Cluster) -> None:
    watcher = Watcher(cluster)
    await fill(cluster, "a")
    assert await watcher.take(1) == ["ADDED a"]
    await fill(cluster, "b")
    cluster.time += 10_000
    cluster.registry.expire_events()
    event = await watcher.next()
    assert (event.type, (event.status or {})["code"]) == ("ERROR", 410)
    with pytest.raises(StopAsyncIteration):
        await watcher.next()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"resource_version": "x"}, 400),
        ({"resource_version": "99999"}, 504),
        ({"send_initial_events": True}, 422),
        ({"resource_version_match": "NotOlderThan"}, 422),
        ({"field_selector": "spec.x=y"}, 400),
    ],
)
async def test_watch_options_that_make_no_sense_are_refused(
    cluster: Cluster, options: dict[str, Any], code: int
) -> None:
    with pytest.raises(ApiError) as raised:
        Watcher(cluster, **options)
    assert raised.value.code == code
