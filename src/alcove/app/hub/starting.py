"""From a new image to a session that serves, and what keeps it from getting there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from alcove.app.hub.pods import PodView
from alcove.kube import resources
from alcove.kube.client import Selection
from alcove.kube.errors import KubeError
from alcove.sessions import calls

if TYPE_CHECKING:
    from alcove.app.hub.runner import SessionRunner

_LOOK_SECONDS = 1.0
_PATIENCE = 4.0
"""Seconds after which people are told what keeps a pod from starting."""
_STARTS = ("Building", "Starting")


async def watch_start(runner: SessionRunner) -> None:
    """Say, after each new image, when the session serves; until cancelled."""
    while True:
        version = runner.version
        status = runner.state.session.status
        if status.phase == "Starting" or (status.phase == "Building" and _is_serving(runner)):
            await _start(runner, status.build)
        elif status.phase == "Building":
            await _tell_hindrances(runner, status.build)
        else:
            await runner.changed(version)


async def _start(runner: SessionRunner, build: int) -> None:
    with runner.phase("start") as end:
        end.failed = not await _wait(runner, build, _is_serving)
    if end.failed:
        return
    status = runner.state.session.status
    await runner.report(phase="Running", message="")
    instances = tuple(pod.name for pod in runner.current)
    runner.tell(calls.Running(instances, status.ports, status.hosts, restarted=build > 1))
    runner.wake()


async def _tell_hindrances(runner: SessionRunner, build: int) -> None:
    await _wait(runner, build, lambda one: one.state.session.status.phase != "Building" or _is_serving(one))


async def _wait(runner: SessionRunner, build: int, holds: Any) -> bool:
    """Wait until something holds, and tell what keeps it; False when the attempt is over before."""
    told, since, trouble = "", runner.kit.clock(), ""
    while not holds(runner):
        version = runner.version
        attempt = runner.state.attempt
        if attempt is None or attempt.failed or runner.build != build:
            return False
        found = await find_hindrance(runner)
        if found != trouble:
            trouble, since = found, runner.kit.clock()
        if trouble and trouble != told and runner.kit.clock() - since >= _PATIENCE:
            told = trouble
            runner.tell(calls.Notice(f"the service does not start yet: {trouble}"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await runner.changed(version)
    return True


def _is_serving(runner: SessionRunner) -> bool:
    return any(_serves(runner, pod) for pod in runner.current)


def _serves(runner: SessionRunner, pod: PodView) -> bool:
    wanted = runner.wanted
    if wanted is None or not pod.runs:
        return False
    held = wanted.settings.command.hold
    if not pod.ready and not held:
        return False
    workers = [worker for name, worker in runner.workers.items() if name.partition("/")[0] == pod.name]
    return wanted.settings.container is None or bool(workers and all(one.has(wanted) for one in workers))


async def find_hindrance(runner: SessionRunner) -> str:
    """Give what keeps the newest build's pods from starting, empty for nothing that is known."""
    current = runner.current
    for pod in current:
        if pod.trouble:
            return f"pod {pod.name}: {pod.trouble}"
    return "" if current else await _missing(runner)


async def _missing(runner: SessionRunner) -> str:
    """Give why there is no pod at all: quotas and admission say so in events alone."""
    if not runner.state.workloads:
        return ""
    try:
        events = await runner.kit.client.list(
            resources.EVENTS, Selection(runner.kit.namespace, fields="type=Warning")
        )
    except KubeError:
        return ""
    return newest_failure(events.items, runner.state.workloads)


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
