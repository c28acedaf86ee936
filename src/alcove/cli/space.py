"""``alcove space``: makes, selects, lists, shows and removes spaces."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from alcove import errors
from alcove.app.spaces import views
from alcove.app.spaces.composition import ClusterChoice
from alcove.app.spaces.creation import CreationRequest
from alcove.app.spaces.paths import SpacePath, parse_path
from alcove.app.spaces.plans import Plan
from alcove.app.spaces.usecases import SpaceUseCases
from alcove.app.spaces.world import World
from alcove.cli import context, output
from alcove.model import SpaceName

_COMPLETION_SECONDS = 2.0
_GONE_SECONDS = 120.0
_NOT_LISTED = (
    "you may not list the cluster's namespaces: only the selected space, the context's namespace "
    "and their ancestors are looked at"
)


def _complete_space(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    cluster = ClusterChoice(ctx.params.get("kubeconfig"), ctx.params.get("context") or "")

    async def look(use_cases: SpaceUseCases) -> World:
        async with asyncio.timeout(_COMPLETION_SECONDS):
            return await use_cases.observe()

    try:
        world = context.ask_cluster(cluster, look)
    except (errors.AlcoveError, TimeoutError):
        return []
    paths = {world.tree.path(name) for name in world.spaces} | set(map(str, world.spaces))
    return sorted(path for path in paths if path.startswith(incomplete))


def _name_argument(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a space's name, as an argument or as ``-n`` (parameter ``name``, empty for none)."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_name(*arguments: Any, name: str | None, name_option: str | None, **options: Any) -> Any:
            if name and name_option and name != name_option:
                raise errors.UsageError("two names are given", cause=f"{name!r} and {name_option!r}")
            chosen = name or name_option or ""
            if required and not chosen:
                raise errors.UsageError("the name of a space is missing", hint="write NAME or PARENT/NAME")
            return command(*arguments, name=chosen, **options)

        metavar = "[PARENT/]NAME"
        option = click.option(
            "-n", "--name", "name_option", metavar=metavar, help="The same.", shell_complete=_complete_space
        )
        argument = click.argument("name", required=False, metavar=metavar, shell_complete=_complete_space)
        return argument(option(with_name))

    return add


_yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


@click.group()
def space() -> None:
    """Spaces: private views of the services of one cluster."""


@space.command()
@_name_argument(required=True)
@click.option("--move", is_flag=True, help="Give an existing space the parent that the name says.")
@click.option("--restart", is_flag=True, help="Restart workloads that run already.")
@click.option("--tls", is_flag=True, help="Let the gateway use the certificates that its Ingresses name.")
@_yes_option
@context.cluster_options
@output.progress_option
def create(name: str, cluster: ClusterChoice, progress: str, **flags: bool) -> None:
    """Make a space, or make a namespace one.

    PARENT/NAME makes a child of PARENT, which must be a space. What is there already stays as it is.
    """
    said = output.Progress(progress)
    restarted_at = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    request = CreationRequest(
        parse_path(name), flags["move"], restarted_at if flags["restart"] else "", flags["tls"]
    )
    _create(cluster, request, said, yes=flags["yes"])


@space.command()
@_name_argument(required=False)
@_yes_option
@context.cluster_options
@output.progress_option
def select(name: str, yes: bool, cluster: ClusterChoice, progress: str) -> None:
    """Select the space to work in; make it if need be."""
    said = output.Progress(progress)
    path = parse_path(name or _choose_space(cluster))
    world = context.ask_cluster(cluster, lambda use_cases: use_cases.observe(path.name, *path.ancestors))
    if not world.is_space(path.name) and path.name not in world.hidden:
        if not yes and path.parent is None:
            path = _choose_parent(world, path.name)
        question = f"Space '{path}' does not exist and will be created. Continue?"
        _create(cluster, CreationRequest(path), said, yes=yes, question=question)
    said.say(context.ask_cluster(cluster, lambda use_cases: use_cases.select(path)))


@space.command("list")
@context.cluster_options
@output.format_option
def list_spaces(cluster: ClusterChoice, output_format: str) -> None:
    """List the spaces; '*' marks the selected one."""

    async def look(use_cases: SpaceUseCases) -> tuple[World, SpaceName | None]:
        return await use_cases.observe(), await use_cases.selected()

    world, selected = context.ask_cluster(cluster, look)
    said = output.Progress("auto")
    if not world.complete:
        said.warn(_NOT_LISTED)
    rows = views.list_rows(world, selected)
    if output_format != "table":
        output.print_document([row.document() for row in rows], output_format)
        return
    if not rows:
        said.say("There is no space to show; make one: alcove space create NAME")
        return
    cells = [
        {**row.document(), "mark": "*" if row.selected else "", "status": views.status_text(row)}
        for row in rows
    ]
    output.print_table(cells, {"": "mark", "NAME": "path", "PARENT": "parent", "STATUS": "status"})


@space.command()
@_name_argument(required=True)
@click.option("--no-delete", is_flag=True, help="Keep the namespace and what runs in it.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=_GONE_SECONDS,
    show_default=True,
    help="Seconds to wait until the namespace is gone; 0: do not wait.",
)
@_yes_option
@context.cluster_options
@output.progress_option
def remove(name: str, timeout: float, cluster: ClusterChoice, progress: str, **flags: bool) -> None:
    """Delete a space with its namespace and all that is in it."""
    said = output.Progress(progress)
    path, keep = parse_path(name), flags["no_delete"]
    plan = context.ask_cluster(cluster, lambda use_cases: use_cases.plan_removal(path, keep=keep))
    _agree(plan, said, question=plan.question, yes=flags["yes"], default=False)
    context.ask_cluster(cluster, lambda use_cases: use_cases.apply(plan, said.say, seconds=timeout))
    said.say("Not waiting until it is gone" if plan.ends and not timeout else plan.summary)


@space.command()
@_name_argument(required=False)
@context.cluster_options
@output.format_option
def show(name: str, cluster: ClusterChoice, output_format: str) -> None:
    """Show a space and the services its users see."""
    path = parse_path(name) if name else None
    details = context.ask_cluster(cluster, lambda use_cases: use_cases.show(path))
    output.print_record(details.lines() if output_format == "table" else details.document(), output_format)
    if details.unseen:
        hidden = ", ".join(details.unseen)
        output.Progress("auto").warn(
            f"you may not see the services of {hidden}: what is inherited from there is not known"
        )


def _create(
    cluster: ClusterChoice, request: CreationRequest, said: output.Progress, *, yes: bool, question: str = ""
) -> None:
    plan = context.ask_cluster(cluster, lambda use_cases: use_cases.plan_creation(request))
    _agree(plan, said, question=plan.question or question, yes=yes, default=True)
    context.ask_cluster(cluster, lambda use_cases: use_cases.apply(plan, said.say))
    said.say(plan.summary)


def _agree(plan: Plan, said: output.Progress, *, question: str, yes: bool, default: bool) -> None:
    for warning in plan.warnings:
        said.warn(warning)
    if question and not yes:
        output.confirm(question, default=default)


def _choose_space(cluster: ClusterChoice) -> str:
    world = context.ask_cluster(cluster, lambda use_cases: use_cases.observe())
    paths = [world.tree.path(name) for name in world.spaces]
    return output.choose(
        "Select a space.", paths, first=1, free=True, instead="name it: alcove space select NAME"
    )


def _choose_parent(world: World, name: SpaceName) -> SpacePath:
    """Ask for a parent; there is nothing to ask where there is no space."""
    others = [world.tree.path(other) for other in world.spaces if other != name]
    if not others:
        return SpacePath(name)
    none, instead = "<none>", "name the parent: PARENT/NAME; or -y for none"
    chosen = output.choose(
        f"Select a parent for the space '{name}'.", [none, *others], first=0, instead=instead
    )
    return parse_path(f"{name}" if chosen == none else f"{chosen}/{name}")
