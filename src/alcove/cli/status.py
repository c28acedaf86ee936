"""``alcove status``: what runs of Alcove in a cluster, and how well."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import click

from alcove.app.install.composition import open_diagnostician
from alcove.app.install.diagnosis import Diagnostician
from alcove.app.install.statuses import InstallationStatus
from alcove.app.spaces.composition import ClusterChoice
from alcove.cli import context, output

T = TypeVar("T")


def ask_cluster(cluster: ClusterChoice, work: Callable[[Diagnostician], Awaitable[T]]) -> T:
    """Open the cluster for one piece of work."""

    async def run() -> T:
        async with open_diagnostician(cluster, os.environ, home=Path.home()) as diagnostician:
            return await work(diagnostician)

    return asyncio.run(run())


@click.command()
@context.cluster_options
@output.format_option
def status(cluster: ClusterChoice, output_format: str) -> None:
    """Show what runs: the control plane, the gateway, and the proxies of each space."""
    found = ask_cluster(cluster, lambda diagnostician: diagnostician.status())
    if output_format != "table":
        output.print_document(found.document(), output_format)
        return
    _print(found)


def _print(found: InstallationStatus) -> None:
    said = output.Progress("auto")
    record = {
        "version": found.version,
        "endpoint": found.endpoint,
        "host suffix": found.host_suffix or ("-" if found.endpoint == "none" else "Pending"),
        "address": found.address or "-",
    }
    output.print_record(record, "table")
    output.print_text("")
    parts = [
        {"name": part.name, "ready": f"{part.ready}/{part.wanted}", "status": part.lacking or "Ready"}
        for part in found.parts
    ]
    output.print_table(parts, {"COMPONENT": "name", "READY": "ready", "STATUS": "status"})
    if found.spaces:
        output.print_text("")
        columns = ("space", "connected", "starting", "outdated", "missed")
        output.print_table([asdict(row) for row in found.spaces], {name.upper(): name for name in columns})
    elif found.spaces is None:
        said.warn("you may not list pods of all namespaces: nothing is known of the proxies")
    for part in found.parts:
        for problem in part.problems:
            said.warn(problem)
