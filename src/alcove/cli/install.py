"""``alcove enable`` and ``alcove disable``: Alcove in a cluster, and out of it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from alcove.app.install.composition import open_installer
from alcove.app.install.rendering import render_objects
from alcove.app.install.settings import Endpoint, Wishes, settle
from alcove.app.install.suffixes import Suffix
from alcove.app.install.usecases import Deadlines, Installer
from alcove.app.spaces.composition import ClusterChoice
from alcove.app.spaces.creation import CreationRequest, is_reserved
from alcove.app.spaces.paths import parse_path
from alcove.app.spaces.world import World
from alcove.cli import context, output
from alcove.kube.client import Object
from alcove.kube.errors import KubeError
from alcove.model import SpaceName

_READY_SECONDS = 300.0
_GONE_SECONDS = 120.0
_FIRST_SPACE = "default"
_TITLE = "Select a space, or a Kubernetes namespace to use as a space."

T = TypeVar("T")


def ask_cluster(cluster: ClusterChoice, work: Callable[[Installer], Awaitable[T]]) -> T:
    """Open the cluster for one piece of work; nothing stays open while people are asked."""

    async def run() -> T:
        async with open_installer(cluster, os.environ, home=Path.home()) as installer:
            return await work(installer)

    return asyncio.run(run())


def _wish_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what may be chosen of an installation (as the fields of ``Wishes``)."""
    endpoint = click.option(
        "-e",
        "--endpoint",
        type=click.Choice([one.value for one in Endpoint], case_sensitive=False),
        default=None,
        help="How the gateway is reached; else as it is already, at first public.",
    )
    suffix = click.option(
        "--host-suffix",
        default=None,
        metavar="DOMAIN",
        help="What entry hosts end with, '' to follow the address; else as it is, at first ADDRESS.sslip.io.",
    )
    registry = click.option(
        "--image-registry",
        default=None,
        metavar="PREFIX",
        help="Where the images are: PREFIX/alcove, PREFIX/proxy.",
    )
    return endpoint(suffix(registry(command)))


def _dry_run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    dry = click.option("--dry-run", is_flag=True, help="Print the objects and change nothing.")
    form = click.option(
        "-o",
        "--output",
        "output_format",
        type=click.Choice(["yaml", "json"]),
        default="yaml",
        show_default=True,
        help="How --dry-run prints.",
    )
    return dry(form(command))


@click.command()
@click.option(
    "-s", "--space", default="", metavar="[PARENT/]NAME", help="The first space; else it is asked for."
)
@_wish_options
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=_READY_SECONDS,
    show_default=True,
    help="Seconds to wait until it is ready; 0: do not wait.",
)
@click.option(
    "-y", "--yes", is_flag=True, help=f"Do not ask; without --space, '{_FIRST_SPACE}' is the first."
)
@_dry_run_options
@context.cluster_options
@output.progress_option
def enable(
    cluster: ClusterChoice, progress: str, *, dry_run: bool, output_format: str, **options: Any
) -> None:
    """Make a cluster ready for spaces, or bring what is there to this version.

    Running it again changes nothing that is right already. What will not work is said before anything is
    changed.
    """
    said = output.Progress(progress)
    endpoint = Endpoint(options["endpoint"]) if options["endpoint"] else None
    wishes = Wishes(endpoint, options["host_suffix"], options["image_registry"])
    if dry_run:
        output.print_text(_write(_render(cluster, wishes, said), output_format))
        return
    _enable(cluster, wishes, said, space=options["space"], yes=options["yes"], seconds=options["timeout"])


@click.command()
@click.option("--restart", is_flag=True, help="Restart the workloads of spaces: they lose their proxies.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=_GONE_SECONDS,
    show_default=True,
    help="Seconds to wait until Alcove's namespace is gone.",
)
@context.cluster_options
@output.progress_option
def disable(cluster: ClusterChoice, progress: str, restart: bool, yes: bool, timeout: float) -> None:
    """Take Alcove out of a cluster; the namespaces and workloads of spaces stay.

    Spaces keep their labels: after another 'alcove enable' they are there again.
    """
    said = output.Progress(progress)
    restarted_at = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if restart else ""
    plan = ask_cluster(cluster, lambda installer: installer.plan_disable(restarted_at=restarted_at))
    for warning in plan.warnings:
        said.warn(warning)
    if plan.question and not yes:
        output.confirm(plan.question, default=False)
    ask_cluster(cluster, lambda installer: installer.disable(plan, said.say, seconds=timeout))
    said.say(plan.summary)


