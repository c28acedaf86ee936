"""Clients of a cluster, each of which the contract holds for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.unit.kube.api_server import ApiServer, serving

from alcove.kube.access import Access
from alcove.kube.client import KubeClient
from alcove.kube.fake import FakeKubeClient
from alcove.kube.http import open_client
from alcove.kube.watching import Pause

# A real server joins here: yield an ``open_client`` of it for one more name, and keep the fake's
# ``break_watches`` and ``forget_history`` (fixture ``cluster``) out of the tests that it runs.
CLIENTS = ["fake", "http"]


async def no_credentials(_renew: bool) -> str:
    return ""


@pytest.fixture
def cluster() -> FakeKubeClient:
    """Give what is behind the client."""
    return FakeKubeClient()


@pytest.fixture
def server(cluster: FakeKubeClient) -> ApiServer:
    return ApiServer(cluster)


@pytest.fixture(params=CLIENTS)
async def client(
    request: pytest.FixtureRequest, cluster: FakeKubeClient, server: ApiServer
) -> AsyncIterator[KubeClient]:
    if request.param == "fake":
        yield cluster
        return
    pause = Pause(lambda _seconds: asyncio.sleep(0))
    async with serving(server) as url, open_client(Access(url, None, no_credentials), pause=pause) as client:
        yield client
