from __future__ import annotations

import pytest
from tests.unit.embedded.serving.fakes import Client, Cluster

from alcove.embedded.discovery import AGGREGATED


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api", {"kind": "APIVersions"}),
        ("/apis", {"kind": "APIGroupList"}),
        ("/apis/apps", {"kind": "APIGroup"}),
        ("/api/v1", {"kind": "APIResourceList"}),
        ("/apis/apps/v1", {"kind": "APIResourceList"}),
        ("/version", {"gitVersion": "v1.36.0"}),
        ("/version/", {"gitVersion": "v1.36.0"}),
        ("/openapi/v3", {"paths": {}}),
        ("/openapi/v3/apis/apps/v1?hash=x", {"openapi": "3.0.0"}),
        ("/openid/v1/jwks", {"keys": []}),
        ("/.well-known/openid-configuration", {"issuer": "us"}),
    ],
)
async def test_the_documents_have_their_places(client: Client, path: str, expected: object) -> None:
    assert await client.ask("GET", path) == (200, expected)


async def test_openapi_2_is_an_empty_document_and_only_as_protobuf(client: Client) -> None:
    wanted = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    answer, body = await client.answer("GET", "/openapi/v2", headers={"Accept": wanted})
    assert (answer.status, answer.headers["Content-Type"]) == (200, wanted.replace("@", "."))
    swagger, info = body[:5], body[5:]
    assert swagger == bytes([0x0A, 3]) + b"2.0"
    assert info[:2] == bytes([0x12, len(info) - 2])


@pytest.mark.parametrize(
    "path", ["/nope", "/apis/nope", "/api/v9", "/openapi/v2", "/openapi/v3/x", "/healthz/nope", "/livez/a/b"]
)
async def test_anything_else_is_404(client: Client, path: str) -> None:
    status, body = await client.ask("GET", path)
    assert (status, body["reason"]) == (404, "NotFound")
    assert body["message"] == "the server could not find the requested resource"


async def test_the_root_lists_what_there_is(client: Client) -> None:
    assert "/apis" in (await client.ask("GET", "/"))[1]["paths"]


async def test_documents_are_read_only(client: Client) -> None:
    assert (await client.ask("POST", "/version"))[0] == 405


async def test_aggregated_discovery_is_for_who_asks_for_it(client: Client) -> None:
    answer, body = await client.answer("GET", "/apis", headers={"Accept": f"{AGGREGATED},application/json"})
    assert (answer.headers["Content-Type"], body) == (AGGREGATED, b'{"aggregated":"apis"}')


@pytest.mark.parametrize("known", ['"F"', 'W/"F"', '"x", "F"', "*"])
async def test_a_document_that_is_known_is_not_sent_again(client: Client, known: str) -> None:
    answer, body = await client.answer("GET", "/version", headers={"If-None-Match": known})
    assert (answer.status, answer.headers["ETag"], body) == (304, '"F"', b"")


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/readyz/ping", "/livez/ping"])
async def test_a_healthy_server_says_ok(client: Client, path: str) -> None:
    answer, body = await client.answer("GET", path)
    assert (answer.status, body) == (200, b"ok")


async def test_readiness_names_what_is_waited_for(client: Client, cluster: Cluster) -> None:
    cluster.waiting.append("network")
    answer, body = await client.answer("GET", "/readyz")
    assert (answer.status, b"[-]network failed" in body) == (500, True)
    assert (await client.answer("GET", "/livez"))[0].status == 200
    assert b"[+]ping ok" in (await client.answer("GET", "/livez?verbose"))[1]
