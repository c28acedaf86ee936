"""A control plane with a real server, and Envoys that are started as the containers of one pod would be."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from tests.feature.xds.envoys import find_envoy
from yarl import URL

from alcove.admission import signing
from alcove.admission.bootstrap import (
    NODE_ID,
    Places,
    render_exchange_bootstrap,
    render_gateway_bootstrap,
    render_proxy_bootstrap,
)
from alcove.admission.certificates import Authority, Certificates, ServerCertificate
from alcove.admission.configuration import ServiceTarget
from alcove.admission.containers import AGENT, BOOTSTRAP, ENVOY, EXCHANGE, PLACES, proxy_command
from alcove.admission.identities import CERTIFICATE_PATH, TRUST_PATH, IdentityServer, KnownTokens
from alcove.admission.issuing import PodIdentity
from alcove.admission.probes import Check
from alcove.admission.server import AdmissionServer, ServerIdentity
from alcove.admission.settings import ControlPorts, Images, InjectionSettings, ProxyPorts
from alcove.embedded.kubelet.environment import expand
from alcove.images.programs import find_agent

POD = PodIdentity("uid-1", "shop", "web-0")
TOKEN = "header.of-web-0.signature"
_YEAR = 365 * 86_400.0
_SETTINGS = InjectionSettings(version="1", images=Images("init", "proxy"), control_plane="127.0.0.1")


def make_certificates(*names: str) -> Certificates:
    """Make an authority and a server's certificate of these names, by default those of the Service."""
    now = time.time()
    ends = now + _YEAR
    names = names or ServiceTarget("azds", "alcove").names()
    authority = Authority(signing.make_authority(now, ends), ends)
    pair = signing.make_server(authority.pair, now, ends, names=names)
    return Certificates((authority,), ServerCertificate(pair, ends, now, names, authority.pair.certificate))


class NoSpaces:
    """A directory without spaces."""

    observed = True

    async def find(self, namespace: str) -> None:
        """Know nothing."""


@dataclass
class ControlPlane:
    """What serves, and whom it knows."""

    certificates: Certificates
    tokens: KnownTokens = field(default_factory=lambda: KnownTokens({TOKEN: POD}))
    settings: InjectionSettings = _SETTINGS


@contextlib.asynccontextmanager
async def open_control_plane(certificates: Certificates) -> AsyncIterator[ControlPlane]:
    """Yield a control plane on this machine's loopback, and the settings by which pods find it."""
    plane = ControlPlane(certificates)
    identities = IdentityServer(plane.tokens, lambda: plane.certificates)
    server = AdmissionServer(NoSpaces(), lambda: plane.settings, identities=identities)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        plane.settings = replace(
            _SETTINGS,
            trust=certificates.bundle.decode(),
            control_ports=ControlPorts(https=listener.getsockname()[1]),
            ports=ProxyPorts(probes=free_port()),
        )
        async with server.serve(listener, ServerIdentity(certificates.server.pair)):
            yield plane


@dataclass(frozen=True)
class Pod:
    """The directories of one pod, and what its containers know of it."""

    directory: Path
    settings: InjectionSettings
    address: str = "127.0.0.1"

    @property
    def places(self) -> Places:
        """Where its proxy's files are."""
        at = str(self.directory)
        return Places(at, exchange=f"{at}/exchange.sock", admin=f"{at}/admin.sock")

    @property
    def facts(self) -> dict[str, str]:
        """What the downward API says."""
        return {
            "ALCOVE_POD_IP": self.address,
            "ALCOVE_POD_NAME": POD.name,
            "ALCOVE_POD_UID": POD.uid,
            "ALCOVE_SPACE": POD.namespace,
        }

    def exchange(self) -> contextlib.AbstractAsyncContextManager[Envoy]:
        """Run the Envoy of ``alcove-init``."""
        return open_envoy(render_exchange_bootstrap(self.settings, self.places.exchange), self)

    def proxy(self, *checks: Check) -> contextlib.AbstractAsyncContextManager[Envoy]:
        """Run the Envoy of ``alcove-proxy``."""
        return open_envoy(render_proxy_bootstrap(self.settings, self.places, checks), self)

    def gateway(self) -> contextlib.AbstractAsyncContextManager[Envoy]:
        """Run the Envoy of a gateway, whose name comes from its command line."""
        bootstrap = render_gateway_bootstrap(self.settings, self.places)
        return open_envoy(bootstrap, self, node=NODE_ID)

    async def fetch(self, path: str, token: str = TOKEN) -> Answer:
        """Ask the control plane through the exchange."""
        return await ask(self.places.exchange, path, method="POST", token=token)

    async def fetch_everything(self) -> None:
        """Fetch both files, as the agent does: complete, then renamed."""
        for path in (CERTIFICATE_PATH, TRUST_PATH):
            answer = await self.fetch(path)
            assert answer.status == 200, answer
            self.keep(path, answer.text)

    def keep(self, path: str, text: str) -> None:
        """Replace the file of what is fetched by a path."""
        name = f"{path.rpartition('/')[2]}.json"
        (self.directory / f".{name}").write_text(text)
        (self.directory / f".{name}").rename(self.directory / name)

    async def probe(self, path: str) -> int:
        """Ask as the kubelet does; give the status, 0 while nobody listens."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        url = f"http://{host}:{self.settings.ports.probes}"
        async with aiohttp.ClientSession() as session:
            try:
                async with session.get(URL(url + path, encoded=True)) as response:
                    return response.status
            except aiohttp.ClientConnectorError:
                return 0

    async def until_probed(self, path: str, status: int) -> None:
        """Probe until the answer is this one."""
        async with asyncio.timeout(10):
            while await self.probe(path) != status:
                pass

    async def until_ready(self) -> None:
        """Ask the admin interface until the proxy serves."""
        async with asyncio.timeout(10):
            while (await ask(self.places.admin, "/ready")).status != 200:
                pass


@dataclass(frozen=True)
class Answer:
    """What was answered; status 0 means that nobody listens."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


