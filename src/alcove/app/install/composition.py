"""Puts the use cases together from a kubeconfig and a user's own files."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from alcove.app.install.diagnosis import Diagnostician
from alcove.app.install.trials import resolve_name
from alcove.app.install.usecases import Installer
from alcove.app.spaces.composition import ClusterChoice
from alcove.app.spaces.usecases import Place, SpaceUseCases
from alcove.config import contexts
from alcove.config.directory import user_directory
from alcove.config.selection import SelectionStore
from alcove.kube.access import load_access
from alcove.kube.client import KubeClient
from alcove.kube.http import open_client


@contextlib.asynccontextmanager
async def open_installer(
    choice: ClusterChoice, environment: Mapping[str, str], *, home: Path
) -> AsyncIterator[Installer]:
    """Yield what installs; the connection to the cluster is closed with the block.

    Raises:
        KubeError: there is no such cluster, or its kubeconfig cannot be used.
    """
    async with _open(choice, environment, home) as (client, spaces, place):
        yield Installer(client, spaces, place)


@contextlib.asynccontextmanager
async def open_diagnostician(
    choice: ClusterChoice, environment: Mapping[str, str], *, home: Path
) -> AsyncIterator[Diagnostician]:
    """Yield what looks; the connection to the cluster is closed with the block.

    Raises:
        KubeError: there is no such cluster, or its kubeconfig cannot be used.
    """
    async with _open(choice, environment, home) as (client, spaces, place):
        yield Diagnostician(client, spaces, place, resolve=resolve_name, clock=time.time)


@contextlib.asynccontextmanager
async def _open(
    choice: ClusterChoice, environment: Mapping[str, str], home: Path
) -> AsyncIterator[tuple[KubeClient, SpaceUseCases, Place]]:
    access = await load_access(environment, kubeconfig=choice.kubeconfig, context=choice.context)
    paths = [choice.kubeconfig] if choice.kubeconfig else contexts.kubeconfig_paths(environment, home)
    place = Place(choice.context or contexts.current_context(paths), access.server, access.namespace)
    store = SelectionStore(user_directory(environment, home))
    async with open_client(access) as client:
        yield client, SpaceUseCases(client, store, place), place