def _enable(
    cluster: ClusterChoice, wishes: Wishes, said: output.Progress, *, space: str, yes: bool, seconds: float
) -> None:
    selected = None if space else ask_cluster(cluster, _selected)
    space = space or selected or (_FIRST_SPACE if yes else "")
    plan = ask_cluster(cluster, lambda installer: installer.plan_enable(wishes, space=space))
    for warning in plan.warnings:
        said.warn(warning)
    if plan.question and not yes:
        output.confirm(plan.question, default=False)
    suffix = ask_cluster(cluster, lambda installer: installer.enable(plan, said.say, Deadlines(seconds)))
    _tell(suffix, said, gateway=plan.settings.endpoint is not Endpoint.NONE)
    if not selected:
        space = _make_first_space(cluster, said, space, yes=yes)
    name = ask_cluster(cluster, _name_of)
    said.say(f"{name} is ready for development in the space '{space}'.")


def _make_first_space(cluster: ClusterChoice, said: output.Progress, space: str, *, yes: bool) -> str:
    """Make and select it; give its path."""
    path = parse_path(space or _choose_space(cluster))
    plan = ask_cluster(cluster, lambda installer: installer.spaces.plan_creation(CreationRequest(path)))
    for warning in plan.warnings:
        said.warn(warning)
    if plan.question and not yes:
        output.confirm(plan.question, default=True)

    async def work(installer: Installer) -> str:
        await installer.spaces.apply(plan, said.say)
        return await installer.spaces.select(path)

    told = ask_cluster(cluster, work)
    said.say(plan.summary)
    said.say(told)
    return str(path)


def _choose_space(cluster: ClusterChoice) -> str:
    world = ask_cluster(cluster, lambda installer: installer.spaces.observe())
    return output.choose(
        _TITLE, _candidates(world), first=1, free=True, instead="name it: --space NAME; or -y"
    )


def _candidates(world: World) -> list[str]:
    """Give spaces and the namespaces that can be one."""
    spaces = [world.tree.path(name) for name in world.spaces]
    others = sorted(name for name in world.namespaces if not world.is_space(name) and not is_reserved(name))
    return [*spaces, *others]


async def _selected(installer: Installer) -> str | None:
    """Give the path of the space that is selected already, as far as it is one still."""
    name = await installer.spaces.selected()
    if name is None:
        return None
    world = await installer.spaces.observe()
    return world.tree.path(SpaceName(name)) if world.is_space(name) and not world.ending(name) else None


async def _name_of(installer: Installer) -> str:
    name = installer.cluster
    return name[:1].upper() + name[1:]


def _tell(suffix: Suffix, said: output.Progress, *, gateway: bool) -> None:
    if suffix.text:
        said.say(f"Host suffix: {suffix.text}")
    elif gateway:
        said.say("Host suffix: pending, since the gateway has no address yet; alcove status tells")
    if suffix.record:
        said.say(f"  a DNS record has to be made for it: {suffix.record}")


def _render(cluster: ClusterChoice, wishes: Wishes, said: output.Progress) -> Sequence[Object]:
    """Give the objects as the cluster's record has it; without a cluster, as a new one gets them."""
    try:
        return ask_cluster(cluster, lambda installer: installer.render(wishes))
    except KubeError as error:
        said.warn(f"the cluster is not asked what it has already: {error}")
        return render_objects(settle(wishes, {}))


def _write(objects: Sequence[Object], output_format: str) -> str:
    if output_format == "json":
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}, indent=2)
    import yaml

    plain = json.loads(json.dumps(list(objects)))
    return str(yaml.safe_dump_all(plain, sort_keys=False, explicit_start=True))
