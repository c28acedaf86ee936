"""One stream at work over a wire in memory."""

from __future__ import annotations

import asyncio

from envoy.service.discovery.v3 import discovery_pb2
from tests.unit.xds.proxies import snapshot

from alcove.xds.conversation import serve_stream
from alcove.xds.publisher import Closing, Ending, Publisher
from alcove.xds.resources import CLUSTER
from alcove.xds.stream import Request
from alcove.xds.subscription import StreamError


class MemoryWire:
    """A wire whose other end is a test."""

    def __init__(self) -> None:
        self.requests: asyncio.Queue[Request | StreamError | None] = asyncio.Queue()
        self.responses: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)

    async def read(self) -> Request | None:
        request = await self.requests.get()
        if isinstance(request, StreamError):
            raise request
        return request

    async def write(self, response: bytes) -> None:
        await self.responses.put(response)

    async def hear(self) -> tuple[str, dict[str, str]]:
        """Give the nonce and the resources of the next response."""
        message = discovery_pb2.DeltaDiscoveryResponse.FromString(await self.responses.get())
        return message.nonce, {each.name: each.version for each in message.resources}


async def serve(publisher: Publisher, wire: MemoryWire, first: Request) -> Closing:
    with publisher.connect("n") as seat:
        return await serve_stream(wire, first, seat, node_id="n")


async def test_changes_are_sent_until_the_proxy_leaves() -> None:
    publisher, wire = Publisher(), MemoryWire()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(publisher, wire, Request(CLUSTER)))
        for version in ("1", "2"):
            sequence = publisher.publish("n", snapshot((CLUSTER, "a", version)))
            nonce, resources = await wire.hear()
            assert resources == {"a": version}
            wire.requests.put_nowait(Request(CLUSTER, nonce=nonce))
            await publisher.wait_acked("n", sequence)
        wire.requests.put_nowait(None)
    assert serving.result().ending is Ending.PROXY_LEFT


async def test_a_slow_wire_skips_what_is_outdated() -> None:
    publisher, wire = Publisher(), MemoryWire()
    publisher.publish("n", snapshot((CLUSTER, "a", "1")))
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(publisher, wire, Request(CLUSTER)))
        nonce, _ = await wire.hear()
        for version in range(2, 50):
            sequence = publisher.publish("n", snapshot((CLUSTER, "a", str(version))))
        wire.requests.put_nowait(Request(CLUSTER, nonce=nonce))
        nonce, resources = await wire.hear()
        assert resources == {"a": "49"}
        wire.requests.put_nowait(Request(CLUSTER, nonce=nonce))
        assert (await publisher.wait_acked("n", sequence)).responses == 2
        publisher.close_streams("enough")


async def test_a_refusal_stays_in_the_status_until_it_is_mended() -> None:
    publisher, wire = Publisher(), MemoryWire()
    sequence = publisher.publish("n", snapshot((CLUSTER, "a", "1")))
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(publisher, wire, Request(CLUSTER)))
        nonce, _ = await wire.hear()
        wire.requests.put_nowait(Request(CLUSTER, nonce=nonce, error="x" * 5000))
        refusals = (await publisher.wait_acked("n", sequence)).refusals
        assert [(refusal.names, len(refusal.error)) for refusal in refusals] == [(("a",), 1000)]
        sequence = publisher.publish("n", snapshot((CLUSTER, "a", "2")))
        nonce, _ = await wire.hear()
        wire.requests.put_nowait(Request(CLUSTER, nonce=nonce))
        assert (await publisher.wait_acked("n", sequence)).refusals == ()
        publisher.close_streams("enough")


async def test_breaking_the_protocol_ends_the_stream() -> None:
    wire = MemoryWire()
    wire.requests.put_nowait(StreamError("nonsense"))
    assert await serve(Publisher(), wire, Request(CLUSTER)) == Closing(Ending.PROTOCOL, "nonsense")


async def test_a_stalled_wire_does_not_keep_a_stream_that_is_cancelled() -> None:
    publisher, wire = Publisher(), MemoryWire()
    wire.responses.put_nowait(b"nobody takes this")
    publisher.publish("n", snapshot((CLUSTER, "a", "1")))
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(publisher, wire, Request(CLUSTER)))
        for _ in range(5):
            await asyncio.sleep(0)
        serving.cancel()
    assert publisher.status("n").streams == 0
