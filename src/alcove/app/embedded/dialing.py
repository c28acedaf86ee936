"""How admission reaches the Services of the cluster, whose network the daemon itself is not in."""

from __future__ import annotations

import socket

from alcove.embedded.objects import GroupResource
from alcove.embedded.ports import NODE_NETNS, ClusterReader, Launcher

_SERVICES = GroupResource("services")


class ClusterDialer:
    """Finds a Service's cluster address and gives sockets on the node."""

    def __init__(self, reader: ClusterReader, launcher: Launcher) -> None:
        """Look Services up in ``reader``; sockets come from ``launcher``."""
        self._reader = reader
        self._launcher = launcher

    def endpoint(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        """Give the cluster address of a Service.

        Raises:
            LookupError: there is no such Service, or it has no such port.
        """
        service = self._reader.get(_SERVICES, namespace, name)
        if service is None:
            raise LookupError(f'service "{name}" not found')
        spec = service.get("spec") or {}
        address = spec.get("clusterIP")
        if not address or address == "None":
            raise LookupError(f'service "{name}" has no cluster address')
        if port not in [entry.get("port") for entry in spec.get("ports") or ()]:
            raise LookupError(f'service "{name}" has no port {port}')
        return address, port

    async def open_socket(self) -> socket.socket:
        """Give a socket in the node's network namespace, not connected."""
        return await self._launcher.open_socket(NODE_NETNS, socket.AF_INET, socket.SOCK_STREAM)
