"""``alcove builder``: the process in the pods that make images; the control plane starts them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys

import click


@click.command("builder")
@click.option("-v", "--verbose", is_flag=True, help="Say more in the log.")
def builder(verbose: bool) -> None:
    """Make images on a node (runs in pods; the control plane starts it)."""
    # Imported here: only this process needs TLS and a server.
    from alcove.app.builder.composition import run_builder

    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(run_builder(os.environ))
