"""``routes explain`` on a cluster: who asks, what is there, and the answer."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from alcove import errors
from alcove.admission.markers import is_marked
from alcove.app.observation.explain import explain_route
from alcove.app.observation.explanations import Caller, Explanation, Question
from alcove.app.observation.fetching import fetch_state
from alcove.app.observation.reports import Report
from alcove.app.spaces.composition import ClusterChoice, open_use_cases
from alcove.app.spaces.paths import parse_path
from alcove.kube import errors as kube_errors
from alcove.kube import resources
from alcove.kube.access import load_access
from alcove.kube.client import KubeClient, Selection, object_key
from alcove.kube.http import open_client
from alcove.model import SpaceName


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the command line has it."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    source: str = ""
    """``POD`` or ``SPACE/POD``; empty for nobody in particular."""


async def explain(
    client: KubeClient, asked: Asked, home: SpaceName
) -> tuple[Explanation, tuple[Report, ...]]:
    """Explain a request; give also what was not understood of the spaces that it concerns.

    Args:
        client: Reads with its user's rights.
        asked: The request.
        home: The space of a pod that is named without one.

    Raises:
        AlcoveError: there is no such caller, or the URL leads nowhere.
    """
    state, reports = await fetch_state(client)
    caller = None
    if asked.source:
        path, _, pod = asked.source.rpartition("/")
        if not pod:
            raise errors.UsageError(f"{asked.source!r} names no pod", hint="write POD or SPACE/POD")
        space = parse_path(path).name if path else home
        # Asked of the rules first: of a namespace that is no space there is nothing to explain.
        caller = await _fetch_caller(client, space, pod) if space in state.spaces else Caller(space, pod)
    found = explain_route(state, Question(asked.url, asked.headers, caller))
    concerned = {*found.chain, found.addressed, *([caller.space] if caller else [])}
    return found, tuple(
        each for each in reports if not each.name or {each.namespace, each.namespace or each.name} & concerned
    )


async def _fetch_caller(client: KubeClient, space: SpaceName, pod: str) -> Caller:
    try:
        found = await client.get(resources.PODS, pod, namespace=space)
    except kube_errors.NotFoundError as error:
        listed = await client.list(resources.PODS, Selection(space))
        names = sorted(object_key(item)[1] for item in listed.items)
        near = next((name for name in names if name.startswith(pod)), "")
        hint = (
            f"did you mean {space}/{near}?" if near else f"see which there are: kubectl get pods -n {space}"
        )
        raise errors.ConflictError(f"there is no pod {pod!r} in {space}", hint=hint) from error
    return Caller(space, pod, is_marked(found))


@dataclass(frozen=True, slots=True)
class Opened:
    """A cluster, and the space in which a user's pods are looked for."""

    client: KubeClient
    home: SpaceName


@contextlib.asynccontextmanager
async def open_cluster(
    choice: ClusterChoice, environment: Mapping[str, str], *, home: Path, source: str
) -> AsyncIterator[Opened]:
    """Yield the cluster; the connection is closed with the block.

    Raises:
        KubeError: there is no such cluster, or its kubeconfig cannot be used.
    """
    selected: SpaceName | None = None
    if source and "/" not in source:
        async with open_use_cases(choice, environment, home=home) as use_cases:
            selected = await use_cases.selected()
    access = await load_access(environment, kubeconfig=choice.kubeconfig, context=choice.context)
    async with open_client(access) as client:
        yield Opened(client, selected or SpaceName(access.namespace))
