"""From a new image to a session that serves, and what keeps it from getting there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from alcove.app.hub.pods import PodView
from alcove.app.hub.session import LiveSession
from alcove.kube import resources
from alcove.kube.client import Selection
from alcove.kube.errors import KubeError
from alcove.sessions import calls

_LOOK_SECONDS = 1.0
_PATIENCE = 4.0
"""Seconds after which people are told what keeps a pod from starting."""


async def watch_start(session: LiveSession) -> None:
    """Say, after each new image, when the session serves; until cancelled."""
    while True:
        version = session.version
        attempt, status = session.state.attempt, session.state.session.status
        if attempt is None or attempt.failed:
            await session.changed(version)
        elif status.phase == "Starting" or (status.phase == "Building" and _is_serving(session)):
            await _start(session, status.build)
        elif status.phase == "Building":
            await _tell_hindrances(session, status.build)
        else:
            await session.changed(version)


async def _start(session: LiveSession, build: int) -> None:
    with session.phase("start") as end:
        end.failed = not await _wait(session, build, _is_serving)
    if end.failed:
        return
    status = session.state.session.status
    await session.report(phase="Running", message="")
    instances = tuple(pod.name for pod in session.current)
    session.tell(calls.Running(instances, status.ports, status.hosts, restarted=build > 1))
    session.wake()


async def _tell_hindrances(session: LiveSession, build: int) -> None:
    await _wait(session, build, lambda one: one.state.session.status.phase != "Building" or _is_serving(one))


async def _wait(session: LiveSession, build: int, holds: Any) -> bool:
    """Wait until something holds, and tell what keeps it; False when the attempt is over before."""
    told, since, trouble = "", session.kit.clock(), ""
    while not holds(session):
        version = session.version
        attempt = session.state.attempt
        if attempt is None or attempt.failed or session.build != build:
            return False
        found = await find_hindrance(session)
        if found != trouble:
            trouble, since = found, session.kit.clock()
        if trouble and trouble != told and session.kit.clock() - since >= _PATIENCE:
            told = trouble
            session.tell(calls.Notice(f"the service does not start yet: {trouble}"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await session.changed(version)
    return True


def _is_serving(session: LiveSession) -> bool:
    return any(_serves(session, pod) for pod in session.current)


def _serves(session: LiveSession, pod: PodView) -> bool:
    wanted = session.wanted
    if wanted is None or not pod.runs:
        return False
    held = wanted.settings.command.hold
    if not pod.ready and not held:
        return False
    workers = [worker for name, worker in session.workers.items() if name.partition("/")[0] == pod.name]
    return wanted.settings.container is None or bool(workers and all(one.has(wanted) for one in workers))


async def find_hindrance(session: LiveSession) -> str:
    """Give what keeps the newest build's pods from starting, empty for nothing that is known."""
    current = session.current
    for pod in current:
        if pod.trouble:
            return f"pod {pod.name}: {pod.trouble}"
    return "" if current else await _missing(session)


async def _missing(session: LiveSession) -> str:
    """Give why there is no pod at all: quotas and admission say so in events alone."""
    if not session.state.workloads:
        return ""
    try:
        events = await session.kit.client.list(
            resources.EVENTS, Selection(session.kit.namespace, fields="type=Warning")
        )
    except KubeError:
        return ""
    return newest_failure(events.items, session.state.workloads)


def newest_failure(events: Iterable[Mapping[str, Any]], workloads: Iterable[str]) -> str:
    """Give the message of the newest FailedCreate of what belongs to one of the workloads."""
    found = [
        (str(one.get("lastTimestamp") or one.get("eventTime") or ""), str(one.get("message", "")))
        for one in events
        if one.get("reason") == "FailedCreate" and _is_of(one.get("involvedObject") or {}, workloads)
    ]
    return max(found)[1] if found else ""


def _is_of(involved: Mapping[str, Any], workloads: Iterable[str]) -> bool:
    name = str(involved.get("name", ""))
    return any(name == workload or name.startswith(f"{workload}-") for workload in workloads)
