"""``alcove prep``: makes a source folder ready for ``alcove up``."""

from __future__ import annotations

from pathlib import Path

import click

from alcove import errors
from alcove.cli import output
from alcove.prep.preparing import prepare, upgrade_project


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--enable-ingress", "--public", "ingress", is_flag=True, help="Give the service a URL for everybody."
)
@click.option(
    "--chart",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Use this Helm chart instead of making one.",
)
@click.option("--upgrade", is_flag=True, help="Bring azds.yaml to the newest apiVersion; do nothing else.")
@output.format_option
def prep(directory: Path, ingress: bool, chart: Path | None, upgrade: bool, output_format: str) -> None:
    """Write what 'alcove up' needs in DIRECTORY: Dockerfiles, a Helm chart, azds.yaml.

    Files that exist are kept as they are.
    """
    if upgrade:
        if ingress or chart is not None:
            raise errors.UsageError("--upgrade goes with no other option", hint="run prep once for each")
        _upgrade(directory, output_format)
        return
    prepared = prepare(directory, ingress=ingress, chart=chart)
    said = output.Progress("auto")
    for note in prepared.plan.notes:
        said.say(note)
    if output_format == "table":
        rows = [{"path": path, "state": state} for path, state in prepared.files.items()]
        output.print_table(rows, {"FILE": "path", "STATE": "state"})
    else:
        output.print_document(prepared.document(), output_format)
    for warning in prepared.plan.warnings:
        said.warn(warning)
    said.say(_next_step(prepared.files))


def _upgrade(directory: Path, output_format: str) -> None:
    changed = upgrade_project(directory)
    state = "upgraded" if changed else "kept"
    if output_format == "table":
        output.print_table([{"path": "azds.yaml", "state": state}], {"FILE": "path", "STATE": "state"})
    else:
        document = {"directory": str(directory.absolute()), "files": [{"path": "azds.yaml", "state": state}]}
        output.print_document(document, output_format)


def _next_step(files: dict[str, str]) -> str:
    if "azds.yaml" in files:
        return "Ready: 'alcove up' runs it"
    return "Write a Dockerfile, then run 'alcove prep' again"
