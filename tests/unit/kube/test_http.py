"""What is the HTTP client's own; what it shares with every client is in test_client_contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from tests.unit.kube.api_server import ApiServer, serving

from alcove.kube import errors
from alcove.kube.access import Access
from alcove.kube.client import Selection
from alcove.kube.fake import FakeKubeClient
from alcove.kube.http import open_client
from alcove.kube.resources import CONFIG_MAPS, NAMESPACES, PODS


@pytest.fixture
async def url(server: ApiServer) -> AsyncIterator[str]:
    async with serving(server) as url:
        yield url


class Credentials:
    """Gives an old token until a new one is asked for."""

    def __init__(self, new: str) -> None:
        self.tokens = ["old", new]

    async def __call__(self, renew: bool) -> str:
        if renew:
            self.tokens.pop(0)
        return f"Bearer {self.tokens[0]}"


async def test_refused_credentials_are_renewed_once(url: str, server: ApiServer) -> None:
    server.token = "new"
    async with open_client(Access(url, None, Credentials("new"))) as client:
        assert (await client.get(NAMESPACES, "default"))["metadata"]["name"] == "default"
    assert len(server.requests) == 2


async def test_credentials_that_stay_bad_are_told(url: str, server: ApiServer) -> None:
    server.token = "other"
    async with open_client(Access(url, None, Credentials("new"))) as client:
        with pytest.raises(errors.ForbiddenError) as raised:
            await client.get(NAMESPACES, "default")
    assert raised.value.hint
    assert len(server.requests) == 2


async def test_long_lists_are_read_in_pages(url: str, server: ApiServer, cluster: FakeKubeClient) -> None:
    for number in range(5):
        meta = {"name": f"n{number}", "namespace": "default"}
        await cluster.create(CONFIG_MAPS, {"metadata": meta})
    async with open_client(Access(url, None, Credentials(""))) as client:
        assert len((await client.list(CONFIG_MAPS, Selection("default"))).items) == 5
    assert len(server.requests) == 3


async def test_nobody_listening_is_unreachable() -> None:
    async with open_client(Access("http://127.0.0.1:1", None, Credentials(""))) as client:
        with pytest.raises(errors.UnreachableError, match=r"127\.0\.0\.1:1"):
            await client.get(NAMESPACES, "default")
        with pytest.raises(errors.UnreachableError):
            async with client.connect("default", "web", 80):
                pass


class Babbler(ApiServer):
    """Answers everything with one text."""

    def __init__(self, text: str) -> None:
        super().__init__(FakeKubeClient())
        self._text = text

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=self._text)


@pytest.mark.parametrize("body", ["{", "[]", "[" * 100_000])
async def test_answers_that_are_no_objects_are_told(body: str) -> None:
    async with serving(Babbler(body)) as url, open_client(Access(url, None, Credentials(""))) as client:
        with pytest.raises(errors.KubeError, match="the server answered what is not"):
            await client.get(NAMESPACES, "default")


async def test_a_refused_stream_is_the_refusal(url: str, server: ApiServer) -> None:
    server.token = "other"
    async with open_client(Access(url, None, Credentials("new"))) as client:
        with pytest.raises(errors.ForbiddenError):
            async with client.connect("default", "web", 80):
                pass
        with pytest.raises(errors.ForbiddenError):
            await anext(aiter(client.read_log("default", "web")))


def test_paths_name_what_is_asked() -> None:
    assert PODS.path("dev", "web", "log") == "/api/v1/namespaces/dev/pods/web/log"
    assert PODS.path() == "/api/v1/pods"
    assert NAMESPACES.path("dev", "a/b") == "/api/v1/namespaces/a%2Fb"
