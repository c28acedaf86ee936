"""The operating system's resolver."""

from __future__ import annotations

import pytest

from alcove.app.gateway.lookups import SystemNames


@pytest.mark.parametrize(
    ("host", "known"),
    [("localhost", True), ("127.0.0.1", True), ("a..b", False), ("x" * 64 + ".invalid", False)],
)
async def test_a_host_resolves_or_not(host: str, known: bool) -> None:
    assert await SystemNames().resolves(host) is known
