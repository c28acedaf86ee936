from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.embedded.serving.fakes import Client, Cluster, FakeRegistry

from alcove.embedded.serving import bodies, protobuf

VERSION = b"GET /version HTTP/1.0\r\n\r\n"
MAPS = "/api/v1/namespaces/n/configmaps"


class BrokenRegistry(FakeRegistry):
    """Cannot even list."""

    def list(self, *_: Any) -> Any:
        raise KeyError("secret-detail")


async def test_an_unforeseen_error_is_a_500_and_the_server_lives_on(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Cluster()
    broken.replace_backends(registry=BrokenRegistry())
    with caplog.at_level(logging.ERROR):
        async with broken.serve(), Client.connect(broken) as other:
            status, body = await other.ask("GET", MAPS)
            assert (status, body["reason"]) == (500, "InternalError")
            assert (await other.ask("GET", "/version"))[0] == 200
    assert "secret-detail" not in json.dumps(body)
    assert "secret-detail" in caplog.text


async def test_answers_are_indented_for_people(client: Client) -> None:
    _, body = await client.answer("GET", "/version?pretty=true")
    assert body == b'{\n  "gitVersion": "v1.36.0"\n}'
    assert (await client.answer("GET", "/healthz?pretty=1"))[1] == b"ok"


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 100_000


@pytest.mark.parametrize("make", [lambda: io.BytesIO(b" " * (bodies.BODY_LIMIT + 1)), lambda: chunks(32)])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_body_over_the_limit_is_413(client: Client, method: str, make: Callable[[], object]) -> None:
    path = MAPS if method == "POST" else f"{MAPS}/a"
    headers = {"Content-Type": bodies.MERGE_PATCH if method == "PATCH" else "application/json"}
    status, body = await client.ask(method, path, data=make(), headers=headers)
    assert (status, body["reason"]) == (413, "RequestEntityTooLarge")


async def test_a_body_of_exactly_the_limit_is_read(client: Client) -> None:
    body = b'{"data":{"k":"' + b"x" * (bodies.BODY_LIMIT - 18) + b'"}} '
    assert len(body) == bodies.BODY_LIMIT
    headers = {"Content-Type": "application/json"}
    status, _ = await client.ask("POST", MAPS, data=io.BytesIO(body), headers=headers)
    assert status == 201


async def exchange(cluster: Cluster, content: bytes) -> bytes:
    """Send bytes as they are and give what comes back until the server has no more to say."""
    reader, writer = await asyncio.open_connection(*cluster.address)
    try:
        writer.write(content)
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nLong: " + b"x" * 70_000 + b"\r\n\r\n",
        b"POST " + MAPS.encode() + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_not_http_is_answered_as_everything_else(cluster: Cluster, content: bytes) -> None:
    answer = await exchange(cluster, content)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 400 " in head
    assert json.loads(body)["kind"] == "Status"


async def test_the_server_ends_though_clients_keep_their_connections() -> None:
    cluster = Cluster()
    async with Client.connect(cluster) as client:
        async with cluster.serve():
            await client.ask("GET", "/version")
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.ask("GET", "/version")


# ------------------------------------------------------------------------------- anything may come in

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
SEGMENTS = [
    "api",
    "apis",
    "v1",
    "apps",
    "namespaces",
    "n",
    "configmaps",
    "pods",
    "p",
    "log",
    "exec",
    "status",
    "watch",
    "portforward",
    "widgets",
    "example.com",
    "v2",
    "openapi",
    "v3",
    "readyz",
    "%00",
    "%ff",
    "%ed%a0%80",
    "ü",
    "..",
    "selfsubjectreviews",
    "authentication.k8s.io",
    "serviceaccounts",
    "token",
]
PARAMETERS = [
    "limit",
    "dryRun",
    "fieldManager",
    "tailLines",
    "labelSelector",
    "command",
    "stdout",
    "ports",
    "propagationPolicy",
    "gracePeriodSeconds",
    "pretty",
]
HEADERS = [
    "Accept",
    "Content-Type",
    "Authorization",
    "Impersonate-User",
    "Impersonate-Group",
    "User-Agent",
    "If-None-Match",
    "Upgrade",
    "Sec-WebSocket-Protocol",
]
TYPES = ["application/json", "application/yaml", protobuf.MEDIA_TYPE, *bodies.PATCHES]
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metadata", "name", "spec", "kind", "apiVersion", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())
REQUEST = st.fixed_dictionaries(
    {
        "method": st.sampled_from(METHODS),
        "segments": st.lists(st.sampled_from(["", *SEGMENTS]), max_size=8),
        "query": st.dictionaries(st.sampled_from(PARAMETERS), TEXT, max_size=2),
        "headers": st.dictionaries(st.sampled_from(HEADERS), TEXT, max_size=2),
        "type": st.sampled_from(TYPES),
        "body": JSON | st.binary(max_size=50) | st.binary(max_size=50).map(lambda some: b"k8s\0" + some),
    }
)


def raw_request(asked: dict[str, Any]) -> bytes:
    query = "&".join(f"{name}={value}" for name, value in asked["query"].items())
    headers = {"Content-Type": asked["type"], **asked["headers"]}
    lines = [
        f"{asked['method']} /{'/'.join(asked['segments'])}?{query} HTTP/1.1",
        "Host: x",
        "Connection: close",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(asked['body'])}", "", ""]
    head = "\r\n".join(lines).encode("latin-1", "replace")
    body: bytes = asked["body"]
    return head + body


def run_with_server(work: Callable[[Cluster], Awaitable[None]]) -> None:
    async def run() -> None:
        cluster = Cluster()
        async with cluster.serve():
            await work(cluster)

    asyncio.run(run())


@settings(deadline=None)
@given(st.lists(REQUEST, min_size=1, max_size=10))
def test_no_request_is_ever_answered_by_500(requests: list[dict[str, Any]]) -> None:
    async def work(cluster: Cluster) -> None:
        for asked in requests:
            answer = await exchange(cluster, raw_request(asked))
            assert not answer.startswith(b"HTTP/1.1 500"), answer
        assert (await exchange(cluster, VERSION)).startswith(b"HTTP/1.0 200")

    run_with_server(work)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_no_bytes_stop_the_server(contents: list[bytes]) -> None:
    async def work(cluster: Cluster) -> None:
        for content in contents:
            _, writer = await asyncio.open_connection(*cluster.address)
            writer.write(content)
            assert b" 200 " in await exchange(cluster, VERSION)
            writer.close()

    run_with_server(work)
