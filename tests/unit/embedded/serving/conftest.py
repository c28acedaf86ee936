"""A cluster of fakes with its server, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.unit.embedded.serving.fakes import Client, Cluster


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """A cluster of fakes with its server listening."""
    made = Cluster()
    async with made.serve():
        yield made


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[Client]:
    """A client of the cluster."""
    async with Client.connect(cluster) as connected:
        yield connected
