"""``alcove hub``: the process that serves the sessions of a space, started by ``alcove up``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys

import click


@click.command("hub")
@click.option("-v", "--verbose", is_flag=True, help="Say more in the log.")
def hub(verbose: bool) -> None:
    """Run the hub of a space (in a cluster; see 'alcove up')."""
    # Imported here: only this process needs the store, Helm and the agents' protocol.
    from alcove.app.hub.composition import run_hub

    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(run_hub(os.environ))
