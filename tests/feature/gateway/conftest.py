"""The embedded API, without a node."""

from __future__ import annotations

from tests.feature.embedded.conftest import client

__all__ = ["client"]
