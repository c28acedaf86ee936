"""The server over real gRPC and mutual TLS: who is let in, what is told, how streams end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from tests.feature.xds.certificates import Authority
from tests.feature.xds.client import NODE, Client, connect

from alcove.aio import open_background
from alcove.errors import UnavailableError
from alcove.xds.publisher import Publisher
from alcove.xds.resources import CLUSTER, ROUTES, SECRET, Resource, Snapshot
from alcove.xds.server import DiscoveryServer, ServerSettings, open_server


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
async def server(publisher: Publisher, authority: Authority) -> AsyncIterator[DiscoveryServer]:
    async with open_server(publisher, authority.of_server()) as server:
        yield server


@pytest.fixture
async def client(server: DiscoveryServer, authority: Authority) -> AsyncIterator[Client]:
    async with connect(server.address, authority, authority.of_node(NODE)) as client:
        yield client


def one(name: str, body: bytes = b"body", type_url: str = CLUSTER) -> Snapshot:
    return Snapshot([Resource.from_body(type_url, name, body)])


async def test_a_published_snapshot_is_sent_and_acked(client: Client, publisher: Publisher) -> None:
    sequence = publisher.publish(NODE, one("a"))
    await client.say(CLUSTER, node=NODE)
    response = await client.hear()
    assert [(r.name, r.resource.type_url, r.resource.value) for r in response.resources] == [
        ("a", CLUSTER, b"body")
    ]
    await client.say(CLUSTER, response_nonce=response.nonce)
    status = await publisher.wait_acked(NODE, sequence)
    assert (status.acked, status.streams, status.responses, status.refusals) == (sequence, 1, 1, ())


async def test_a_node_waits_for_its_first_snapshot(client: Client, publisher: Publisher) -> None:
    await client.say(CLUSTER, node=NODE)
    publisher.publish("uid-2/shop/other", one("not-yours"))
    publisher.publish(NODE, one("yours"))
    assert [r.name for r in (await client.hear()).resources] == ["yours"]


async def test_a_proxy_with_everything_is_told_nothing(client: Client, publisher: Publisher) -> None:
    snapshot = one("a")
    sequence = publisher.publish(NODE, snapshot)
    has = {"a": snapshot[CLUSTER]["a"].version}
    await client.say(CLUSTER, node=NODE, initial_resource_versions=has)
    assert (await publisher.wait_acked(NODE, sequence)).responses == 0


async def test_a_refusal_is_in_the_status_and_the_log(
    client: Client, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    sequence = publisher.publish(NODE, one("a"))
    await client.say(CLUSTER, node=NODE)
    await client.say(CLUSTER, response_nonce=(await client.hear()).nonce, error="no such thing")
    status = await publisher.wait_acked(NODE, sequence)
    assert [(r.names, r.error) for r in status.refusals] == [(("a",), "no such thing")]
    assert f"node {NODE} refused Cluster a: no such thing" in caplog.text


async def test_a_refused_secret_is_not_quoted(
    client: Client, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    sequence = publisher.publish(NODE, one("cert", type_url=SECRET))
    await client.say(SECRET, node=NODE, resource_names_subscribe=["cert"])
    await client.say(SECRET, response_nonce=(await client.hear()).nonce, error="bad key hunter2")
    assert "hunter2" not in str((await publisher.wait_acked(NODE, sequence)).refusals) + caplog.text


@pytest.mark.parametrize("claim", ["", "uid-2/shop/web-0"])
async def test_a_claim_that_is_not_the_certificates_is_refused(client: Client, claim: str) -> None:
    await client.say(CLUSTER, node=claim)
    code, reason = await client.end()
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert f"node.id is {claim!r} but the certificate is of {NODE!r}" in reason


async def test_a_common_name_is_an_identity(server: DiscoveryServer, authority: Authority) -> None:
    async with connect(server.address, authority, authority.issue(NODE)) as client:
        await client.say(CLUSTER, node="somebody-else")
        assert NODE in (await client.end())[1]


async def test_another_trust_domain_is_refused(server: DiscoveryServer, authority: Authority) -> None:
    pair = authority.of_node(NODE, domain="elsewhere")
    async with connect(server.address, authority, pair) as client:
        await client.say(CLUSTER, node=NODE)
        assert "trust domain 'elsewhere', not 'alcove'" in (await client.end())[1]


async def test_another_authority_never_gets_a_stream(server: DiscoveryServer, authority: Authority) -> None:
    async with connect(server.address, authority, Authority().of_node(NODE)) as client:
        assert (await client.end())[0] is grpc.StatusCode.UNAVAILABLE


async def test_state_of_the_world_is_answered_by_a_sentence(
    server: DiscoveryServer, authority: Authority
) -> None:
    pair = authority.of_node(NODE)
    async with connect(server.address, authority, pair, method="StreamAggregatedResources") as client:
        code, reason = await client.end()
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "DELTA_GRPC" in reason


async def test_what_is_no_request_ends_the_stream(client: Client) -> None:
    await client.say(CLUSTER, node=NODE)
    await client.say_bytes(b"\xff\xff")
    assert (await client.end())[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_silence_ends_the_stream(publisher: Publisher, authority: Authority) -> None:
    settings = ServerSettings(first_request_timeout=0.01)
    async with (
        open_server(publisher, authority.of_server(), settings) as server,
        connect(server.address, authority, authority.of_node(NODE)) as client,
    ):
        assert (await client.end())[0] is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_proxy_that_leaves_gives_its_seat_back(client: Client, publisher: Publisher) -> None:
    await client.say(CLUSTER, node=NODE)
    publisher.publish(NODE, one("a"))
    await client.hear()
    await client.leave()
    assert (await client.end())[0] is grpc.StatusCode.OK
    assert publisher.status(NODE).streams == 0


async def test_closing_tells_streams_why(publisher: Publisher, authority: Authority) -> None:
    publisher.publish(NODE, one("a"))
    async with open_server(publisher, authority.of_server()) as server:
        stream = connect(server.address, authority, authority.of_node(NODE))
        client = await stream.__aenter__()
        await client.say(CLUSTER, node=NODE)
        await client.hear()
    assert await client.end() == (grpc.StatusCode.UNAVAILABLE, "the server is shutting down")
    await stream.__aexit__(None, None, None)


async def test_certificates_change_under_live_streams(
    server: DiscoveryServer, client: Client, publisher: Publisher, authority: Authority
) -> None:
    publisher.publish(NODE, one("a"))
    await client.say(CLUSTER, node=NODE)
    first = await client.hear()
    later, other = Authority(), "uid-9/shop/web-9"
    server.rotate(later.of_server())
    async with connect(server.address, authority, authority.of_node(NODE)) as outdated:
        assert (await outdated.end())[0] is grpc.StatusCode.UNAVAILABLE
    publisher.publish(other, one("b"))
    async with connect(server.address, later, later.of_node(other)) as newcomer:
        await newcomer.say(CLUSTER, node=other)
        assert [r.name for r in (await newcomer.hear()).resources] == ["b"]
    publisher.publish(NODE, one("a", b"changed"))
    await client.say(CLUSTER, response_nonce=first.nonce)
    assert (await client.hear()).resources[0].resource.value == b"changed"


async def test_a_port_has_one_server(server: DiscoveryServer, authority: Authority) -> None:
    settings = ServerSettings(port=int(server.address.rpartition(":")[2]))
    with pytest.raises(UnavailableError, match=r"cannot listen on 127\.0\.0\.1"):
        async with open_server(Publisher(), authority.of_server(), settings):
            pass


async def test_a_proxy_that_does_not_read_delays_nobody(
    server: DiscoveryServer, client: Client, publisher: Publisher, authority: Authority
) -> None:
    other = "uid-2/shop/web-1"
    big = Snapshot(Resource(ROUTES, f"r{i}", "1", bytes(1 << 20)) for i in range(3))
    publisher.publish(NODE, big)
    await client.say(ROUTES, node=NODE)
    for change in range(20):
        publisher.publish(NODE, Snapshot([*big[ROUTES].values(), Resource(CLUSTER, "c", str(change), b"")]))
        sequence = publisher.publish(other, one("a", str(change).encode()))
    async with connect(server.address, authority, authority.of_node(other)) as reader:
        await reader.say(CLUSTER, node=other)
        await reader.say(CLUSTER, response_nonce=(await reader.hear()).nonce)
        assert (await publisher.wait_acked(other, sequence)).acked == sequence
    assert publisher.status(NODE).responses <= 1


async def test_the_oldest_of_too_many_streams_ends(
    server: DiscoveryServer, client: Client, publisher: Publisher, authority: Authority
) -> None:
    publisher.publish(NODE, one("a"))
    await client.say(CLUSTER, node=NODE)
    await client.hear()
    async with open_background(name="visitors") as visitors:
        for number in range(4):
            visitors.start(_visit(server, authority), name=str(number))
        code, reason = await client.end()
    assert code is grpc.StatusCode.UNAVAILABLE
    assert "more than 4 streams" in reason


async def _visit(server: DiscoveryServer, authority: Authority) -> None:
    async with connect(server.address, authority, authority.of_node(NODE)) as client:
        await client.say(CLUSTER, node=NODE)
        await client.hear()
        await client.end()
