"""``alcove up``: from source folders to running services, and every save after that."""

from __future__ import annotations

import asyncio
import functools
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import msgspec

from alcove import aio, errors
from alcove.app.spaces.composition import ClusterChoice
from alcove.app.up import debugging, explaining
from alcove.app.up.composition import SpaceHub, open_space
from alcove.app.up.ports import OpenPort
from alcove.app.up.projects import Choices, LocalProject, open_project
from alcove.app.up.upping import ProjectUp, UpChoices
from alcove.cli import context, output
from alcove.cli.sessions import Speaker
from alcove.sessions import calls
from alcove.sessions.debugging import DEBUGGERS


@click.command("up", context_settings={"ignore_unknown_options": False})
@click.argument("words", nargs=-1, metavar="[DIRECTORY]... [-- COMMAND ARGS...]")
@click.option("-d", "--detach", is_flag=True, help="End as soon as the service runs; saves are not followed.")
@click.option("--config", "configuration", default="develop", show_default=True, help="Which configuration.")
@click.option(
    "--port", "ports", multiple=True, metavar="LOCAL:REMOTE", help="Open this port of the container here."
)
@click.option("--command", "program", default="", help="Run this instead of what azds.yaml says.")
@click.option("--no-command", is_flag=True, help="Leave out azds.yaml's command: run what the image says.")
@click.option("--await-exec", is_flag=True, help="Start nothing before 'alcove exec' does.")
@click.option("--keep-alive", is_flag=True, help="Accepted: containers outlive their command anyway.")
@click.option("--iterate/--no-iterate", default=True, help="Follow saves (the default) or not.")
@click.option("--debug", is_flag=True, help="Start with a debugger that can be attached to.")
@click.option("--explain", "explained", type=click.Path(path_type=Path), help="Say what a save of FILE does.")
@click.option("--space", default="", help="The space; else the selected one.")
@click.option("-v", "--verbose", is_flag=True, help="Also show what the cluster says of the pods.")
@click.option("--disable-http-traces", is_flag=True, hidden=True, help="Accepted: there are none yet.")
@context.cluster_options
@output.event_format_option
def up(words: tuple[str, ...], cluster: ClusterChoice, output_format: str, **options: Any) -> None:
    """Run source folders in the selected space: sync, build in the cluster, install, follow saves.

    Each DIRECTORY (the current one by default) has an azds.yaml; 'alcove prep' makes it. Ctrl+C detaches: the
    services keep running, until 'alcove down'.
    """
    directories, program = _split(words, options["program"])
    if options["explained"]:
        _explain(directories, options["explained"], options["configuration"])
        return
    choices = Choices(
        configuration=options["configuration"],
        program=program,
        own_command=not options["no_command"],
        hold=options["await_exec"],
    )
    running = UpChoices(
        detach=options["detach"],
        follow_saves=options["iterate"],
        verbose=options["verbose"],
        ports=parse_ports(options["ports"]),
    )
    speaker = Speaker(output_format)
    try:
        code = asyncio.run(
            _up(directories, choices, running, cluster, speaker, options["space"], debug=options["debug"])
        )
    except KeyboardInterrupt:
        speaker.say("Detached: the services keep running (alcove attach, alcove down)")
        code = 0
    sys.exit(code)


def parse_ports(texts: Iterable[str]) -> dict[int, int]:
    """Give the workstation's port by the container's.

    Raises:
        UsageError: this is no ``LOCAL:REMOTE``.
    """
    found: dict[int, int] = {}
    for text in texts:
        local, separator, remote = text.partition(":")
        numbers = [local, remote if separator else local]
        if not all(one.isascii() and one.isdigit() and 0 < int(one) < 65536 for one in numbers):
            raise errors.UsageError(
                f"--port {text!r} is not LOCAL:REMOTE", hint="for example --port 5005:8080"
            )
        if int(numbers[0]) in found.values():
            raise errors.UsageError(f"port {local} is given twice")
        found[int(numbers[1])] = int(numbers[0])
    return found


def _split(words: Sequence[str], program: str) -> tuple[list[Path], tuple[str, ...]]:
    """Tell directories from the command behind ``--``, which click has taken away."""
    behind = _behind_dashes(sys.argv, words)
    directories = words[: len(words) - len(behind)]
    for name in directories:
        if not Path(name).is_dir():
            raise errors.UsageError(
                f"{name!r} is no directory", hint="a command to run stands behind --: alcove up -- npm start"
            )
    try:
        argv = (*shlex.split(program), *behind)
    except ValueError as error:
        raise errors.UsageError(f"--command {program!r} cannot be read", cause=str(error)) from error
    return [Path(name).resolve() for name in directories] or [Path.cwd()], argv


