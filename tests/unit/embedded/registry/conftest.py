"""The cluster that the tests of this room write into."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.embedded.registry.clusters import Cluster


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    made = Cluster(tmp_path / "objects.db")
    await made.create("namespaces", {"metadata": {"name": "default"}})
    yield made
    made.store.close()
