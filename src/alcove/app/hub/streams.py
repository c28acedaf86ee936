"""What workstations get of a session's instances: logs, events of the cluster, ports, commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any

from alcove import aio, errors
from alcove.agents.errors import AgentError
from alcove.agents.running import Running
from alcove.app.hub.agents import AgentWorker
from alcove.app.hub.pods import ContainerView, PodView
from alcove.app.hub.session import LiveSession
from alcove.kube import resources
from alcove.kube.client import LogOptions, Selection
from alcove.kube.errors import KubeError
from alcove.sessions import calls
from alcove.sessions.frames import Kind
from alcove.sessions.wire import LostError, Wire

_PIECE = 1 << 16
_PAUSE = 0.3


async def follow_events(session: LiveSession) -> AsyncGenerator[calls.Line, None]:
    """Yield what the cluster says of a session's pods and workloads from now on."""
    fresh = False
    watch = session.kit.client.watch(resources.EVENTS, Selection(session.kit.namespace))
    async with contextlib.aclosing(watch) as events:
        async for event in events:
            if event.type == "SYNCED":
                fresh = True
            elif fresh and event.type != "DELETED":
                involved = event.object.get("involvedObject") or {}
                if _concerns(session, str(involved.get("name", ""))):
                    yield calls.Line("event", render_event(event.object))


def render_event(event: Mapping[str, Any]) -> str:
    """Give an event as one line: ``pods/web-1: Scheduled: ...``."""
    involved = event.get("involvedObject") or {}
    kind = str(involved.get("kind", "")).lower() + "s"
    message = " ".join(str(event.get("message", "")).split())
    return f"{kind}/{involved.get('name', '')}: {event.get('reason', '')}: {message}"


def _concerns(session: LiveSession, name: str) -> bool:
    known = (*session.state.workloads, *(pod.name for pod in session.state.pods.values()))
    return any(name == one or name.startswith(f"{one}-") for one in known)


async def follow_logs(session: LiveSession, call: calls.Logs) -> AsyncGenerator[calls.Line, None]:
    """Yield the lines of all instances as they are printed; those that come later included."""
    lines: asyncio.Queue[calls.Line | None] = asyncio.Queue(1000)
    async with aio.open_background(name=f"logs of {session.id}") as tasks:
        running: dict[tuple[str, ...], asyncio.Task[None]] = {}

        async def look() -> None:
            first = True
            while True:
                version = session.version
                for pod, container in _log_places(session):
                    place = (pod.uid, container.name, container.started)
                    if place not in running:
                        options = LogOptions(
                            container.name,
                            follow=call.follow,
                            tail_lines=call.tail if first else None,
                            since_seconds=call.since if first else None,
                        )
                        work = _follow_log(session, pod, options, lines)
                        running[place] = tasks.start(work, name=f"{pod.name}/{container.name}")
                first = False
                if not call.follow:
                    await asyncio.wait(running.values()) if running else None
                    await lines.put(None)
                    return
                await session.changed(version)

        tasks.start(look(), name="instances")
        while (line := await lines.get()) is not None:
            yield line


def _log_places(session: LiveSession) -> Iterable[tuple[PodView, ContainerView]]:
    for pod in session.serving:
        for container in pod.containers:
            if container.running:
                yield pod, container


async def _follow_log(
    session: LiveSession, pod: PodView, options: LogOptions, lines: asyncio.Queue[calls.Line | None]
) -> None:
    rest = b""
    try:
        pieces = session.kit.client.read_log(session.kit.namespace, pod.name, options)
        async for piece in pieces:
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                await lines.put(calls.Line("command", line.decode(errors="replace"), pod.name))
    except KubeError:
        pass
    if rest:
        await lines.put(calls.Line("command", rest.decode(errors="replace"), pod.name))


