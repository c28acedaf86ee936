"""``alcove canary``: what 'alcove doctor' and the tests send through a cluster; it runs in pods."""

from __future__ import annotations

import asyncio
import os
import socket

import click


@click.group()
def canary() -> None:
    """A service that says who it is, and a client (they run in pods; see 'alcove doctor')."""


@canary.command()
@click.option("--name", default="", help="Who it says it is; else $ALCOVE_CANARY, else the host's name.")
@click.option("--http", "http_port", default=8080, show_default=True)
@click.option("--grpc", "grpc_port", default=8081, show_default=True)
@click.option("--tcp", "tcp_port", default=9000, show_default=True)
def serve(name: str, http_port: int, grpc_port: int, tcp_port: int) -> None:
    """Answer HTTP, WebSockets, gRPC and raw TCP with who answers and what was received."""
    # Imported here, since gRPC takes its time.
    from alcove.app.canary.running import run_server
    from alcove.app.canary.serving import Ports

    who = name or os.environ.get("ALCOVE_CANARY") or socket.gethostname()
    asyncio.run(run_server(who, Ports(http_port, grpc_port, tcp_port)))


@canary.command()
def ask() -> None:
    """Make the requests that standard input describes, one JSON object a line."""
    from alcove.app.canary.running import run_asker

    asyncio.run(run_asker())
