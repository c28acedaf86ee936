"""What the commands beside ``up`` do: attach, logs, exec, down, and the list of sessions."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alcove import aio, errors
from alcove.app.up.calling import CallError, HubClient, checked
from alcove.app.up.composition import SpaceHub
from alcove.kube.errors import KubeError
from alcove.sessions import calls
from alcove.sessions.wire import LostError, Wire

_PIECE = 1 << 16


class Terminal(Protocol):
    """Where a command's input comes from and its output goes."""

    def write(self, stream: int, content: bytes) -> None:
        """Take output: 1 stdout, 2 stderr."""

    async def read(self) -> bytes:
        """Give input, none at its end."""


@dataclass(frozen=True, slots=True)
class ExecChoices:
    """How a command is run beside a service's own."""

    argv: tuple[str, ...]
    instance: str = ""
    stdin: bool = True
    replace: bool = False
    restore: bool = False


async def find_session(hub: SpaceHub, name: str, directory: Path) -> calls.SessionView:
    """Give the session that is named, or that of a directory.

    Raises:
        ConflictError: there is none, or more than one.
    """
    views = await list_sessions(hub)
    found = [one for one in views if _is_called(one, name, directory)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{one.project} ({one.id})" for one in views) or "none"
    what = repr(name) if name else f"of {directory}"
    raise errors.ConflictError(
        f"more than one session is called {what}" if found else f"there is no session {what}",
        cause=f"sessions of the space {hub.place.path!r}: {known}",
        hint="name one: --session NAME" if views else "alcove up starts one",
    )


async def list_sessions(hub: SpaceHub) -> tuple[calls.SessionView, ...]:
    """Give the sessions of a space; none where there is no hub."""
    if not await hub.exists():
        return ()
    await hub.ensure()
    told = await hub.calls.ask(calls.List())
    return told.sessions if isinstance(told, calls.Sessions) else ()


async def bring_down(hub: SpaceHub, session: str) -> calls.Removed:
    """Remove a session with what it installed, and the hub with the last one."""
    told = await hub.calls.ask(calls.Down(session))
    if not isinstance(told, calls.Removed):
        raise LostError("the hub answers something else")
    if not told.left:
        await hub.remove()
    return told


async def follow_logs(client: HubClient, call: calls.Logs) -> AsyncIterator[calls.Told]:
    """Yield what the instances print."""
    async with client.call(call) as wire:
        while (frame := await wire.next_frame()) is not None:
            yield checked(wire.read_value(frame, calls.TOLD))


async def follow_session(
    client: HubClient, session: str, tell: Callable[[calls.Told], None], *, verbose: bool, tail: int
) -> None:
    """Tell of a session's events and of what its instances print, until cancelled."""

    async def events() -> None:
        async with client.call(calls.Attach(session, verbose=verbose)) as wire:
            while (frame := await wire.next_frame()) is not None:
                tell(checked(wire.read_value(frame, calls.TOLD)))

    async def logs() -> None:
        async for told in follow_logs(client, calls.Logs(session, tail=tail)):
            tell(told)

    async with aio.open_background(name="attach") as tasks:
        works = {tasks.start(events(), name="events"), tasks.start(logs(), name="logs")}
        done, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        failures = [error for one in done if (error := one.exception())]
        tasks.cancel()
    if failures:
        raise failures[0]


async def run_command(client: HubClient, session: str, choices: ExecChoices, terminal: Terminal) -> int:
    """Run a command in an instance's container; give its exit code.

    Raises:
        CallError: it could not be started.
    """
    call = calls.Exec(
        session, choices.argv, choices.instance, choices.stdin, choices.replace, choices.restore
    )
    async with client.call(call) as wire, aio.open_background(name="exec") as tasks:
        if choices.stdin:
            tasks.start(_pass_input(terminal, wire), name="input")
        while True:
            told = checked(await wire.receive(calls.TOLD))
            if isinstance(told, calls.Output):
                async for content in wire.receive_bytes():
                    terminal.write(told.stream, content)
            elif isinstance(told, calls.Exited):
                return told.code if told.code >= 0 else 128 - told.code


async def _pass_input(terminal: Terminal, wire: Wire) -> None:
    with contextlib.suppress(LostError, KubeError, CallError):
        while content := await terminal.read():
            await wire.send_chunk(content)
        await wire.send_mark()


def _is_called(view: calls.SessionView, name: str, directory: Path) -> bool:
    if not name:
        return view.directory == str(directory)
    return name in (view.project, view.id) or (len(name) > 1 and view.id.startswith(name))
