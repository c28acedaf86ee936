"""``alcove list-up``: what runs in the selected space."""

from __future__ import annotations

import time

import click

from alcove.app.install.pods import tell_age
from alcove.app.spaces.composition import ClusterChoice
from alcove.cli import context, output
from alcove.cli.status import ask_cluster


@click.command("list-up")
@click.option("--all", "inherited", is_flag=True, help="Also what the space inherits from its ancestors.")
@context.cluster_options
@output.format_option
def list_up(inherited: bool, cluster: ClusterChoice, output_format: str) -> None:
    """List the services and pods of the selected space."""
    found = ask_cluster(cluster, lambda diagnostician: diagnostician.list_up(inherited=inherited))
    said = output.Progress("auto")
    if found.unseen:
        said.warn(f"you may not see the services of {', '.join(found.unseen)}")
    if output_format != "table":
        output.print_document([row.document() for row in found.rows], output_format)
        return
    if not found.rows:
        said.say(
            "Nothing runs in the selected space" + ("" if inherited else "; --all shows what it inherits")
        )
        return
    now = time.time()
    rows = [{**row.document(), "updated": tell_age(row.updated, now)} for row in found.rows]
    columns = {"Name": "name", "DevSpace": "space", "Type": "type", "Updated": "updated", "Status": "status"}
    output.print_table(rows, columns)