def _behind_dashes(argv: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    if "--" not in argv:
        return ()
    behind = tuple(argv[argv.index("--") + 1 :])
    return behind if words[len(words) - len(behind) :] == behind else ()


def _explain(directories: Sequence[Path], file: Path, configuration: str) -> None:
    for line in explaining.explain(directories[0], Path.cwd() / file, os.environ, configuration):
        output.print_text(line)


async def _up(
    directories: Sequence[Path],
    choices: Choices,
    running: UpChoices,
    cluster: ClusterChoice,
    speaker: Speaker,
    space: str,
    *,
    debug: bool,
) -> int:
    async with open_space(cluster, os.environ, home=Path.home(), space=space) as hub:
        opens = [
            functools.partial(
                open_project,
                directory,
                os.environ,
                choices,
                hub.tokens,
                debugger=debugging.find_debugger(directory) if debug else "",
            )
            for directory in directories
        ]
        projects = [reopen() for reopen in opens]
        speaker.say(f"Using space '{hub.place.path}' with target '{hub.place.context}'")
        for project in projects:
            for warning in project.warnings:
                speaker.warn(warning)
        await hub.ensure(speaker.say)
        several = len(projects) > 1
        runs = [
            _run(hub, project, reopen, running, speaker.of(project.name, prefixed=several))
            for project, reopen in zip(projects, opens, strict=True)
        ]
        return max(await _all(runs))


async def _all(runs: Iterable[Any]) -> list[int]:
    """Run them side by side; the first error ends all."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run, name="up") for run in runs]
    except BaseExceptionGroup as failures:
        raise aio.innermost(failures) from None
    return [task.result() for task in tasks]


async def _run(
    hub: SpaceHub,
    project: LocalProject,
    reopen: Callable[[], LocalProject],
    choices: UpChoices,
    speaker: Speaker,
) -> int:
    """Run a project; begin anew whenever its azds.yaml says something else."""
    while True:
        work = _open_work(hub, project, reopen, choices, speaker)
        code = await work.run()
        if code is not None:
            return code
        project = work.fresh


def _open_work(
    hub: SpaceHub,
    project: LocalProject,
    reopen: Callable[[], LocalProject],
    choices: UpChoices,
    speaker: Speaker,
) -> ProjectUp:
    async def opened(running: calls.Running, ports: tuple[OpenPort, ...]) -> None:
        running = msgspec.structs.replace(running, hosts=await hub.locate(running.hosts))
        speaker.tell(running)
        if speaker.is_json:
            speaker.print({"event": "ports", "ports": [_port_document(one) for one in ports]})
            return
        for line in describe_places(running, ports):
            speaker.say(line)
        for line in _attach_lines(project, ports):
            speaker.say(line)
        if not choices.detach:
            speaker.say("Press Ctrl+C to detach")

    port = DEBUGGERS[project.settings.debug].port if project.settings.debug else 0
    if port:
        choices = replace(choices, ports={port: port, **choices.ports})
    return ProjectUp(
        hub.calls, project, choices, tell=speaker.tell, opened=opened, revive=hub.ensure, reopen=reopen
    )


def _attach_lines(project: LocalProject, ports: Iterable[OpenPort]) -> Iterable[str]:
    debugger = project.settings.debug
    if not debugger:
        return ()
    written = debugging.write_launch(project.directory)
    return debugging.attach_lines(debugger, {one.target: one.local for one in ports}, written=written)


def describe_places(running: calls.Running, ports: Iterable[OpenPort]) -> list[str]:
    """Give where a service is reached, as users of Azure Dev Spaces know it."""
    services = [port for port in running.ports if port.service]
    name = services[0].service if services else ""
    lines = [
        f"Service '{name}' port '{services[0].name or services[0].port}' is available at {url}"
        for url in running.hosts
        if services
    ]
    lines += [
        f"Service '{one.service or name}' port {one.port or one.target}"
        f"{f' ({one.name})' if one.name else ''} is available via port forwarding at {one.url}"
        for one in ports
    ]
    return lines


def _port_document(port: OpenPort) -> Mapping[str, Any]:
    return {
        "service": port.service,
        "name": port.name,
        "port": port.port,
        "target": port.target,
        "local": port.local,
        "url": port.url,
    }
