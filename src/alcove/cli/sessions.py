"""``alcove down``, ``attach``, ``logs`` and ``exec``: what is done with sessions that run."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from alcove import errors
from alcove.app.spaces.composition import ClusterChoice
from alcove.app.up import telling, usecases
from alcove.app.up.composition import SpaceHub, open_space
from alcove.app.up.usecases import ExecChoices
from alcove.cli import context, output
from alcove.sessions import calls

T = TypeVar("T")


class Speaker:
    """Says what happens to sessions: to people on stderr, their output on stdout, or all of it as JSON."""

    def __init__(self, output_format: str, *, project: str = "", prefixed: bool = False) -> None:
        """Speak in a format; ``prefixed`` names the project in each line."""
        self._format = output_format
        self._project = project
        self._prefixed = prefixed
        self._lines = output.Lines()

    @property
    def is_json(self) -> bool:
        """Whether programs listen."""
        return self._format == "json"

    def of(self, project: str, *, prefixed: bool) -> Speaker:
        """Give one that speaks of a project, on the same terminal."""
        speaker = Speaker(self._format, project=project, prefixed=prefixed)
        speaker._lines = self._lines
        return speaker

    def tell(self, told: calls.Told) -> None:
        """Say an event."""
        if self.is_json:
            self.print(telling.document(told, self._project))
            return
        for said in telling.say(told):
            text = f"{self._project}: {said.text}" if self._prefixed else said.text
            if said.data:
                self._lines.data(text)
            elif said.began:
                self._lines.begin(text, f"{self._project}/{said.began}")
            elif said.ended:
                self._lines.end(text, f"{self._project}/{said.ended}")
            elif said.warning:
                self._lines.warn(text)
            else:
                self._lines.say(text)

    def print(self, document: dict[str, Any]) -> None:
        """Print an event of one's own, as JSON."""
        output.print_line({**document, "project": self._project})

    def say(self, text: str) -> None:
        """Say one line to people."""
        if not self.is_json:
            self._lines.say(f"{self._project}: {text}" if self._prefixed else text)

    def warn(self, text: str) -> None:
        """Say one line that must not be missed."""
        self._lines.warn(text)


def _session_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--session`` and ``--space``."""
    add_space = click.option("--space", default="", help="The space; else the selected one.")
    add_session = click.option(
        "--session", default="", help="A session's id or project; else that of the current directory."
    )
    return add_session(add_space(command))


def _ask(cluster: ClusterChoice, space: str, work: Callable[[SpaceHub], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_space(cluster, os.environ, home=Path.home(), space=space) as hub:
            return await work(hub)

    return asyncio.run(run())


def _directory(directory: Path | None) -> Path:
    return (directory or Path.cwd()).resolve()


@click.command("down")
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--all", "everything", is_flag=True, help="All sessions of the space.")
@_session_options
@context.cluster_options
@output.progress_option
def down(
    directory: Path | None,
    everything: bool,
    session: str,
    space: str,
    cluster: ClusterChoice,
    progress: str,
) -> None:
    """Remove the service of a directory (the current one by default) from the space."""
    said = output.Progress(progress)

    async def work(hub: SpaceHub) -> None:
        views = (
            await usecases.list_sessions(hub)
            if everything
            else [await usecases.find_session(hub, session, _directory(directory))]
        )
        if not views:
            said.say(f"Nothing is up in the space '{hub.place.path}'")
        for view in views:
            removed = await usecases.bring_down(hub, view.id)
            said.say(f"Removed {', '.join(removed.objects)} of '{view.project}'")

    _ask(cluster, space, work)


@click.command("attach")
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--tail", type=click.IntRange(min=0), default=10, show_default=True, help="Lines to begin with."
)
@click.option("-v", "--verbose", is_flag=True, help="Also show what the cluster says of the pods.")
@_session_options
@context.cluster_options
@output.event_format_option
def attach(
    directory: Path | None,
    session: str,
    space: str,
    cluster: ClusterChoice,
    output_format: str,
    **more: Any,
) -> None:
    """Follow a service that is up: its output and what happens to it. Ctrl+C detaches."""
    speaker = Speaker(output_format)

    async def work(hub: SpaceHub) -> None:
        view = await usecases.find_session(hub, session, _directory(directory))
        speaker.say(f"Attached to '{view.project}' in the space '{hub.place.path}'; press Ctrl+C to detach")
        await usecases.follow_session(
            hub.calls, view.id, speaker.tell, verbose=more["verbose"], tail=more["tail"]
        )

    try:
        _ask(cluster, space, work)
    except KeyboardInterrupt:
        speaker.say("Detached: the service keeps running")


@click.command("logs")
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@click.option(
    "--tail", type=click.IntRange(min=0), default=None, help="Only the last lines of each instance."
)
@click.option("--since", type=click.IntRange(min=1), default=None, help="Only the last seconds.")
@_session_options
@context.cluster_options
@output.event_format_option
def logs(
    directory: Path | None,
    session: str,
    space: str,
    cluster: ClusterChoice,
    output_format: str,
    **more: Any,
) -> None:
    """Print what a service that is up prints."""
    speaker = Speaker(output_format)

    async def work(hub: SpaceHub) -> None:
        view = await usecases.find_session(hub, session, _directory(directory))
        call = calls.Logs(view.id, more["follow"], more["tail"], more["since"])
        async for told in usecases.follow_logs(hub.calls, call):
            speaker.tell(told)

    try:
        _ask(cluster, space, work)
    except KeyboardInterrupt:
        return


@click.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND ARGS...")
@click.option("--config", "configuration", default="", help="Accepted: a session has one configuration.")
@click.option(
    "--restore-command",
    is_flag=True,
    help="Run it in the place of the service's command, and start that after.",
)
@click.option("--instance", default="", help="The pod; else the first that runs.")
@_session_options
@context.cluster_options
def exec_command(
    argv: tuple[str, ...],
    configuration: str,
    restore_command: bool,
    instance: str,
    session: str,
    space: str,
    cluster: ClusterChoice,
) -> None:
    """Run a command in the container of the service of the current directory; its exit code is this one's."""
    if configuration and not argv:
        raise errors.UsageError("a command is missing")
    choices = ExecChoices(argv, instance, replace=restore_command, restore=restore_command)
    terminal = output.ByteTerminal()

    async def work(hub: SpaceHub) -> int:
        view = await usecases.find_session(hub, session, Path.cwd().resolve())
        return await usecases.run_command(hub.calls, view.id, choices, terminal)

    sys.exit(_ask(cluster, space, work))
