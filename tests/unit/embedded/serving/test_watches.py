from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from tests.unit.embedded.serving.fakes import TYPES, Client, Cluster

from alcove.embedded import faults
from alcove.embedded.ports import RawEvent

PATH = "/api/v1/namespaces/n/configmaps?watch=true"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
BOOKMARK = RawEvent("BOOKMARK", None, revision=9, initial_end=True)
GONE = RawEvent("ERROR", None, status=faults.expired("too old").status())


def added(cluster: Cluster, kind: str = "ADDED") -> RawEvent:
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    return RawEvent(kind, cluster.registry.put(TYPES[0], "n", item), revision=1)


async def read_events(client: Client, *events: RawEvent | Exception, **more: Any) -> list[Any]:
    """Watch, let the events happen, and give as many lines as there are events."""
    async with client.open("GET", PATH, **more) as answer:
        assert answer.status == 200
        for event in events:
            client.cluster.registry.events.put_nowait(event)
        return [msgspec.json.decode(await answer.content.readline()) for _ in events]


async def test_each_event_is_a_line(client: Client, cluster: Cluster) -> None:
    events = [added(cluster), added(cluster, "MODIFIED"), added(cluster, "DELETED")]
    lines = await read_events(client, *events)
    assert [line["type"] for line in lines] == ["ADDED", "MODIFIED", "DELETED"]
    assert lines[0]["object"] == events[0].stored.object if events[0].stored else False


async def test_the_end_of_the_initial_events_is_a_bookmark(client: Client) -> None:
    (line,) = await read_events(client, BOOKMARK)
    assert line["object"]["kind"] == "ConfigMap"
    assert line["object"]["metadata"]["resourceVersion"] == "9"
    assert line["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


@pytest.mark.parametrize("event", [GONE, faults.expired("too old")])
async def test_an_error_is_an_event_with_its_status(client: Client, event: RawEvent | Exception) -> None:
    (line,) = await read_events(client, event)
    assert (line["type"], line["object"]["code"]) == ("ERROR", 410)


async def test_a_table_watch_sends_tables(client: Client, cluster: Cluster) -> None:
    lines = await read_events(client, added(cluster), BOOKMARK, headers=TABLE)
    assert [line["object"]["kind"] for line in lines] == ["Table", "Table"]
    assert [len(line["object"]["rows"]) for line in lines] == [1, 0]


async def test_a_watch_ends_when_its_time_is_up(client: Client, cluster: Cluster) -> None:
    answer, body = await client.answer("GET", f"{PATH}&timeoutSeconds=1")
    assert (answer.status, body) == (200, b"")
    await cluster.registry.watch_ended.wait()


async def test_a_watch_whose_client_left_is_given_up(client: Client, cluster: Cluster) -> None:
    async with client.open("GET", PATH):
        await cluster.registry.watching.wait()
    await cluster.registry.watch_ended.wait()


async def test_a_watch_ends_cleanly_with_the_server(cluster: Cluster) -> None:
    other = Cluster()
    async with asyncio.TaskGroup() as group, Client.connect(other) as client, other.serve():
        answer = group.create_task(client.answer("GET", PATH))
        await other.registry.watching.wait()
    assert answer.result()[1] == b""


async def test_a_broken_watch_is_cut_and_the_server_lives_on(client: Client) -> None:
    with pytest.raises(Exception, match=r"payload|disconnect|reset"):
        await read_events(client, RuntimeError("broken"))
    assert (await client.ask("GET", "/version"))[0] == 200


async def test_what_is_wrong_with_the_options_is_told_before_the_stream(client: Client) -> None:
    assert (await client.ask("GET", f"{PATH}&timeoutSeconds=x"))[0] == 400


async def test_the_deprecated_path_watches_one_object(client: Client, cluster: Cluster) -> None:
    async with client.open("GET", "/api/v1/watch/namespaces/n/configmaps/a"):
        await cluster.registry.watching.wait()
    assert cluster.registry.calls[0][1].field_selector == "metadata.name=a"
