"""Which cluster a command speaks to: the options, the way in, and ``alcove show-context``."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from alcove.app.spaces.composition import ClusterChoice, open_use_cases
from alcove.app.spaces.usecases import SpaceUseCases
from alcove.cli import output

T = TypeVar("T")


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--kubeconfig`` and ``--context`` to a command (parameter ``cluster``)."""

    @functools.wraps(command)
    def with_choice(*arguments: Any, kubeconfig: Path | None, context: str, **options: Any) -> Any:
        return command(*arguments, cluster=ClusterChoice(kubeconfig, context), **options)

    add_context = click.option("--context", default="", help="A context of it; else the current one.")
    add_path = click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path, dir_okay=False),
        default=None,
        help="The file that says how to reach the cluster; else as kubectl finds it.",
    )
    return add_path(add_context(with_choice))


def ask_cluster(cluster: ClusterChoice, work: Callable[[SpaceUseCases], Awaitable[T]]) -> T:
    """Open the cluster for one piece of work; nothing stays open while people are asked."""

    async def run() -> T:
        async with open_use_cases(cluster, os.environ, home=Path.home()) as use_cases:
            return await work(use_cases)

    return asyncio.run(run())


@click.command("show-context")
@cluster_options
@output.format_option
def show_context(cluster: ClusterChoice, output_format: str) -> None:
    """Show where commands go: context, server, selected space, host suffix."""
    found = ask_cluster(cluster, lambda use_cases: use_cases.show_context())
    if found.missing:
        output.Progress("auto").warn(f"the selected space '{found.space}' does not exist (any more)")
    document = found.document()
    if output_format != "table":
        output.print_document(document, output_format)
        return
    output.print_table(
        [document], {"NAME": "name", "SERVER": "server", "SPACE": "space", "HOSTSUFFIX": "hostSuffix"}
    )
