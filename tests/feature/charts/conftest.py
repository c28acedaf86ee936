"""Helm at work on the embedded API, without a node: jobs of hooks never end."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

# the fixture of a served API is the same as the client's contract uses
from tests.feature.embedded.conftest import client as client

from alcove.charts.helm import Helm, open_helm
from alcove.kube.client import KubeClient


@pytest.fixture
def environment() -> dict[str, str]:
    """Give an environment without a ``helm`` on PATH, so that the SDK is used."""
    return {**os.environ, "PATH": str(Path(sys.executable).parent)}


@pytest.fixture
async def helm(client: KubeClient, environment: dict[str, str], tmp_path: Path) -> AsyncIterator[Helm]:
    """Give Helm for the served API."""
    async with open_helm(client, environment=environment, kubeconfig=tmp_path / "kubeconfig") as opened:
        yield opened
