"""The hub's worker for one container, and the real agent in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.feature.agents.conftest import pod, programs

__all__ = ["pod", "programs"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what builds programs out of the time a test may take."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(func_only=True))
