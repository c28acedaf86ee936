"""``list-uris`` put together from a kubeconfig and a user's own files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alcove import errors
from alcove.app.gateway.lookups import SystemNames
from alcove.app.gateway.uris import Uris, list_uris
from alcove.app.spaces.composition import ClusterChoice, open_use_cases
from alcove.kube.access import load_access
from alcove.kube.http import open_client


async def list_selected(
    choice: ClusterChoice, environment: Mapping[str, str], *, home: Path, inherited: bool
) -> Uris:
    """Give the URIs of the space that is selected.

    Raises:
        ConflictError: none is selected, or it is gone.
        KubeError: there is no such cluster, or something may not be seen.
    """
    async with open_use_cases(choice, environment, home=home) as use_cases:
        selected = await use_cases.selected()
    if selected is None:
        raise errors.ConflictError("no space is selected", hint="alcove space select NAME")
    access = await load_access(environment, kubeconfig=choice.kubeconfig, context=choice.context)
    async with open_client(access) as client:
        return await list_uris(client, SystemNames(), selected, inherited=inherited)
