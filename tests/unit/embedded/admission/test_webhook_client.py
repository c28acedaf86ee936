from __future__ import annotations

import base64
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from alcove.embedded.admission.chain import WebhookCallError
from alcove.embedded.admission.webhook_client import HttpWebhookClient
from alcove.embedded.identity.authority import Authority, load_authority
from alcove.embedded.objects import Object

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class FakeDialer:
    """One Service, ``web`` in ``dev``, that answers at a port of this machine."""

    def __init__(self) -> None:
        self.port = 0
        self.opened = 0

    def endpoint(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        if (namespace, name, port) != ("dev", "web", 443):
            raise LookupError(f'service "{name}" not found')
        return "127.0.0.1", self.port

    async def open_socket(self) -> socket.socket:
        self.opened += 1
        connection = socket.socket()
        connection.setblocking(False)
        return connection


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return load_authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def dialer() -> FakeDialer:
    return FakeDialer()


@pytest.fixture
async def client(dialer: FakeDialer) -> AsyncIterator[HttpWebhookClient]:
    client = HttpWebhookClient(dialer)
    yield client
    await client.aclose()


@pytest.fixture
async def serve(dialer: FakeDialer, authority: Authority) -> AsyncIterator[Callable[[Serve], Any]]:
    runners: list[web.ServerRunner] = []

    async def start(answer: Serve) -> None:
        runner = web.ServerRunner(web.Server(answer))
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server_context("web.dev.svc"))
        await site.start()
        dialer.port = runner.addresses[0][1]

    yield start
    for runner in runners:
        await runner.cleanup()


async def echo(request: web.BaseRequest) -> web.Response:
    told = {"said": await request.json(), "host": request.host, "path": request.path_qs}
    return web.json_response(told)


def service(authority: Authority | None, **more: Any) -> Object:
    told: Object = {"service": {"namespace": "dev", "name": "web", "path": "/mutate"} | more}
    if authority:
        told["caBundle"] = base64.b64encode(authority.certificate_pem).decode()
    return told


async def test_a_service_is_reached_by_its_name(
    client: HttpWebhookClient, authority: Authority, serve: Any
) -> None:
    await serve(echo)
    answer = await client.call(service(authority), {"a": 1}, seconds=5)
    assert answer == {"said": {"a": 1}, "host": "web.dev.svc", "path": "/mutate?timeout=5s"}


async def test_connections_are_kept_open(
    client: HttpWebhookClient, authority: Authority, serve: Any, dialer: FakeDialer
) -> None:
    await serve(echo)
    for number in range(4):
        await client.call(service(authority), {"n": number}, seconds=5)
    assert dialer.opened <= 2


async def test_a_url_is_reached_directly(
    client: HttpWebhookClient, authority: Authority, serve: Any, dialer: FakeDialer
) -> None:
    await serve(echo)
    config = {"url": f"https://127.0.0.1:{dialer.port}/x", "caBundle": service(authority)["caBundle"]}
    answer: Any = await client.call(config, {}, seconds=5)
    assert answer["path"] == "/x?timeout=5s"
    assert dialer.opened == 0


async def test_a_server_of_another_authority_is_not_asked(
    client: HttpWebhookClient, serve: Any, tmp_path: Path
) -> None:
    await serve(echo)
    with pytest.raises(WebhookCallError, match="certificate verify failed"):
        await client.call(service(load_authority(tmp_path)), {}, seconds=5)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, "neither a url nor a service"),
        ({"url": "https://x", "caBundle": "?"}, "caBundle"),
        ({"url": "https://x", "caBundle": base64.b64encode(b"junk").decode()}, "root certificates"),
        ({"url": "nonsense"}, "Post"),
        (service(None, name="gone"), 'service "gone" not found'),
        (service(None, port=8443), "not found"),
    ],
)
async def test_webhooks_that_cannot_be_reached(client: HttpWebhookClient, config: Object, told: str) -> None:
    with pytest.raises(WebhookCallError, match=told):
        await client.call(config, {}, seconds=5)


async def refuse(_request: web.BaseRequest) -> web.Response:
    return web.Response(status=503, text="come back later")


async def babble(_request: web.BaseRequest) -> web.Response:
    return web.Response(text="{")


async def flood(_request: web.BaseRequest) -> web.Response:
    return web.Response(body=b" " * 4_000_000)


async def nest(_request: web.BaseRequest) -> web.Response:
    return web.Response(text="[" * 100_000)


async def redirect(_request: web.BaseRequest) -> web.Response:
    return web.Response(status=302, headers={"Location": "/elsewhere"})


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (refuse, "503: come back later"),
        (babble, "truncated"),
        (flood, "larger than"),
        (nest, "nested too deeply"),
        (redirect, "answered 302"),
    ],
)
async def test_answers_that_are_none(
    client: HttpWebhookClient, authority: Authority, serve: Any, answer: Serve, told: str
) -> None:
    await serve(answer)
    with pytest.raises(WebhookCallError, match=told):
        await client.call(service(authority), {}, seconds=5)


async def test_a_webhook_has_only_so_long(
    client: HttpWebhookClient, authority: Authority, serve: Any
) -> None:
    await serve(echo)
    with pytest.raises(WebhookCallError, match="context deadline exceeded"):
        await client.call(service(authority), {}, seconds=0)
