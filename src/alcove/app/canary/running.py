"""The two programs of the canary."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from typing import Any

from alcove.app.canary.asking import Asker
from alcove.app.canary.serving import Ports, open_canary


async def run_server(name: str, ports: Ports) -> None:
    """Serve until SIGTERM or SIGINT."""
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    async with open_canary(name, ports):
        await ending.wait()


async def run_asker() -> None:
    """Answer each line of standard input with a line, until it ends."""
    reader = asyncio.StreamReader(limit=8 << 20)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    async with contextlib.AsyncExitStack() as stack:
        asker = Asker(stack)
        while line := await reader.readline():
            _say(await asker.ask(_read(line)))


def _read(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _say(result: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