async def ask(path: str, url: str, *, method: str = "GET", token: str = "") -> Answer:
    """Ask over a Unix socket."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:
        try:
            async with session.request(method, f"http://any{url}", headers=headers) as response:
                return Answer(response.status, await response.text(), dict(response.headers))
        except aiohttp.ClientConnectionError:
            return Answer(0)


async def until_listening(path: str) -> None:
    """Wait until somebody accepts connections at a Unix socket."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(ConnectionRefusedError, FileNotFoundError):
                _, writer = await asyncio.open_unix_connection(path)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0)


class Envoy:
    """A running Envoy and everything it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """See ``open_envoy``."""
        self._process = process

    async def end(self) -> str:
        """Kill it; give what it said."""
        if self._process.returncode is None:
            self._process.kill()
        _, said = await self._process.communicate()
        return said.decode()


@contextlib.asynccontextmanager
async def open_envoy(bootstrap: dict[str, Any], pod: Pod, *, node: str = "") -> AsyncIterator[Envoy]:
    """Yield an Envoy that runs as a container's command would, with its variables expanded."""
    command = command_line(bootstrap, pod.facts, proxy_command(pod.settings, node=node))
    process = await asyncio.create_subprocess_exec(
        *command, stderr=asyncio.subprocess.PIPE, env={"PATH": os.environ["PATH"]}
    )
    envoy = Envoy(process)
    try:
        yield envoy
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@contextlib.asynccontextmanager
async def open_agent(pod: Pod, *checks: Check) -> AsyncIterator[asyncio.subprocess.Process]:
    """Yield the agent as it is the first process of ``alcove-proxy``, but for the places of its files."""
    documents = {
        BOOTSTRAP: render_proxy_bootstrap(pod.settings, pod.places, checks),
        EXCHANGE: render_exchange_bootstrap(pod.settings, pod.places.exchange),
    }
    variables = {name: expand(json.dumps(each), pod.facts) for name, each in documents.items()}
    (pod.directory / "token").write_text(TOKEN)
    command = [expand(word, variables) for word in proxy_command(pod.settings)]
    places = {ENVOY: find_envoy(), AGENT: str(find_agent()), PLACES.identity: str(pod.directory)}
    command[command.index("--token") + 1] = str(pod.directory / "token")
    command[command.index("--socket") + 1] = pod.places.exchange
    process = await asyncio.create_subprocess_exec(
        *(places.get(word, word) for word in command), stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.terminate()
        await process.communicate()


def command_line(bootstrap: dict[str, Any], facts: Mapping[str, str], command: Sequence[str]) -> list[str]:
    """Give what the agent is told to run first, by the Envoy of this machine."""
    variables = {**facts, BOOTSTRAP: expand(json.dumps(bootstrap), facts)}
    told = command[command.index("--") + 2 :]
    arguments = itertools.takewhile(lambda word: word != "--", told)
    return [find_envoy(), *(expand(word, variables) for word in arguments)]


def free_port() -> int:
    """Give a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
