"""``alcove doctor``: checks everything, and says what to do about what is wrong."""

from __future__ import annotations

import click

from alcove.app.install.checks import Check, Outcome
from alcove.app.spaces.composition import ClusterChoice
from alcove.cli import context, output
from alcove.cli.status import ask_cluster


@click.command()
@context.cluster_options
@output.format_option
def doctor(cluster: ClusterChoice, output_format: str) -> int:
    """Check the cluster, the installation and the proxies; exit code 1 when something fails."""
    checks = ask_cluster(cluster, lambda diagnostician: diagnostician.examine())
    if output_format == "table":
        for check in checks:
            _print(check)
    else:
        output.print_document([check.document() for check in checks], output_format)
    return int(any(check.outcome is Outcome.FAIL for check in checks))


def _print(check: Check) -> None:
    first, *more = check.told.splitlines() or [""]
    output.print_text(f"{check.outcome.value:<4}  {check.name:<15}  {first}".rstrip())
    for line in more:
        output.print_text(f"{'':<23}{line.strip()}")
    for line in check.hint.splitlines() if check.outcome is not Outcome.OK else ():
        output.print_text(f"{'':<23}hint: {line}")
