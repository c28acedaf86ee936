"""Builders come and go with the pods that wait for images: one on each node where one waits.

A pod of a session waits in ``alcove-build`` on the node that it was given, so nobody but the scheduler says
where images are made. A builder that has had nobody to build for during ten minutes goes; what it has cached
stays on the node. The timer is this replica's own: another writer begins it anew.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alcove.admission.settings import InjectionSettings
from alcove.app.controlplane.watching import ObjectStore, Watched
from alcove.builds.pods import (
    COMPONENT,
    COMPONENT_LABEL,
    NAMESPACE,
    BuilderSettings,
    is_outdated,
    render_builder,
)
from alcove.builds.runtimes import choose_runtime
from alcove.kube import errors, resources
from alcove.kube.client import KubeClient, Object, Selection
from alcove.routing.addresses import render_socket

IDLE_SECONDS = 600.0
BUILDERS, SESSION_PODS = "builders", "session-pods"
WATCHES = (
    Watched(BUILDERS, resources.PODS, Selection(NAMESPACE, f"{COMPONENT_LABEL}={COMPONENT}")),
    Watched(SESSION_PODS, resources.PODS, Selection(labels="alcove.dev/session")),
)
_WAITING = "alcove-build"
_GRACE_SECONDS = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Creation:
    """A builder that is to be made."""

    pod: Object


@dataclass(frozen=True, slots=True)
class Removal:
    """A builder that is to go."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and what to remember for the next time."""

    actions: tuple[Creation | Removal, ...]
    idle: Mapping[str, float]
    """Since when the builder of a node has had nobody to build for, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known when it is planned."""

    pods: Iterable[Mapping[str, Any]]
    """Of sessions."""
    builders: Iterable[Mapping[str, Any]]
    nodes: Iterable[Mapping[str, Any]]


def plan_builders(
    observed: Observed, settings: BuilderSettings, now: float, idle: Mapping[str, float]
) -> Plan:
    """Decide which builders are made and which go; ``idle`` is what the plan before remembered.

    A builder that goes is made again by a later plan, once it has gone: its name is its node's.
    """
    nodes = {str(node["metadata"]["name"]): node for node in observed.nodes}
    wanted = {node for node in map(waiting_on, observed.pods) if node in nodes}
    present = {str(pod["spec"].get("nodeName")): pod for pod in observed.builders}
    actions: list[Creation | Removal] = [
        Creation(render_builder(node, choose_runtime(nodes[node]), settings))
        for node in sorted(wanted - present.keys())
    ]
    remembered = {node: idle.get(node, now) for node in present.keys() - wanted}
    for node, pod in sorted(present.items()):
        if pod["metadata"].get("deletionTimestamp"):
            continue
        expired = now - remembered.get(node, now) >= IDLE_SECONDS
        if expired or node not in nodes or _is_useless(pod, nodes[node], settings):
            actions.append(Removal(str(pod["metadata"]["name"]), str(pod["metadata"].get("uid", ""))))
    return Plan(tuple(actions), remembered)


def waiting_on(pod: Mapping[str, Any]) -> str | None:
    """Give the node on which a pod of a session waits for its image; None: it does not."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    if not any(one.get("name") == _WAITING for one in spec.get("initContainers") or ()):
        return None
    if pod["metadata"].get("deletionTimestamp") or status.get("phase") not in (None, "Pending"):
        return None
    for one in status.get("initContainerStatuses") or ():
        ended = (one.get("state") or {}).get("terminated")
        if one.get("name") == _WAITING and ended is not None and ended.get("exitCode") == 0:
            return None
    return spec.get("nodeName") or None


def _is_useless(pod: Mapping[str, Any], node: Mapping[str, Any], settings: BuilderSettings) -> bool:
    """Tell whether a builder has ended, or is not what would be made now."""
    ended = (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")
    return ended or is_outdated(pod, choose_runtime(node), settings)


class BuilderKeeper:
    """The duty of the one writer."""

    def __init__(
        self,
        client: KubeClient,
        store: ObjectStore,
        *,
        injection: Callable[[], InjectionSettings | None],
        image: str,
        pull_policy: str,
        clock: Callable[[], float],
    ) -> None:
        """Keep the builders that follow from ``store``, which has ``WATCHES``; with no ``image`` none.

        Args:
            client: makes and removes pods.
            store: what was observed.
            injection: tells where the control plane is, None while nobody knows.
            image: the builders' image.
            pull_policy: that of the installation.
            clock: gives Unix seconds.
        """
        self._client = client
        self._store = store
        self._injection = injection
        self._image = image
        self._pull_policy = pull_policy
        self._clock = clock
        self._idle: Mapping[str, float] = {}

    async def work(self) -> None:
        """Go one round.

        Raises:
            KubeError: something could not be written; what was is.
        """
        injection = self._injection()
        if not self._image or injection is None:
            return
        settings = BuilderSettings(
            self._image,
            self._pull_policy,
            render_socket(injection.control_plane, injection.control_ports.https),
            injection.trust,
        )
        observed = Observed(
            self._store.items(SESSION_PODS), self._store.items(BUILDERS), self._store.items("nodes")
        )
        plan = plan_builders(observed, settings, self._clock(), self._idle)
        self._idle = plan.idle
        for action in plan.actions:
            _log.info("%s", describe_action(action))
            await self._apply(action)

    async def _apply(self, action: Creation | Removal) -> None:
        """Do it; where what was observed is late, the next round knows more."""
        if isinstance(action, Creation):
            with contextlib.suppress(errors.AlreadyExistsError):
                await self._client.create(resources.PODS, action.pod)
            return
        with contextlib.suppress(errors.NotFoundError, errors.ConflictError):
            await self._client.delete(
                resources.PODS,
                action.name,
                namespace=NAMESPACE,
                uid=action.uid,
                grace_seconds=_GRACE_SECONDS,
            )


def describe_action(action: Creation | Removal) -> str:
    """Say an action in a log."""
    if isinstance(action, Creation):
        return f"a builder is made on node {action.pod['spec']['nodeName']}"
    return f"builder {action.name} goes"
