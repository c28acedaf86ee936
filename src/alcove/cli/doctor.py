"""``alcove doctor``: checks everything, and says what to do about what is wrong."""

from __future__ import annotations

import secrets

import click

from alcove.app.install.checks import Check, Outcome
from alcove.app.install.diagnosis import Diagnostician
from alcove.app.spaces.composition import ClusterChoice
from alcove.cli import context, output
from alcove.cli.status import ask_cluster


@click.command()
@click.option(
    "--canary/--no-canary",
    default=True,
    show_default=True,
    help="Send requests through a space that is made for it, where all else is well.",
)
@context.cluster_options
@output.format_option
def doctor(canary: bool, cluster: ClusterChoice, output_format: str) -> int:
    """Check the cluster, the installation and the proxies; exit code 1 when something fails.

    The canary takes a few seconds and the right to make namespaces: requests in a space and its child, which
    are removed afterwards. Nothing else is changed.
    """

    async def work(diagnostician: Diagnostician) -> list[Check]:
        found = await diagnostician.examine()
        well = not any(check.outcome is Outcome.FAIL for check in found)
        flown = await diagnostician.fly_canary(secrets.token_hex(3)) if canary and well else []
        return [*found, *flown]

    checks = ask_cluster(cluster, work)
    if output_format == "table":
        for check in checks:
            _print(check)
    else:
        output.print_document([check.document() for check in checks], output_format)
    return int(any(check.outcome is Outcome.FAIL for check in checks))


def _print(check: Check) -> None:
    first, *more = check.told.splitlines() or [""]
    output.print_text(f"{check.outcome.value:<4}  {check.name:<19}  {first}".rstrip())
    for line in more:
        output.print_text(f"{'':<27}{line.strip()}")
    for line in check.hint.splitlines() if check.outcome is not Outcome.OK else ():
        output.print_text(f"{'':<27}hint: {line}")
