from __future__ import annotations

import asyncio

import pytest
from tests.unit.embedded.serving.fakes import Client, Cluster

POD = "/api/v1/namespaces/n/pods/p"
GONE = "/api/v1/namespaces/n/pods/gone"
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


async def test_a_log_is_text(client: Client, cluster: Cluster) -> None:
    answer, body = await client.answer("GET", f"{POD}/log?tailLines=5&container=c")
    assert (answer.content_type, body) == ("text/plain", b"one\ntwo\n")
    assert (cluster.pods.queries[0].tail_lines, cluster.pods.queries[0].container) == (5, "c")


async def test_an_empty_log_is_empty(client: Client, cluster: Cluster) -> None:
    cluster.pods.log = []
    answer, body = await client.answer("GET", f"{POD}/log")
    assert (answer.status, body) == (200, b"")


async def test_a_log_that_cannot_be_had_is_a_status(client: Client) -> None:
    status, body = await client.ask("GET", f"{GONE}/log")
    assert (status, body["reason"]) == (404, "NotFound")


async def test_a_followed_log_begins_before_its_first_line(client: Client, cluster: Cluster) -> None:
    cluster.pods.log = []
    async with client.open("GET", f"{POD}/log?follow=true") as answer:
        assert answer.status == 200


async def test_a_followed_log_ends_with_the_server(cluster: Cluster) -> None:
    other = Cluster()
    async with Client.connect(other) as client:
        async with other.serve():
            answer = await client.open("GET", f"{POD}/log?follow=true")
            await answer.content.readexactly(8)
        assert await answer.read() == b""


async def test_a_token_is_issued_for_an_account(client: Client) -> None:
    path = "/api/v1/namespaces/n/serviceaccounts/a/token"
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 700},
    }
    status, answer = await client.ask("POST", path, json=body)
    assert (status, answer["status"]["token"]) == (201, "token-of-n-a-700")


@pytest.mark.parametrize(
    "spec",
    [5, [], {"expirationSeconds": "x"}, {"audiences": 5}, {"boundObjectRef": 1}, {"expirationSeconds": True}],
)
async def test_a_malformed_token_request_is_refused(client: Client, spec: object) -> None:
    path = "/api/v1/namespaces/n/serviceaccounts/a/token"
    status, _ = await client.ask("POST", path, json={"spec": spec})
    assert status in (400, 422)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Upgrade request required"),
        ({"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}, "SPDY upgrades are not supported"),
        (HANDSHAKE | {"Sec-WebSocket-Protocol": "v1.nobody"}, "no protocol of"),
        (HANDSHAKE | {"Sec-WebSocket-Key": "short"}, "malformed WebSocket handshake"),
    ],
)
@pytest.mark.parametrize("path", [f"{POD}/exec?command=x&stdout=1", f"{POD}/portforward?ports=80"])
async def test_a_stream_needs_a_websocket(
    client: Client, path: str, headers: dict[str, str], message: str
) -> None:
    status, body = await client.ask("GET", path, headers=headers)
    assert status == 400
    assert body["message"].startswith(message)


async def test_a_command_in_a_pod_that_is_not_there_is_404_before_the_upgrade(client: Client) -> None:
    status, _ = await client.ask("GET", f"{GONE}/exec?command=x&stdout=1", headers=HANDSHAKE)
    assert status == 404


@pytest.mark.parametrize(
    ("method", "path", "code"), [("POST", "log", 405), ("DELETE", "exec", 405), ("GET", "log/x", 404)]
)
async def test_verbs_and_paths_that_are_not_known(client: Client, method: str, path: str, code: int) -> None:
    assert (await client.ask(method, f"{POD}/{path}"))[0] == code


async def test_a_client_that_leaves_a_log_is_forgotten(client: Client) -> None:
    async with asyncio.timeout(5), client.open("GET", f"{POD}/log?follow=true") as answer:
        assert await answer.content.readline() == b"one\n"