def choose_instance(session: LiveSession, name: str = "") -> PodView:
    """Give an instance that runs: the named one, or the first that is ready, or the first.

    While a new image is made, and when it cannot be, these are instances of the one before.

    Raises:
        ConflictError: there is none.
    """
    running = [pod for pod in session.serving if pod.runs]
    named = [pod for pod in running if not name or pod.name == name]
    if not named:
        known = ", ".join(pod.name for pod in running) or "none"
        raise errors.ConflictError(
            f"no instance {name!r} runs" if name else "no instance of the service runs",
            cause=f"running: {known}",
            hint="alcove list-up shows what it is doing",
        )
    return next((pod for pod in named if pod.ready), named[0])


async def serve_port(session: LiveSession, call: calls.Dial, wire: Wire) -> None:
    """Carry bytes between a workstation and a port of an instance, by its address.

    Raises:
        UnavailableError: nothing listens there.
    """
    pod = choose_instance(session)
    try:
        reader, writer = await asyncio.open_connection(pod.ip, call.port)
    except OSError as error:
        raise errors.UnavailableError(
            f"nothing answers at port {call.port} of {pod.name}", cause=error.strerror or str(error)
        ) from error
    await wire.send(calls.Connected(pod.name))
    async with aio.open_background(name="port") as tasks:
        up = tasks.start(_pass_up(wire, writer), name="up")
        down = tasks.start(_pass_down(reader, wire), name="down")
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if up.done() and not down.done():
            await asyncio.wait({down})
        writer.close()


async def _pass_up(wire: Wire, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, LostError):
        while (frame := await wire.next_frame()) is not None:
            if frame.kind is Kind.MARK:
                writer.write_eof()
                return
            writer.write(frame.payload)
            await writer.drain()
    writer.close()


async def _pass_down(reader: asyncio.StreamReader, wire: Wire) -> None:
    with contextlib.suppress(OSError, LostError, KubeError):
        while content := await reader.read(_PIECE):
            await wire.send_chunk(content)
        await wire.send_mark()


async def serve_exec(session: LiveSession, call: calls.Exec, wire: Wire) -> None:
    """Run a command beside an instance's own, or in its place.

    Raises:
        AlcoveError: there is no instance, or its agent refuses.
    """
    pod = choose_instance(session, call.instance)
    worker = find_worker(session, pod)
    async with worker.open() as agent:
        if call.replace:
            await agent.stop((), grace=2.0)
        try:
            async with agent.run(call.argv, with_input=call.stdin, with_log=call.replace) as running:
                await wire.send(calls.Connected(pod.name))
                code = await _carry(running, wire)
        finally:
            if call.restore and session.wanted is not None:
                await worker.start_command(agent, session.wanted)
        await wire.send(calls.Exited(code))


def find_worker(session: LiveSession, pod: PodView) -> AgentWorker:
    """Give the worker of an instance's first session container.

    Raises:
        UnavailableError: its container has only just begun.
    """
    found = [worker for name, worker in session.workers.items() if name.partition("/")[0] == pod.name]
    if not found:
        raise errors.UnavailableError(f"the agent in {pod.name} cannot be reached yet", hint="try again")
    return found[0]


async def _carry(running: Running, wire: Wire) -> int:
    async with aio.open_background(name="exec") as tasks:
        tasks.start(_pass_input(running, wire), name="input")
        async for stream, content in running.output():
            await wire.send(calls.Output(stream))
            await wire.send_bytes([content])
        return await running.wait()


async def _pass_input(running: Running, wire: Wire) -> None:
    with contextlib.suppress(LostError, AgentError):
        while (frame := await wire.next_frame()) is not None:
            if frame.kind is Kind.BYTES:
                await running.write(frame.payload)
            elif frame.kind is Kind.MARK:
                await running.close_input()
            else:
                value = wire.read_value(frame, calls.PUSHED)
                if isinstance(value, calls.ExecInput):
                    await running.signal(value.signal)
    # Whoever asked has gone: what he started goes too.
    with contextlib.suppress(AgentError):
        await running.signal(9)
