"""``alcove list-uris``: where the services of a space are entered."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from alcove.app.gateway.composition import list_selected
from alcove.app.spaces.composition import ClusterChoice
from alcove.cli import context, output


@click.command("list-uris")
@click.option("--all", "inherited", is_flag=True, help="Also where an ancestor's version answers.")
@context.cluster_options
@output.format_option
def list_uris(inherited: bool, cluster: ClusterChoice, output_format: str) -> None:
    """Show by which URIs the services of the selected space are entered."""
    found = asyncio.run(list_selected(cluster, os.environ, home=Path.home(), inherited=inherited))
    rows = [row.document() for row in found.rows]
    if output_format == "table":
        output.print_table(rows, {"URI": "uri", "SPACE": "space", "SERVICE": "service", "STATUS": "status"})
    else:
        output.print_document(rows, output_format)
    for note in found.notes:
        output.Progress("auto").warn(note)
