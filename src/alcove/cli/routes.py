"""``alcove routes``: why requests go where they go."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from alcove import errors
from alcove.app.observation.explanations import Explanation
from alcove.app.observation.reports import Report
from alcove.app.observation.usecases import Asked, explain, open_cluster
from alcove.app.spaces.composition import ClusterChoice
from alcove.cli import context, output


@click.group()
def routes() -> None:
    """Routing: who answers a request, and why."""


@routes.command("explain")
@click.argument("url")
@click.option(
    "--from", "source", default="", metavar="[SPACE/]POD", help="The pod that asks; else someone outside."
)
@click.option("--header", "written", multiple=True, metavar="NAME:VALUE", help="A header of the request.")
@context.cluster_options
@output.format_option
def explain_command(
    url: str, source: str, written: tuple[str, ...], cluster: ClusterChoice, output_format: str
) -> None:
    """Show who would answer a request to URL, and why. No request is made."""
    asked = Asked(url, tuple(map(_parse_header, written)), source)

    async def ask() -> tuple[Explanation, tuple[Report, ...]]:
        async with open_cluster(cluster, os.environ, home=Path.home(), source=source) as opened:
            return await explain(opened.client, asked, opened.home)

    found, reports = asyncio.run(ask())
    output.print_record(found.lines() if output_format == "table" else found.document(), output_format)
    for report in reports:
        output.Progress("auto").warn(str(report))


def _parse_header(written: str) -> tuple[str, str]:
    """Read ``NAME: VALUE``, as curl has it; ``NAME=VALUE`` counts too."""
    name, sign, value = written.partition(":")
    if not sign:
        name, sign, value = written.partition("=")
    if not sign or not name.strip():
        raise errors.UsageError(f"{written!r} is no header", hint="write --header 'azds-route-as: NAME'")
    return name.strip(), value.strip()
