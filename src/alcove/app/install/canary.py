"""Sends the canary (*flights*) through a cluster: makes its spaces, asks, and removes them again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from alcove.admission.markers import is_marked
from alcove.app.install.checks import Trial
from alcove.app.install.flights import CONTAINER, POD, Flight, Stage, plan_flight, plan_stages, render_flight
from alcove.app.install.pods import is_ready
from alcove.app.install.statuses import Installation
from alcove.app.install.trials import fetch_head, find_gateway_pod
from alcove.app.install.troubles import find_troubles
from alcove.kube import errors, resources
from alcove.kube.client import ExecOptions, ExecStream, KubeClient, Object, Selection
from alcove.kube.resources import Resource

_CARRIER = "azds-route-as"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds."""

    ready: float = 60.0
    """Until a pod runs."""
    stage: float = 10.0
    """Until the right one answers: routes take a moment."""
    pause: float = 0.2
    """Between two tries."""


PATIENT = Patience()


async def fly(
    client: KubeClient, seen: Installation, token: str, *, patience: Patience = PATIENT
) -> AsyncGenerator[Trial, None]:
    """Yield what each stage came to, until one that all others need fails; nothing of it stays."""
    flight = plan_flight(seen, token)
    if flight is None:
        yield Trial("canary", skipped="there is no control plane whose image it could run")
        return
    try:
        if trial := await _launch(client, flight, patience.ready):
            yield trial
            return
        async with _askers(client, flight) as askers:
            for stage in plan_stages(flight):
                ask = _asking(client, seen, askers, stage, patience.ready)
                yield await _try_stage(stage, ask, patience)
    except errors.ForbiddenError as error:
        yield Trial("canary", skipped=f"you may not do what it takes: {error.message}")
    except (errors.KubeError, TimeoutError) as error:
        yield Trial("canary", f"it could not be sent: {error or 'no answer in time'}")
    finally:
        for name in (flight.child, flight.root):
            with contextlib.suppress(errors.KubeError):
                await client.delete(resources.NAMESPACES, name)


async def _launch(client: KubeClient, flight: Flight, seconds: float) -> Trial | None:
    """Make all of it and wait until it runs; give what went wrong."""
    for resource, item in render_flight(flight):
        if resource == resources.PODS:
            where = Selection(item["metadata"]["namespace"], fields="metadata.name=default")
            await _await(client, resources.SERVICE_ACCOUNTS, where, seconds)
        await client.create(resource, item)
    for name in (flight.root, flight.child):
        where = Selection(name, fields=f"metadata.name={POD}")
        pod = await _await(client, resources.PODS, where, seconds)
        if not is_marked(pod):
            return Trial("canary", f"its pod in {name!r} got no proxy", "see the check 'webhook'")
        if not is_ready(pod):
            why = "; ".join(str(one) for one in find_troubles([pod], ())) or "it does not get ready"
            return Trial("canary", f"its pod in {name!r} does not run: {why}", "see 'control plane'")
    return None


async def _await(client: KubeClient, resource: Resource, selection: Selection, seconds: float) -> Object:
    """Give an object once it is there, and ready if it is a pod; as it is when that takes too long."""
    last: Object = {}
    with contextlib.suppress(TimeoutError):
        async with (
            asyncio.timeout(seconds),
            aclosing(client.watch(resource, selection)) as events,
        ):
            async for _kind, item in events:
                last = item or last
                if item and (resource != resources.PODS or is_ready(item)):
                    return item
    return last


def _asking(
    client: KubeClient,
    seen: Installation,
    askers: dict[str, _Asker],
    stage: Stage,
    seconds: float,
) -> Callable[[], Awaitable[str]]:
    """Give what makes the stage's request, and tells who answered."""
    if stage.caller:
        return lambda: askers[stage.caller].ask(stage, seconds)
    return lambda: _ask_gateway(client, seen, stage, seconds)


async def _try_stage(stage: Stage, ask: Callable[[], Awaitable[str]], patience: Patience) -> Trial:
    """Ask until the right one answers, or for as long as a route may take."""
    ends = asyncio.get_running_loop().time() + patience.stage
    while (answer := await ask()) != stage.answers:
        if asyncio.get_running_loop().time() >= ends:
            asked = f"{stage.host} with the key of the child" if stage.key else stage.host
            told = f"{asked} is answered by {answer}, not by {stage.answers}"
            return Trial(stage.name, told, stage.hint)
        await asyncio.sleep(patience.pause)
    return Trial(stage.name, told=f"{stage.host} is answered by {answer}")


async def _ask_gateway(client: KubeClient, seen: Installation, stage: Stage, seconds: float) -> str:
    pod = find_gateway_pod(seen)
    if pod is None:
        return "nobody: no pod of the gateway is ready"
    try:
        async with asyncio.timeout(seconds):
            head = await fetch_head(client, pod, stage.host)
    except (errors.UnreachableError, TimeoutError) as error:
        return f"nobody: {error or 'no answer in time'}"
    status, *lines = head.splitlines() or [""]
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    return headers.get("x-canary") or status or "nobody"


class _Asker:
    """A client that runs in a canary's pod."""

    def __init__(self, stream: ExecStream) -> None:
        self._stream = stream
        self._output = stream.output()
        self._rest = b""

    async def ask(self, stage: Stage, seconds: float) -> str:
        """Make the stage's request; give who answered, or what happened instead."""
        headers = [[_CARRIER, stage.key]] if stage.key else []
        asked = {"do": "http", "url": f"http://{stage.host}/", "headers": headers}
        await self._stream.write(json.dumps(asked).encode() + b"\n")
        async with asyncio.timeout(seconds):
            return _speaker(await self._line())

    async def _line(self) -> bytes:
        while b"\n" not in self._rest:
            try:
                channel, content = await anext(self._output)
            except StopAsyncIteration:
                return self._rest
            self._rest += content if channel == 1 else b""
        line, _, self._rest = self._rest.partition(b"\n")
        return line


@contextlib.asynccontextmanager
async def _askers(client: KubeClient, flight: Flight) -> AsyncIterator[dict[str, _Asker]]:
    options = ExecOptions(("alcove", "canary", "ask"), container=CONTAINER, stdin=True)
    async with contextlib.AsyncExitStack() as stack:
        yield {
            name: _Asker(await stack.enter_async_context(client.exec(name, POD, options)))
            for name in (flight.root, flight.child)
        }


def _speaker(line: bytes) -> str:
    try:
        answer = json.loads(line)
    except ValueError:
        return "nobody: the client in the pod has ended"
    body = answer.get("body")
    if isinstance(body, dict) and "name" in body:
        return str(body["name"])
    return str(answer.get("error") or f"{answer.get('status')} {str(answer.get('text')).strip()}")
