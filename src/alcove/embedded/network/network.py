"""The network of one cluster: sets up the node's namespace, attaches pods, and follows services."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from alcove import aio
from alcove.embedded import ports
from alcove.embedded.network import addresses, relays, rules
from alcove.embedded.network.names import Names
from alcove.embedded.network.nameserver import NameServer
from alcove.embedded.network.services import SERVICES, SLICES, ServiceKey, ServiceTable
from alcove.embedded.ports import NODE_NETNS, NetnsId, PodAttachment

_log = logging.getLogger(__name__)

_QUIET_SECONDS, _LONGEST_SECONDS = 0.005, 0.05
_BACKLOG = 1024
_READ_AHEAD = 128 << 10
_NODE_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
}
# The default route only makes local connections routable at all: the rules redirect or refuse what takes it.
_NODE_ROUTES = f"""\
addr add {addresses.NODE}/32 dev lo
route add unreachable {addresses.PODS}
route add default dev lo src {addresses.NODE}
"""


def _log_trouble(service: ServiceKey, why: str) -> None:
    _log.warning("service %s/%s: %s", service.namespace, service.name, why)


class Network:
    """Implements ``ports.PodNetwork``; made by ``open_network``."""

    def __init__(self, launcher: ports.Launcher, known: Names) -> None:
        """Use the namespaces of ``launcher``; keep ``known`` up to date in ``follow``."""
        self._launcher = launcher
        self._names = known
        self._table = ServiceTable()
        self._pool = addresses.AddressPool()
        self._pods: dict[str, PodAttachment] = {}
        self._attaching = asyncio.Lock()
        self._plan = rules.RulePlan()
        self._changed = asyncio.Event()

    @property
    def node_address(self) -> str:
        """The node's address, as pods see it."""
        return addresses.NODE

    @property
    def dns_address(self) -> str:
        """The DNS service's cluster address."""
        return addresses.DNS

    # ----------------------------------------------------------------------------------------- pods

    async def attach(self, pod_uid: str, *, host_network: bool) -> PodAttachment:
        """Give the pod a namespace and an address; the same again for the same uid.

        Raises:
            LookupError: every address is taken.
        """
        async with self._attaching:
            known = self._pods.get(pod_uid)
            if known is None:
                node = PodAttachment(NODE_NETNS, addresses.NODE)
                known = self._pods[pod_uid] = node if host_network else await self._connect_pod()
            return known

    async def _connect_pod(self) -> PodAttachment:
        address = self._pool.take()
        try:
            netns = await self._launcher.create_netns()
            await self._launcher.create_veth(
                ports.Veth(_link_name(address), "eth0", netns, address, addresses.GATEWAY)
            )
        except BaseException:
            self._pool.give_back(address)
            raise
        return PodAttachment(netns, address)

    async def detach(self, pod_uid: str) -> None:
        """Take namespace and address back; idempotent."""
        async with self._attaching:
            attachment = self._pods.pop(pod_uid, None)
            if attachment is None or attachment.netns == NODE_NETNS:
                return
            await self._launcher.delete_route(attachment.address)
            await self._launcher.close_netns(attachment.netns)
            self._pool.give_back(attachment.address)

    @contextlib.asynccontextmanager
    async def open_connection(
        self,
        netns: NetnsId,
        host: str,
        port: int,
        *,
        seconds: float,
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Connect by TCP from inside ``netns``; ``host`` is an IPv4 address or ``localhost``.

        Raises:
            OSError: as for any connection; TimeoutError after ``seconds``.
        """
        target = "127.0.0.1" if host == "localhost" else host
        async with asyncio.timeout(seconds):
            unconnected = await self._launcher.open_socket(netns, socket.AF_INET, socket.SOCK_STREAM)
            connected = await relays.connect(unconnected, target, port)
        reader, writer = await asyncio.open_connection(sock=connected, limit=_READ_AHEAD)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def listen(self, port: int, *, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """Give a non-blocking socket bound to the node's address inside, listening if it is a stream's.

        Raises:
            OSError: the port is taken inside (by a hostNetwork pod).
        """
        bound = await self._launcher.open_socket(NODE_NETNS, socket.AF_INET, kind)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((addresses.NODE, port))
            if kind == socket.SOCK_STREAM:
                bound.listen(_BACKLOG)
        except OSError:
            bound.close()
            raise
        return bound

    # ------------------------------------------------------------------------------------- services

    async def prepare(self) -> None:
        """Give the node's namespace its address, routes and the table without any service."""
        await self._launcher.set_sysctls(NODE_NETNS, _NODE_SYSCTLS)
        await self._launcher.run_tool(["ip", "-batch", "-"], stdin=_NODE_ROUTES.encode())
        await self._load(rules.render_table(self._plan))

    async def follow(self, cluster: ports.ClusterApi, *, trouble: relays.Trouble = _log_trouble) -> None:
        """Keep names, rules and entrances as the cluster's services are, until cancelled.

        A change reaches the kernel in one transaction with those that come within a few milliseconds.
        ``trouble`` is told once when a node port cannot be had on the machine.
        """
        async with aio.open_background(name="services") as background:
            entrances = relays.Entrances(background, self._open_inside, trouble)
            background.start(self._apply_changes(entrances), name="rules")
            synced = False
            async for event in cluster.watch(SERVICES, SLICES):
                synced = synced or event.type == "SYNCED"
                key = self._table.observe(event) if event.type != "SYNCED" else None
                if key is not None:
                    self._names.update(key, self._table.routes.get(key))
                if synced:
                    self._changed.set()

    async def _open_inside(self) -> socket.socket:
        return await self._launcher.open_socket(NODE_NETNS, socket.AF_INET, socket.SOCK_STREAM)

    async def _apply_changes(self, entrances: relays.Entrances) -> None:
        while True:
            await self._changed.wait()
            await self._settle()
            await self.apply_rules()
            entrances.apply(relays.plan_entrances(self._table.routes))

    async def _settle(self) -> None:
        """Wait until no more changes come, but not for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_SECONDS):
                while self._changed.is_set():
                    self._changed.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_QUIET_SECONDS):
                            await self._changed.wait()
        self._changed.clear()

    async def apply_rules(self) -> None:
        """Bring the kernel's rules to what the services are now."""
        plan = rules.plan_rules(self._table.routes.values())
        change = rules.render_change(self._plan, plan)
        if not change:
            return
        try:
            await self._load(change)
        except ports.ToolError as error:
            _log.warning("the service rules are made anew: %s", error)
            await self._load(rules.render_table(plan))
        self._plan = plan

    async def _load(self, text: str) -> None:
        await self._launcher.run_tool(["nft", "-f", "-"], stdin=text.encode())


def _link_name(address: str) -> str:
    return "pod" + socket.inet_aton(address).hex()


@contextlib.asynccontextmanager
async def open_network(
    launcher: ports.Launcher,
    *,
    domain: str = "cluster.local",
    resolver: Path = Path("/etc/resolv.conf"),
) -> AsyncIterator[Network]:
    """Set the node's namespace up and yield its network; DNS and the way out are served within the block.

    Raises:
        ports.ToolError: ``ip`` or ``nft`` is missing or refuses.
    """
    known = Names(domain)
    network = Network(launcher, known)
    await network.prepare()
    with (
        await network.listen(53, kind=socket.SOCK_DGRAM) as datagrams,
        await network.listen(53) as stream,
        await network.listen(addresses.EGRESS_PORT) as way_out,
    ):
        async with aio.open_background(name="network") as background:
            background.start(NameServer(known, resolver=resolver).serve(datagrams, stream), name="dns")
            background.start(relays.serve_relay(way_out, relays.dial_outside), name="egress")
            yield network
