"""The names of hosts, as this machine resolves them."""

from __future__ import annotations

import asyncio
import socket

_SECONDS = 5.0


class SystemNames:
    """The resolver of the operating system (``uris.NameService``)."""

    async def resolves(self, host: str) -> bool:
        """Tell whether a host has an address; one that nobody answers for in time has none."""
        try:
            async with asyncio.timeout(_SECONDS):
                return bool(await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError, TimeoutError):
            return False
