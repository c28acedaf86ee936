"""Puts the use cases together from a kubeconfig and a user's own files."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from alcove.app.spaces.usecases import Place, SpaceUseCases
from alcove.config import contexts
from alcove.config.directory import user_directory
from alcove.config.selection import SelectionStore
from alcove.kube.access import load_access
from alcove.kube.http import open_client


@dataclass(frozen=True, slots=True)
class ClusterChoice:
    """Which cluster a user named; what is left out is found as kubectl does."""

    kubeconfig: Path | None = None
    context: str = ""


@contextlib.asynccontextmanager
async def open_use_cases(
    choice: ClusterChoice, environment: Mapping[str, str], *, home: Path
) -> AsyncIterator[SpaceUseCases]:
    """Yield the use cases; the connection to the cluster is closed with the block.

    Raises:
        KubeError: there is no such cluster, or its kubeconfig cannot be used.
    """
    access = await load_access(environment, kubeconfig=choice.kubeconfig, context=choice.context)
    paths = [choice.kubeconfig] if choice.kubeconfig else contexts.kubeconfig_paths(environment, home)
    place = Place(choice.context or contexts.current_context(paths), access.server, access.namespace)
    store = SelectionStore(user_directory(environment, home))
    async with open_client(access) as client:
        yield SpaceUseCases(client, store, place)
