"""``alcove controlplane``: the process that runs in a cluster, started by what ``alcove enable`` installs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys

import click


@click.command("controlplane")
@click.option("-v", "--verbose", is_flag=True, help="Say more in the log.")
def controlplane(verbose: bool) -> None:
    """Run the control plane (in a cluster; see 'alcove enable')."""
    # Imported here: only this process needs gRPC and the generated messages.
    from alcove.app.controlplane.composition import run_controlplane

    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(run_controlplane(os.environ))
